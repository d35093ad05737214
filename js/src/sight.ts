// SPDX-License-Identifier: MIT

import { HeapCorruptionError } from './errors.js';
import type { HeapFigures, HeapFunctions } from './heap-functions.js';
import type { Strategy } from './options.js';
import { formatAddress } from './values.js';

/** What a heap tells of itself, in bytes and counts. */
export interface HeapStats extends HeapFigures {
  strategy: Strategy;
  /** The size of the linear memory; of a heap in a region, of that. */
  memoryBytes: number;
  /** What the linear memory can grow to; of a heap in a region, the same as `memoryBytes`. */
  maximumBytes: number;
}

// `lite_alloc::Corruption::Kind`, from 1
const corruptions = [
  'a link of the free list was overwritten',
  'two free blocks share bytes: one was freed twice, or with a wrong size',
  'the counters disagree with the blocks: one was freed with a wrong size',
  'the header of a block was overwritten',
  'the record at the start of a region was overwritten',
  'a link in the list of spare slabs was overwritten',
  'the map of slabs was overwritten',
];

/** Throws `HeapCorruptionError` where the heap is damaged. */
export function checkHeap(heap: HeapFunctions): void {
  const found = heap.findCorruption();
  if (found === undefined) return;
  const { kind, address } = found;
  const place = address === 0 ? '' : ` at ${formatAddress(address)}`;
  throw new HeapCorruptionError(address, `the heap is damaged${place}: ${corruptions[kind - 1]}`);
}
