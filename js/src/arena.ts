// SPDX-License-Identifier: MIT
/// <reference lib="esnext.disposable" preserve="true" />

import { Allocator } from './allocator.js';
import { assertOptions, defaultAlignment, toSize } from './arguments.js';
import {
  type BlockOwner,
  deadEpoch,
  disposeSymbol,
  HeapArray,
  type HeapHandle,
  type OperationWatch,
} from './blocks.js';
import { OutOfMemoryError, UseAfterFreeError } from './errors.js';
import type { MemoryViews } from './views.js';

export interface ArenaOptions {
  /** What the arena can hold, in bytes: of each block its size, rounded up to its alignment. */
  bytes: number;
}

/**
 * Blocks one behind the other inside one block of a heap, dropped all at once. Each costs a few
 * additions; none is given back alone: `free` of a handle does nothing but kill the handle.
 */
export class Arena extends Allocator {
  readonly #region: ArenaRegion;

  /**
   * Use `arena` of a heap or scope.
   *
   * @internal
   */
  constructor(bytes: number, owner: BlockOwner) {
    super();
    this.#region = new ArenaRegion(bytes, owner);
  }

  /** What it can hold, in bytes. */
  get bytes(): number {
    return this.#region.block.length;
  }

  /** From its start to the end of the last block, in bytes. */
  get usedBytes(): number {
    return this.#region.usedBytes;
  }

  /** False once it was freed, by itself, its scope or its heap. */
  get alive(): boolean {
    return this.#region.block.alive;
  }

  /**
   * Drops all its blocks, in constant time; their handles are dead.
   *
   * @throws UseAfterFreeError where the arena was freed.
   */
  reset(): void {
    this.#region.reset();
  }

  /** Gives its block back to the heap; all handles are dead. Does nothing where that was done. */
  free(): void {
    this.#region.block.free();
  }

  [disposeSymbol](): void {
    this.free();
  }

  /** @internal */
  protected override get owner(): BlockOwner {
    return this.#region;
  }
}

/** The epoch of an arena that was freed: that of no handle. */
const arenaEnd = -3;

/** What options ask for: read before the owner is asked for memory, since a getter may end that. */
export function planArena(options: ArenaOptions): number {
  assertOptions(options, ['bytes']);
  const { bytes } = options;
  toSize('bytes', bytes);
  return bytes;
}

/** The block of an arena, as the owner of those inside. */
class ArenaRegion implements BlockOwner {
  readonly block: HeapArray<Uint8Array>;
  usedBytes: number;
  readonly #owner: BlockOwner;
  #epoch = 0;
  #lastAddress = 0;
  /** Of blocks that are aligned to more than all are. */
  readonly #alignments = new Map<number, number>();

  constructor(bytes: number, owner: BlockOwner) {
    const address = owner.memalign(defaultAlignment, bytes);
    this.block = new HeapArray(owner, Uint8Array, address, bytes);
    owner.debug?.describe(address, 'arena');
    this.#owner = owner;
    this.usedBytes = 0;
  }

  get debug(): undefined {
    return undefined;
  }

  get epoch(): number {
    return this.block.alive ? this.#epoch : arenaEnd;
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
    const unit = Math.max(alignment, defaultAlignment);
    // Perhaps a number of more than 32 bits, where bit operations are of no use.
    const address = Math.ceil((this.block.address + this.usedBytes) / unit) * unit;
    this.#take(address, bytes);
    if (alignment > defaultAlignment) this.#alignments.set(address, alignment);
    return address;
  }

  realloc(address: number, oldBytes: number, bytes: number): number {
    if (address === this.#lastAddress) this.#take(address, bytes);
    else if (bytes > oldBytes) return this.#move(address, oldBytes, bytes);
    return address;
  }

  free(): void {}

  watch(): void {}

  watchView(handle: HeapHandle): void {
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
    const moved = this.memalign(this.#alignments.get(address) ?? defaultAlignment, bytes);
    this.views.u8.copyWithin(moved, address, address + oldBytes);
    return moved;
  }

  /** Makes the block at `address` the last, with so many bytes: one at least, so that the next lies elsewhere. */
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
