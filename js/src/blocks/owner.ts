// SPDX-License-Identifier: MIT
//
// The interfaces through which handles, arenas and scopes use the heap or arena that their blocks lie in.

import { DoubleFreeError } from '../core/errors.js';
import type { WasmMemory } from '../core/host-types.js';
import { formatAddress } from '../core/values.js';
import type { MemoryViews } from '../module/memory-views.js';
import type { WatchedHandle } from './lost-handles.js';

/** Lets growth listeners run between operations; `GrowthWatch` documents it. */
export interface OperationWatch {
  runOperation<Result>(operation: () => Result): Result;
  reportGrowth(): void;
}

/** The part of a `DebugLayer` that handles use. */
interface BlockHistory {
  describe(address: number, kind: string): void;
  historyOf(address: number, size: number): string;
}

/** The heap or arena that a block lies in. */
export interface BlockOwner {
  /**
   * A number that becomes larger whenever handles may have died without a call of their own: all of them at a
   * reset, one of them when other code frees its block.
   */
  readonly epoch: number;
  /**
   * Decides whether the block at `address`, which a handle or scope has owned since `epoch`, is still its
   * block. Returns the present epoch where it is, `deadEpoch` where all blocks were dropped since, and
   * `lostEpoch` where other code freed this one; it returns `lostEpoch` once for each loss.
   */
  renew(address: number, epoch: number): number;
  readonly memory: WasmMemory;
  readonly views: MemoryViews;
  readonly growth: OperationWatch;
  // The three calls below run no growth listeners. The operations that use them call `growth.reportGrowth` as
  // their last step. Where one of the calls throws, the listeners have run, and nothing else has happened.

  /** Throws as `Heap.memalign` does, or where the owner is dead. */
  memalign(alignment: number, bytes: number): number;
  /** Throws as `Heap.realloc` does. */
  realloc(address: number, oldBytes: number, bytes: number): number;
  /** Throws as `Heap.free` does. */
  free(address: number): void;
  /** Registers a handle that is new or has moved. */
  watch(handle: WatchedHandle): void;
  /** Ends the wait of a handle that is freed and not registered yet. Arenas lack it: their handles wait until they are dead. */
  unwatch?(handle: WatchedHandle): void;
  /** Registers a handle that now holds a view. Only arenas have this function; their `watch` does nothing. */
  watchView?(handle: WatchedHandle): void;
  /** The records of a debug heap about its blocks; undefined in other heaps. */
  readonly debug?: BlockHistory | undefined;
}

/** The part of a heap that a scope uses. */
export interface HeapOwner extends BlockOwner {
  /** Gives a block from `memalign` or `realloc` to the caller, who may now pass its raw address to the heap. */
  disown(address: number): void;
  /** The calls that take raw addresses. */
  readonly heap: { free(address: number): void; realloc(address: number, bytes: number): number };
  /** The innermost `Scope` whose function is running. */
  runningScope?: object | undefined;
}

/** The epoch of a handle whose block is gone: no owner ever has it. */
export const deadEpoch = -1;

/** The epoch of a handle whose block other code freed. */
export const lostEpoch = -2;

/** Returns the error about a block that is already free. */
export function doubleFree(address: number): DoubleFreeError {
  return new DoubleFreeError(address, `the block at ${formatAddress(address)} was freed before`);
}
