// SPDX-License-Identifier: MIT
//
// The interface between a heap and its debug layer, which lies in files that only debug heaps load.

import type { LiveBlock } from '../core/errors.js';
import type { WasmMemory } from '../core/host-types.js';
import type { HeapLayer } from '../module/heap-functions.js';

/** The checks that a debug heap makes, and the memory that they may take. */
export interface DebugOptions {
  /**
   * The most bytes of freed blocks that are kept from reuse, so that late writes to them are detected; at most 4096
   * blocks. They are reused when no other memory is left. Default: 1 MiB.
   */
  quarantineBytes?: number;
  /** Bytes of the canary on each side of a block, up to 65 536, rounded up to a multiple of 16. Default: 16. */
  canaryBytes?: number;
  /** Whether errors and leaks have the stacks of the calls that allocated and freed a block. Default: true. */
  stacks?: boolean;
}

/** The layer of a debug heap, which checks the blocks. */
export interface DebugLayer extends HeapLayer {
  /** Returns the live blocks in address order. */
  liveBlocks(): LiveBlock[];
  /** Returns lines that list blocks by stack, the stack with the most bytes first. */
  listByStack(blocks: readonly LiveBlock[]): string;
  /** Returns the stacks of a freed block of this size, each after a line break; '' if its record is gone. */
  historyOf(address: number, size: number): string;
  /** Records that the live block at `address` belongs to an arena, or to a handle of this kind. */
  describe(address: number, kind: string): void;
  /** Throws `InvalidFreeError`: a raw address of a block that belongs to a handle, arena or scope was freed or moved. */
  refuseLoss(address: number): void;
}

/** Makes the debug layer of a heap over a memory. */
export type DebugLayerMaker = (memory: WasmMemory) => DebugLayer;
