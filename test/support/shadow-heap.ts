// SPDX-License-Identifier: MIT

import { PatternedMemory } from './pattern.js';

export interface ShadowBlock {
  readonly address: number;
  readonly size: number;
  readonly alignment: number;
  readonly tag: number;
}

/**
 * Records, outside of a heap, which blocks live and what they contain. Blocks that overlap are detected as
 * overwritten contents, at the latest when they are released.
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

  /** The sum of the requested sizes of all live blocks. */
  get liveBytes(): number {
    return this.#liveBytes;
  }

  /** Adds a new block; throws unless it is aligned, inside of memory, at an unused address, and zero if `isZero`. */
  add(address: number, size: number, alignment: number, { isZero = false } = {}): ShadowBlock {
    this.#assertPlace(address, size, alignment);
    if (isZero && !this.#contents.isZero(address, size)) {
      throw new Error(`the block of ${size} bytes at ${address} is not all zero`);
    }
    return this.#keep(address, size, alignment);
  }

  /** Removes a block that is about to be freed; throws unless its contents are intact. */
  remove(block: ShadowBlock): void {
    this.verify(block);
    this.#forget(block);
  }

  /** Updates a block that was resized or moved; throws unless it kept its contents up to the smaller size. */
  resize(block: ShadowBlock, address: number, size: number): ShadowBlock {
    this.#forget(block);
    this.#assertPlace(address, size, block.alignment);
    const kept = Math.min(block.size, size);
    const mismatch =
      kept === block.size
        ? this.#contents.findMismatchToEnd(address, kept, block.tag)
        : this.#contents.findMismatch(address, kept, block.tag);
    this.#assertIntact({ ...block, address }, mismatch);
    return this.#keep(address, size, block.alignment);
  }

  verify(block: ShadowBlock): void {
    this.#assertIntact(
      block,
      this.#contents.findMismatchToEnd(block.address, block.size, block.tag),
    );
  }

  verifyAll(): void {
    for (const block of this.#blocks.values()) this.verify(block);
  }

  /** Checks all blocks and removes them, for a reset of the heap. */
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

  #assertIntact({ address, size }: ShadowBlock, mismatch: number | undefined): void {
    if (mismatch === undefined) return;
    throw new Error(
      `the block of ${size} bytes at ${address} was overwritten at offset ${mismatch}`,
    );
  }
}
