// SPDX-License-Identifier: MIT

import { PatternedMemory } from './pattern.js';

export interface ShadowBlock {
  readonly address: number;
  readonly size: number;
  readonly alignment: number;
  readonly tag: number;
}

/**
 * What must be true of a heap, kept outside of it: which blocks live and what is in them. A block that
 * shares a byte with another one shows as damage, at the latest when it is released.
 */
export class ShadowHeap {
  readonly #memory: WebAssembly.Memory;
  readonly #contents: PatternedMemory;
  readonly #blocks = new Map<number, ShadowBlock>();
  #lastTag = 0;
  #liveBytes = 0;

  constructor(memory: WebAssembly.Memory) {
    this.#memory = memory;
    this.#contents = new PatternedMemory(memory);
  }

  get count(): number {
    return this.#blocks.size;
  }

  /** What the owners of the blocks asked for. */
  get liveBytes(): number {
    return this.#liveBytes;
  }

  /** A new block: must be aligned, inside of memory, at a new place, and zero if so told. */
  add(address: number, size: number, alignment: number, { isZero = false } = {}): ShadowBlock {
    this.#assertPlace(address, size, alignment);
    if (isZero && !this.#contents.isZero(address, size)) {
      throw new Error(`the block of ${size} bytes at ${address} is not all zero`);
    }
    return this.#keep(address, size, alignment);
  }

  /** A block is about to be freed: its contents must be whole. */
  remove(block: ShadowBlock): void {
    this.verify(block);
    this.#forget(block);
  }

  /** A block was resized, perhaps moved: must have kept its contents up to the smaller size. */
  resize(block: ShadowBlock, address: number, size: number): ShadowBlock {
    this.#forget(block);
    this.#assertPlace(address, size, block.alignment);
    const kept = Math.min(block.size, size);
    const damage =
      kept === block.size
        ? this.#contents.findDamageToEnd(address, kept, block.tag)
        : this.#contents.findDamage(address, kept, block.tag);
    this.#assertWhole({ ...block, address }, damage);
    return this.#keep(address, size, block.alignment);
  }

  verify(block: ShadowBlock): void {
    this.#assertWhole(block, this.#contents.findDamageToEnd(block.address, block.size, block.tag));
  }

  verifyAll(): void {
    for (const block of this.#blocks.values()) this.verify(block);
  }

  /** Every block is gone at once. */
  clear(): void {
    this.verifyAll();
    this.#blocks.clear();
    this.#liveBytes = 0;
  }

  #keep(address: number, size: number, alignment: number): ShadowBlock {
    const block = { address, size, alignment, tag: ++this.#lastTag };
    this.#contents.fill(address, size, block.tag);
    this.#blocks.set(address, block);
    this.#liveBytes += size;
    return block;
  }

  #forget(block: ShadowBlock): void {
    this.#blocks.delete(block.address);
    this.#liveBytes -= block.size;
  }

  #assertPlace(address: number, size: number, alignment: number): void {
    const isInMemory = address > 0 && address + size <= this.#memory.buffer.byteLength;
    if (!isInMemory || address % Math.max(alignment, 16) !== 0 || this.#blocks.has(address)) {
      throw new Error(`no block of ${size} bytes aligned to ${alignment} can be at ${address}`);
    }
  }

  #assertWhole({ address, size }: ShadowBlock, damage: number | undefined): void {
    if (damage === undefined) return;
    throw new Error(`the block of ${size} bytes at ${address} was overwritten at offset ${damage}`);
  }
}
