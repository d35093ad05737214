// SPDX-License-Identifier: MIT

import { type Heap, type Strategy, strategies } from 'lite-alloc';
import { describe, expect } from 'vitest';

/** Runs suites once for each strategy. */
export function describeStrategies(suites: (strategy: Strategy) => void): void {
  describe.each(strategies)('%s', suites);
}

/** Those whose blocks have a header where `malloc` gave them, and none where `allocate` did. */
export const strategiesWithHeaders = strategies.filter((name) => name !== 'segregated-fit');

/** Whether a byte lies in a used stretch or in a free one; undefined where the heap has no such byte. */
export function stateAt(heap: Heap, address: number): 'used' | 'free' | undefined {
  for (const block of heap.blocks()) {
    if (block.address <= address && address < block.address + block.size) return block.state;
  }
  return undefined;
}

/** Hands out a free place again: strategies may hand out others first. */
export function mallocAt(heap: Heap, address: number, size: number): void {
  for (let count = 0; count < 10_000; count++) if (heap.malloc(size) === address) return;
  expect.fail(`the place at ${address} was never handed out again`);
}
