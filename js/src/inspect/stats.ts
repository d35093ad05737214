// SPDX-License-Identifier: MIT

import type { Strategy } from '../core/strategies.js';
import type { HeapCounters } from '../module/heap-functions.js';

/** The counters and sizes of a heap. */
export interface HeapStats extends HeapCounters {
  /** The strategy of the heap. */
  strategy: Strategy;
  /** The size of the linear memory or, for a heap in a region, of the region, in bytes. */
  memoryBytes: number;
  /** The size up to which the linear memory can grow, in bytes. For a heap in a region, equal to `memoryBytes`. */
  maximumBytes: number;
}
