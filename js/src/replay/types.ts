// SPDX-License-Identifier: MIT

import type { HostAbortSignal } from '../core/host-types.js';
import type { Strategy } from '../core/strategies.js';
import type { Heap } from '../heap/heap.js';
import type { HeapOptions } from '../heap/options.js';

/** The options of `advise`, which `replay` has, too. */
export interface AdviseOptions {
  /** The number of times that the trace is replayed, each time on a fresh heap. Default: 5. */
  rounds?: number;
  /**
   * The most milliseconds that a round may take. A longer round is cut off, and is the last one. Half of this time
   * is the limit for preparing the trace beforehand, which is cut off, too. A single call is not interrupted: a
   * `calloc` of 1 GiB may take 300 ms. Default: 10 000.
   */
  timeLimit?: number;
  /** The option `wasm` of `createHeap`. */
  wasm?: NonNullable<HeapOptions['wasm']>;
  /** The option `initialBytes` of `createHeap`, for each heap. */
  initialBytes?: number;
  /** The option `maximumBytes` of `createHeap`, for each heap. */
  maximumBytes?: number;
  /** Stops the replay about 50 ms after it is aborted. The promise is then rejected with the signal's reason. */
  signal?: HostAbortSignal;
  /** Called several times a second with the completed share of the work, from 0 to 1. */
  onProgress?: (share: number) => void;
}

/** The options of `replay`. */
export interface ReplayOptions extends AdviseOptions {
  /** The allocation strategy. Default: `'segregated-fit'`. */
  strategy?: Strategy;
}

/** The result of replaying a trace on a strategy. */
export interface ReplayResult {
  /** The allocation strategy. */
  strategy: Strategy;
  /** The number of replayed calls: all except frees of blocks that were allocated before the recording. */
  operations: number;
  /** The number of rounds that the result is about. */
  rounds: number;
  /** The time of a call, calling it from JavaScript included: minimum and median over the rounds. */
  nanosecondsPerOperation: {
    /** That of the quickest round, in nanoseconds. */
    minimum: number;
    /** That of the middle round by time, in nanoseconds. */
    median: number;
  };
  /** The most live bytes at one time: the sum of the sizes that the callers requested. */
  peakLiveBytes: number;
  /** The size of the linear memory at the end, in bytes. */
  peakMemoryBytes: number;
  /** `peakMemoryBytes` divided by `peakLiveBytes`: at best 1; 0 where no block was allocated. */
  memoryOverPeakLive: number;
  /** `HeapStats.fragmentation` when the most bytes were live, and after the last call. */
  fragmentation: {
    /** When the most bytes were live, from 0 to below 1. */
    atPeak: number;
    /** After the last call, from 0 to below 1. */
    atEnd: number;
  };
  /** The number of times that memory grew. */
  growths: number;
  /** Calls that failed because memory could not hold the block. */
  failures: number;
  /** Whether no round finished within the time limit. The result is then about the replayed part. */
  timedOut: boolean;
}

/** A strategy's rank, and the reason. */
export interface Advice {
  /** The allocation strategy. */
  strategy: Strategy;
  /** 1 for a strategy that is best in both time and memory; infinite for one that did not finish the trace. */
  score: number;
  /** A sentence that explains the rank. */
  reason: string;
  /** The result of the replay. */
  result: ReplayResult;
}

/** The part of a heap that a replay uses. */
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

/** The `createHeap` of an entry. */
export type HeapMaker = (options: HeapOptions) => Promise<ReplayedHeap>;
