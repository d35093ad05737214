// SPDX-License-Identifier: MIT
/// <reference lib="esnext.disposable" preserve="true" />

import { disposeSymbol } from '../core/dispose.js';
import { OutOfMemoryError, UseAfterFreeError } from '../core/errors.js';
import { granuleBytes } from '../core/units.js';
import { assertOptions, clampSize } from '../core/validate.js';
import type { MemoryViews } from '../module/memory-views.js';
import { Allocator } from './allocator.js';
import { HeapArray } from './heap-array.js';
import type { WatchedHandle } from './lost-handles.js';
import { type BlockOwner, deadEpoch, type OperationWatch } from './owner.js';

/** The options of `Heap.arena`. */
export interface ArenaOptions {
  /** The capacity, in bytes. Each block takes its size, rounded up to its alignment. */
  bytes: number;
}

/**
 * An allocator inside one block of a heap. It places blocks one behind the other, which takes a few additions
 * each, and frees all of them at once. `free` of a handle makes the handle dead, but frees no memory.
 *
 * An arena never grows: a call that allocates throws `OutOfMemoryError` where the rest of the arena is too small.
 */
export class Arena<B extends ArrayBufferLike = ArrayBuffer> extends Allocator<B> {
  readonly #block: ArenaBlock;

  /**
   * Use `arena` of a heap or scope.
   *
   * @internal
   */
  constructor(bytes: number, owner: BlockOwner) {
    super();
    this.#block = new ArenaBlock(bytes, owner);
  }

  /** The capacity, in bytes. */
  get bytes(): number {
    return this.#block.block.length;
  }

  /** Bytes from the start of the arena to the end of its last block. */
  get usedBytes(): number {
    return this.#block.usedBytes;
  }

  /** False once the arena was freed by `free`, its scope or its heap. */
  get alive(): boolean {
    return this.#block.block.alive;
  }

  /**
   * Frees all blocks of the arena in constant time. Their handles are dead.
   *
   * @throws UseAfterFreeError where the arena was freed.
   */
  reset(): void {
    this.#block.reset();
  }

  /**
   * Frees the arena's block in the heap. All handles are dead. Does nothing if the arena is already free.
   *
   * @throws DoubleFreeError where other code freed the arena's block by its address.
   */
  free(): void {
    this.#block.block.free();
  }

  /** Frees the arena, at the end of a `using` block. */
  [disposeSymbol](): void {
    this.free();
  }

  /** @internal */
  protected override get owner(): BlockOwner {
    return this.#block;
  }
}

/** The epoch of an arena that was freed. No handle has it. */
const freedEpoch = -3;

/** Returns the option `bytes`, checked. Call it before the owner allocates, since a getter may dispose the owner. */
export function planArena(options: ArenaOptions): number {
  assertOptions(options, ['bytes']);
  const { bytes } = options;
  clampSize('bytes', bytes);
  return bytes;
}

/** The block of an arena in its role as the owner of the blocks inside it. */
class ArenaBlock implements BlockOwner {
  readonly block: HeapArray<Uint8Array>;
  usedBytes: number;
  readonly #owner: BlockOwner;
  #epoch = 0;
  #lastAddress = 0;
  /** By address: alignments above 16. */
  readonly #alignments = new Map<number, number>();

  constructor(bytes: number, owner: BlockOwner) {
    const address = owner.memalign(granuleBytes, bytes);
    this.block = new HeapArray(owner, Uint8Array, address, bytes);
    owner.debug?.describe(address, 'arena');
    this.#owner = owner;
    this.usedBytes = 0;
  }

  get epoch(): number {
    return this.block.alive ? this.#epoch : freedEpoch;
  }

  renew(): number {
    return deadEpoch;
  }

  get memory(): WebAssembly.Memory {
    return this.#owner.memory;
  }

  get views(): MemoryViews {
    return this.#owner.views;
  }

  get growth(): OperationWatch {
    return this.#owner.growth;
  }

  memalign(alignment: number, bytes: number): number {
    this.#assertAlive();
    const multiple = Math.max(alignment, granuleBytes);
    // The sum may exceed 32 bits, so bit operations would be wrong.
    const address = Math.ceil((this.block.address + this.usedBytes) / multiple) * multiple;
    this.#take(address, bytes);
    if (alignment > granuleBytes) this.#alignments.set(address, alignment);
    return address;
  }

  realloc(address: number, oldBytes: number, bytes: number): number {
    if (address === this.#lastAddress) this.#take(address, bytes);
    else if (bytes > oldBytes) return this.#move(address, oldBytes, bytes);
    return address;
  }

  free(): void {}

  watch(): void {}

  watchView(handle: WatchedHandle): void {
    this.#owner.watch(handle);
  }

  reset(): void {
    this.#assertAlive();
    this.#epoch++;
    this.usedBytes = 0;
    this.#lastAddress = 0;
    this.#alignments.clear();
  }

  #move(address: number, oldBytes: number, bytes: number): number {
    const moved = this.memalign(this.#alignments.get(address) ?? granuleBytes, bytes);
    this.views.u8.copyWithin(moved, address, address + oldBytes);
    return moved;
  }

  /**
   * Makes the block at `address` the last one of the arena. It gets at least one byte, so that the next block has
   * another address.
   */
  #take(address: number, bytes: number): void {
    const { address: begin, length } = this.block;
    const usedBytes = address + Math.max(bytes, 1) - begin;
    if (usedBytes > length) {
      const place = `the arena has ${length} bytes, ${length - this.usedBytes} of them free`;
      throw new OutOfMemoryError(bytes, length, length, place);
    }
    this.usedBytes = usedBytes;
    this.#lastAddress = address;
  }

  #assertAlive(): void {
    if (!this.block.alive) throw new UseAfterFreeError('the arena was freed');
  }
}
