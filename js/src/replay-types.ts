// SPDX-License-Identifier: MIT

import type { Heap } from './heap.js';
import type { HeapOptions, Strategy } from './options.js';
import type { WasmSource } from './wasm-module.js';

/** How a trace is replayed. */
export interface RoundOptions {
  /** How often, each time on a fresh heap. Default: 5. */
  rounds?: number;
  /**
   * Milliseconds that a round may take: it is cut then, and no other follows. Half of it is for reading the
   * trace beforehand, which is cut too. A call under way is not interrupted: a single `calloc` of 1 GiB may
   * take 300 ms. Default: 10 000.
   */
  timeLimit?: number;
  /** As for `createHeap`. */
  wasm?: NonNullable<HeapOptions['wasm']>;
  /** Of each heap's memory, as for `createHeap`. */
  initialBytes?: number;
  /** Of each heap's memory, as for `createHeap`. */
  maximumBytes?: number;
  /** Ends it early, some 50 ms after it is aborted: the promise is rejected with the signal's reason. */
  signal?: AbortSignal;
  /** Called now and then with the share that is done, from 0 to 1. */
  onProgress?: (share: number) => void;
}

export interface ReplayOptions extends RoundOptions {
  /** Default: `'segregated-fit'`. */
  strategy?: Strategy;
}

/** What a strategy made of a trace. Bytes are those that the callers asked for, unless it says so. */
export interface ReplayResult {
  strategy: Strategy;
  /** Calls that were replayed: all but frees of blocks that were there before the recording. */
  operations: number;
  /** Rounds that the figures are of. */
  rounds: number;
  /** Over the rounds: what a call took, with what it takes to call from JavaScript. */
  nanosecondsPerOperation: { minimum: number; median: number };
  peakLiveBytes: number;
  /** The size of the linear memory at the end. */
  peakMemoryBytes: number;
  /** `peakMemoryBytes` over `peakLiveBytes`: 1 would be perfect. 0 where nothing lived. */
  memoryOverPeakLive: number;
  /** As `HeapStats.fragmentation`: when most bytes were live, and after the last call. */
  fragmentation: { atPeak: number; atEnd: number };
  /** Times the memory grew. */
  growths: number;
  /** Calls that found no memory. */
  failures: number;
  /** Whether no round got through in time: the figures are of the part that was replayed. */
  timedOut: boolean;
}

/** A strategy's place in the ranking, and why. */
export interface Advice {
  strategy: Strategy;
  /** 1 is best in time and memory at once; infinite where the strategy did not get through. */
  score: number;
  /** A sentence. */
  reason: string;
  result: ReplayResult;
}

/** The calls that traces hold, and the figures. */
export type ReplayedHeap = Pick<
  Heap,
  | 'tryMalloc'
  | 'calloc'
  | 'memalign'
  | 'realloc'
  | 'free'
  | 'allocate'
  | 'reallocate'
  | 'deallocate'
  | 'reset'
  | 'stats'
>;

/** What makes heaps: each entry has its own. */
export type HeapMaker = (options: HeapOptions) => Promise<ReplayedHeap>;

/** What the lazily loaded code needs of the entry, which an import of it would split in two. */
export interface EntryParts {
  readonly createHeap: HeapMaker;
  assertOptions(options: object, known: readonly string[]): void;
  loadModule(source: WasmSource): Promise<WebAssembly.Module>;
  show(value: unknown): string;
  readonly strategies: readonly Strategy[];
}
