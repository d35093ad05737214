// SPDX-License-Identifier: MIT

import { formatAddress, HeapCorruptionError } from './errors.js';
import type { Strategy } from './options.js';
import type { HeapFunctions } from './wasm-module.js';

/** What a heap tells of itself, in bytes and counts. */
export interface HeapStats {
  strategy: Strategy;
  liveBlocks: number;
  /** Handed out and not freed: rounding included, headers not. */
  liveBytes: number;
  peakLiveBytes: number;
  /** What the heap has and nobody uses, slack included. */
  freeBytes: number;
  /** The part of `freeBytes` behind the last block: what growth added ahead of need. */
  slackBytes: number;
  /** The largest free block, slack left out. */
  largestFreeBytes: number;
  /** The size of the linear memory. */
  memoryBytes: number;
  /** What the linear memory can grow to. */
  maximumBytes: number;
  /** Calls that gave a new block. */
  allocations: number;
  frees: number;
  /** Calls that found no memory. */
  failures: number;
  /** Times the heap grew its memory. */
  growths: number;
  /** The share of free bytes outside the largest free block, from 0 towards 1; slack left out. */
  fragmentation: number;
}

/** A stretch of the heap. */
export interface HeapBlock {
  /** Of a used block what its owner knows. */
  address: number;
  /** Bytes up to the next stretch, whose header, where it has one, is counted here. */
  size: number;
  state: 'used' | 'free';
}

// `lite_alloc::Corruption::Kind`, from 1
const corruptions = [
  'a link of the free list was overwritten',
  'two free blocks share bytes: one was freed twice, or with a wrong size',
  'the counters disagree with the blocks: one was freed with a wrong size',
  'the header of a block was overwritten',
];

/** Throws `HeapCorruptionError` where the heap is damaged. */
export function checkHeap(heap: HeapFunctions): void {
  const kind = runCheck(heap);
  if (kind === 0) return;
  const address = heap.corruptAddress();
  const place = address === 0 ? '' : ` at ${formatAddress(address)}`;
  throw new HeapCorruptionError(address, `the heap is damaged${place}: ${corruptions[kind - 1]}`);
}

function runCheck(heap: HeapFunctions): number {
  try {
    return heap.check();
  } catch (error) {
    if (!(error instanceof WebAssembly.RuntimeError)) throw error;
    throw new HeapCorruptionError(0, 'the heap is damaged: it leads out of memory');
  }
}

/** The stretches as they are now. Throws `HeapCorruptionError` where the heap is damaged. */
export function listBlocks(heap: HeapFunctions): IterableIterator<HeapBlock> {
  checkHeap(heap);
  return iterateBlocks(listStretches(heap));
}

/** Address, size and whether it is used (1) or free (0), of one stretch after the other. */
export function listStretches(heap: HeapFunctions): number[] {
  const stretches: number[] = [];
  heap.walkStart();
  for (let address = heap.walkNext(); address !== 0; address = heap.walkNext()) {
    stretches.push(address, heap.walkSize(), Number(heap.walkIsUsed()));
  }
  return stretches;
}

function* iterateBlocks(stretches: readonly number[]): Generator<HeapBlock, undefined> {
  for (let index = 0; index < stretches.length; index += 3) {
    const [address = 0, size = 0, isUsed] = stretches.slice(index, index + 3);
    yield { address, size, state: isUsed === 1 ? 'used' : 'free' };
  }
}
