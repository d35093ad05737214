// SPDX-License-Identifier: MIT

import { createHeap, type Heap, OutOfMemoryError, type Strategy } from 'lite-alloc';
import { beforeEach, describe, expect, test } from 'vitest';
import { catchError } from '../support/errors.js';
import { fillings, freeingOrders } from '../support/fillings.js';
import { expectPattern, fillPattern } from '../support/pattern.js';
import { describeStrategies } from '../support/strategies.js';

const maximumBytes = 1 << 20;
const large = maximumBytes / 4;

describeStrategies((strategy) => {
  let heap: Heap;
  let blocks: number[];

  beforeEach(async () => {
    heap = await createHeap({ strategy, maximumBytes });
    blocks = [];
    for (let address = heap.tryMalloc(5000); address !== 0; address = heap.tryMalloc(5000)) {
      fillPattern(heap.memory, address, 5000, address);
      blocks.push(address);
    }
    // Fill the small gaps, too.
    while (heap.tryMalloc(16) !== 0);
  });

  describe.each<readonly [string, number, (heap: Heap) => unknown]>([
    ['malloc', large, () => heap.malloc(large)],
    ['calloc', large, () => heap.calloc(16, large / 16)],
    ['memalign', large, () => heap.memalign(4096, large)],
    ['realloc', large, () => heap.realloc(blocks[3] ?? 0, large)],
    ['allocate', large, () => heap.allocate(large)],
    ['array', large, () => heap.array(Float64Array, large / 8)],
    ['from', large, () => heap.from(new Uint16Array(large / 2))],
    ['malloc of a small block', 100, () => heap.malloc(100)],
  ])('%s in a full heap', (_, requestedBytes, call) => {
    test('throws OutOfMemoryError with its details and leaves the heap unchanged', () => {
      const { failures, ...before } = heap.stats();
      const error = catchError(OutOfMemoryError, () => call(heap));
      expect(error).toMatchObject({
        name: 'OutOfMemoryError',
        code: 'OUT_OF_MEMORY',
        requestedBytes,
        memoryBytes: maximumBytes,
        maximumBytes,
      });
      const { failures: failuresAfter, ...after } = heap.stats();
      expect(after).toEqual(before);
      expect(failuresAfter).toBe(failures + 1);
      heap.check();
      for (const address of blocks) expectPattern(heap.memory, address, 5000, address);
    });

    test('succeeds once there is room', () => {
      expect(() => call(heap)).toThrow(OutOfMemoryError);
      heap.reset();
      blocks = [0, 0, 0, heap.malloc(10)];
      expect(() => call(heap)).not.toThrow();
      heap.check();
    });
  });

  describe('a full heap', () => {
    test('has nearly all of its memory in live blocks', () => {
      const { memoryBytes, liveBytes } = heap.stats();
      expect(memoryBytes).toBe(maximumBytes);
      expect(liveBytes).toBeGreaterThan(maximumBytes * 0.85);
    });

    test('reuses a block that was freed', () => {
      const [freed = 0] = blocks.splice(10, 1);
      heap.free(freed);
      const address = heap.malloc(5000);
      expect(address).toBe(freed);
      expect(heap.tryMalloc(5000)).toBe(0);
      for (const other of blocks) expectPattern(heap.memory, other, 5000, other);
      heap.check();
    });

    test('shrinks blocks and allocates from their tails', () => {
      for (const address of blocks) expect(heap.realloc(address, 1000)).toBe(address);
      for (const address of blocks) expectPattern(heap.memory, address, 1000, address);
      for (let count = 0; count < blocks.length; count++) expect(heap.tryMalloc(3000)).not.toBe(0);
      heap.check();
    });

    test('frees all blocks on reset', () => {
      heap.reset();
      for (const { state } of heap.blocks()) expect(state).toBe('free');
      expect(heap.tryMalloc(maximumBytes / 2)).not.toBe(0);
    });

    test('returns 0 from tryMalloc when memory cannot grow', () => {
      expect(() => heap.memory.grow(1)).toThrow(RangeError);
      expect(heap.tryMalloc(100)).toBe(0);
      heap.check();
    });
  });
});

test('a heap grows by exactly the missing pages when a larger step does not fit', async () => {
  const small = await createHeap({ initialBytes: 65536, maximumBytes: 3 * 65536 });
  let total = 0;
  while (small.tryMalloc(1008) !== 0) total += 1024;
  expect(small.stats().memoryBytes).toBe(3 * 65536);
  expect(total).toBeGreaterThan(2 * 65536);
  small.check();
});

// The other two strategies do not coalesce free blocks.
describe.each<Strategy>([
  'segregated-fit',
  'free-list',
])('%s, filled and then freed', (strategy) => {
  const maximumBytes = 2 << 20;
  const nineTenths = Math.floor(maximumBytes * 0.9);

  describe.each(fillings)('with blocks of $sizes', ({ nextSize }) => {
    test.each(freeingOrders)('in $order, allocates nine tenths of memory as one block', async ({
      arrange,
    }) => {
      for (const initialBytes of [65536, maximumBytes]) {
        const heap = await createHeap({ strategy, initialBytes, maximumBytes });
        for (let round = 0; round < 2; round++) {
          for (const address of arrange(fill(heap, nextSize))) heap.free(address);
          heap.free(heap.malloc(nineTenths));
        }
        heap.check();
      }
    });

    test.each(
      freeingOrders,
    )('in $order, allocates nine tenths of memory beside a few live blocks', async ({
      arrange,
    }) => {
      const heap = await createHeap({ strategy, maximumBytes });
      const kept = Array.from({ length: 20 }, (_, index) => heap.malloc(index * 13));
      kept.forEach((address, index) => {
        fillPattern(heap.memory, address, index * 13, index);
      });
      for (let round = 0; round < 2; round++) {
        for (const address of arrange(fill(heap, nextSize))) heap.free(address);
        const large = heap.malloc(nineTenths);
        fillPattern(heap.memory, large, nineTenths, round);
        heap.free(large);
      }
      kept.forEach((address, index) => {
        expectPattern(heap.memory, address, index * 13, index);
      });
      heap.check();
    });
  });

  function fill(heap: Heap, nextSize: () => number): number[] {
    const addresses: number[] = [];
    for (;;) {
      const address = heap.tryMalloc(nextSize());
      if (address === 0) break;
      addresses.push(address);
    }
    expect(heap.stats().memoryBytes).toBeGreaterThan(maximumBytes - 131_072);
    return addresses;
  }
});
