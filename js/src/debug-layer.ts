// SPDX-License-Identifier: MIT
//
// What a heap knows of its debug layer, which is in a file that only debug heaps load: debug.ts. Types
// only: an import of that file from the entry, or the other way round, would split the entry in two.

import type {
  DoubleFreeError,
  HeapCorruptionError,
  InvalidFreeError,
  LiveBlock,
  listBlocks,
} from './errors.js';
import type { HeapLayer } from './heap-functions.js';

/** What a debug heap watches, and what it may cost. */
export interface DebugOptions {
  /**
   * How many bytes of freed blocks are held back from reuse, so that late writes to them show. They
   * are used again where there is no other memory. At most 4096 blocks. Default: 1 MiB.
   */
  quarantineBytes?: number;
  /** Bytes that are watched on each side of a block, rounded up to 16s, up to 65 536. Default: 16. */
  canaryBytes?: number;
  /** Whether errors and leaks tell the calls that allocated and freed a block. Default: true. */
  stacks?: boolean;
}

export interface DebugLayer extends HeapLayer {
  /** In address order. */
  liveBlocks(): LiveBlock[];
  /** Lines for blocks with the same stack together, those with the most bytes first. */
  listByStack(blocks: readonly LiveBlock[]): string;
  /** The stacks of a freed block of this size, if it is remembered: lines that begin with a line break. */
  historyOf(address: number, size: number): string;
  /** Says what the live block at an address belongs to: an arena, or a handle of this kind. */
  describe(address: number, kind: string): void;
  /** Throws `InvalidFreeError` for the free or move by its address of a block that belongs to something. */
  refuseLoss(address: number): void;
}

export type DebugLayerMaker = (memory: WebAssembly.Memory) => DebugLayer;

/** What debug.ts needs of the entry. */
export interface DebugParts {
  readonly DoubleFreeError: typeof DoubleFreeError;
  readonly HeapCorruptionError: typeof HeapCorruptionError;
  readonly InvalidFreeError: typeof InvalidFreeError;
  readonly listBlocks: typeof listBlocks;
}

/** What debug.ts offers: throws as `createHeap` does where an option is wrong. */
export type DebugPlanner = (options: true | DebugOptions, parts: DebugParts) => DebugLayerMaker;
