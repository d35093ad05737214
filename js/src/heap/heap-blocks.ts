// SPDX-License-Identifier: MIT

import {
  type LeakedHandle,
  LostHandles,
  type WatchedHandle,
  warnOfLeak,
} from '../blocks/lost-handles.js';
import { OwnedBlocks } from '../blocks/owned-blocks.js';
import { deadEpoch, doubleFree, type HeapOwner, lostEpoch } from '../blocks/owner.js';
import { invalidAddress, OutOfMemoryError } from '../core/errors.js';
import type { WasmMemory } from '../core/host-types.js';
import { granuleBytes } from '../core/units.js';
import { clampSize } from '../core/validate.js';
import type { DebugLayer } from '../debug/types.js';
import type { HeapFunctions } from '../module/heap-functions.js';
import { MemoryViews, type WholeViews } from '../module/memory-views.js';
import { GrowthWatch } from './growth.js';

// `lite_alloc::FreeResult`
export const freedResult = 0;
const alreadyFreeResult = 2;

/** The memory of a heap, and the size up to which it can grow. */
export interface HeapMemory {
  readonly memory: WasmMemory;
  /** Bytes of the region that the heap lies in; undefined for a heap that owns its memory. */
  readonly regionBytes?: number;
  readonly maximumBytes: number;
}

/** The heap in its role as the owner of the blocks of handles, arenas and scopes. */
export class HeapBlocks<B extends ArrayBufferLike = ArrayBufferLike> implements HeapOwner {
  epoch = 0;
  memory: WasmMemory;
  views: MemoryViews<B>;
  debug: DebugLayer | undefined;
  runningScope: object | undefined;
  /** The functions of the heap below its growth listeners and `owned`; `Heap` sets them. */
  functions!: HeapFunctions;
  /** Undefined until a handle, arena or scope owns a block. */
  owned: OwnedBlocks | undefined;
  /** Whether the heap was disposed or its module has trapped. */
  hasEnded = false;
  /** The size up to which the memory can grow, in bytes. */
  readonly maximumBytes: number;
  readonly growth: GrowthWatch;
  readonly heap: HeapOwner['heap'];
  /** Bytes of the region that the heap lies in; undefined for a heap that owns its memory. */
  readonly #regionBytes: number | undefined;
  readonly #onChange: () => void;
  readonly #lostHandles: LostHandles;
  /** The blocks of earlier epochs are gone. */
  #firstEpoch = 0;

  /** `onChange` is called when the heap must apply its layers again. */
  constructor(
    heap: HeapOwner['heap'],
    size: HeapMemory,
    debug: DebugLayer | undefined,
    onChange: () => void,
    onLeak: ((leak: LeakedHandle) => void) | undefined,
  ) {
    this.heap = heap;
    this.memory = size.memory;
    this.views = new MemoryViews(this);
    this.debug = debug;
    this.growth = new GrowthWatch(() => this.views.u8.length, onChange);
    this.#regionBytes = size.regionBytes;
    this.maximumBytes = size.maximumBytes;
    this.#onChange = onChange;
    this.#lostHandles = new LostHandles(({ epoch, ...leak }) => {
      if (epoch === undefined) return warnOfLeak(leak);
      if (this.hasEnded || this.renew(leak.address, epoch) < 0) return;
      this.free(leak.address);
      if (onLeak) onLeak(leak);
      // A program that drops a heap together with its handles needs no warning. The engine may find the handles first.
      else this.#lostHandles.findAgain(leak);
    });
  }

  /** The views of the whole memory. Growth listeners that wait run first. */
  get currentViews(): WholeViews<B> {
    this.growth.reportGrowth();
    return this.views.all;
  }

  /** The size of the memory or region, in bytes. */
  get memoryBytes(): number {
    return this.#regionBytes ?? this.memory.buffer.byteLength;
  }

  memalign(alignment: number, bytes: number): number {
    const size = clampSize('size', bytes);
    const address =
      alignment <= granuleBytes
        ? this.functions.malloc(size)
        : this.functions.memalign(alignment, size);
    return this.#own(address || this.failAllocation(bytes));
  }

  realloc(address: number, _oldBytes: number, bytes: number): number {
    const moved = this.functions.realloc(address, clampSize('size', bytes));
    if (moved === 0) this.failAllocation(bytes);
    this.disown(address);
    return this.#own(moved);
  }

  free(address: number): void {
    this.disown(address);
    const result = this.functions.free(address);
    if (result !== freedResult) this.failFree(address, result);
  }

  disown(address: number): void {
    this.owned?.delete(address);
  }

  renew(address: number, epoch: number): number {
    if (epoch < this.#firstEpoch) return deadEpoch;
    return this.owned?.takeLoss(address, epoch) ? lostEpoch : this.epoch;
  }

  watch(handle: WatchedHandle): void {
    this.#lostHandles.watch(handle);
  }

  unwatch(handle: WatchedHandle): void {
    this.#lostHandles.unwatch(handle);
  }

  /** Makes all handles dead. */
  drop(): void {
    this.#firstEpoch = ++this.epoch;
    this.owned?.clear();
  }

  /** Drops everything that keeps the memory reachable. Reading `memory` calls `fail` from now on. */
  end(fail: () => never): void {
    this.growth.end();
    this.debug = undefined;
    this.views = new MemoryViews(this);
    Object.defineProperty(this, 'memory', { get: fail });
    this.drop();
    this.#lostHandles.end();
  }

  failAllocation(bytes: number): never {
    this.growth.reportGrowth();
    throw new OutOfMemoryError(bytes, this.memoryBytes, this.maximumBytes);
  }

  failFree(address: number, result: number): never {
    throw result === alreadyFreeResult ? doubleFree(address) : invalidAddress(address);
  }

  #own(address: number): number {
    if (this.owned === undefined) {
      this.owned = new OwnedBlocks((lost) => {
        this.debug?.refuseLoss(lost);
        return this.epoch++;
      });
      this.#onChange();
    }
    this.owned.add(address);
    return address;
  }
}
