// SPDX-License-Identifier: MIT

import { type Heap, type Strategy, strategies } from 'lite-alloc';
import { describe, expect } from 'vitest';

/** Runs suites once for each strategy. */
export function describeStrategies(suites: (strategy: Strategy) => void): void {
  describe.each(strategies)('%s', suites);
}

/** The strategies that put a header only in front of blocks of `malloc`, not of blocks of `allocate`. */
export const headerlessStrategies = strategies.filter((name) => name !== 'segregated-fit');

/** Returns whether a byte lies in a used or in a free block; undefined if it is not in the heap. */
export function stateAt(heap: Heap, address: number): 'used' | 'free' | undefined {
  for (const block of heap.blocks()) {
    if (block.address <= address && address < block.address + block.size) return block.state;
  }
  return undefined;
}

/** Allocates blocks until one is at the address of a freed block: strategies may use other free blocks first. */
export function mallocAt(heap: Heap, address: number, size: number): void {
  for (let count = 0; count < 10_000; count++) if (heap.malloc(size) === address) return;
  expect.fail(`no block was allocated at ${address}`);
}
