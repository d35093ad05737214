// SPDX-License-Identifier: MIT

import { HeapCorruptionError } from '../core/errors.js';
import { formatAddress } from '../core/values.js';
import type { HeapFunctions } from '../module/heap-functions.js';

// Indexed by `lite_alloc::Corruption::Kind` - 1.
const corruptions = [
  'a link of the free list was overwritten',
  'two free blocks share bytes: one was freed twice, or with a wrong size',
  'the counters disagree with the blocks: one was freed with a wrong size',
  'the header of a block was overwritten',
  'the record at the start of a region was overwritten',
  'a link in the list of spare slabs was overwritten',
  'the map of slabs was overwritten',
];

/** Throws `HeapCorruptionError` where an invariant of the heap is broken. */
export function checkHeap(heap: HeapFunctions): void {
  const found = heap.findCorruption();
  if (found === undefined) return;
  const { kind, address } = found;
  const place = address === 0 ? '' : ` at ${formatAddress(address)}`;
  throw new HeapCorruptionError(address, `the heap is corrupted${place}: ${corruptions[kind - 1]}`);
}
