// SPDX-License-Identifier: MIT

import { createHeap, type Heap, type HeapBlock, HeapCorruptionError } from 'lite-alloc';
import { beforeEach, describe, expect, inject, test } from 'vitest';
import { catchError } from '../support/errors.js';
import { Random } from '../support/random.js';
import { describeStrategies, headerlessStrategies } from '../support/strategies.js';

const pageBytes = 65536;

describeStrategies((strategy) => {
  let heap: Heap;
  beforeEach(async () => {
    heap = await createHeap({ strategy });
  });

  describe('stats', () => {
    test('of a new heap report one free range', () => {
      const stats = heap.stats();
      expect(stats).toEqual({
        strategy,
        liveBlocks: 0,
        liveBytes: 0,
        peakLiveBytes: 0,
        freeBytes: stats.slackBytes + stats.largestFreeBytes,
        slackBytes: stats.slackBytes,
        largestFreeBytes: stats.largestFreeBytes,
        memoryBytes: heap.memory.buffer.byteLength,
        maximumBytes: 2 ** 31,
        allocations: 0,
        frees: 0,
        failures: 0,
        growths: 0,
        fragmentation: 0,
      });
      expect(stats.freeBytes).toBeGreaterThan(stats.memoryBytes - pageBytes);
    });

    test('count rounded sizes without headers', () => {
      heap.malloc(100);
      expect(heap.stats()).toMatchObject({
        liveBlocks: 1,
        liveBytes: 112,
        peakLiveBytes: 112,
        allocations: 1,
      });
      const address = heap.malloc(1);
      expect(heap.stats()).toMatchObject({
        liveBlocks: 2,
        liveBytes: 128,
        peakLiveBytes: 128,
        allocations: 2,
      });
      heap.free(address);
      expect(heap.stats()).toMatchObject({
        liveBlocks: 1,
        liveBytes: 112,
        peakLiveBytes: 128,
        frees: 1,
      });
      heap.malloc(16);
      expect(heap.stats().peakLiveBytes).toBe(128);
    });

    test('count the bytes that usableSize returns', () => {
      const addresses = Array.from({ length: 100 }, (_, size) => heap.malloc(size * 7));
      const usable = addresses.map((address) => heap.usableSize(address));
      expect(heap.stats().liveBytes).toBe(usable.reduce((sum, size) => sum + size));
    });

    test('are updated when a block is resized', () => {
      const address = heap.malloc(100);
      const bigger = heap.realloc(address, 1000);
      const peakLiveBytes = heap.usableSize(bigger);
      expect(heap.stats()).toMatchObject({
        liveBlocks: 1,
        liveBytes: peakLiveBytes,
        allocations: 1,
        frees: 0,
      });
      const smaller = heap.realloc(bigger, 600);
      expect(heap.stats()).toMatchObject({
        liveBlocks: 1,
        liveBytes: heap.usableSize(smaller),
        peakLiveBytes,
      });
    });

    test('count sized blocks like other blocks', () => {
      const address = heap.allocate(100);
      const roundedBytes = strategy === 'segregated-bump' ? 128 : 112;
      expect(heap.stats()).toMatchObject({ liveBlocks: 1, liveBytes: roundedBytes });
      const moved = heap.reallocate(address, 100, 200);
      expect(heap.stats()).toMatchObject({ liveBlocks: 1, liveBytes: 208 });
      heap.deallocate(moved, 200);
      expect(heap.stats()).toMatchObject({ liveBlocks: 0, liveBytes: 0, allocations: 1, frees: 1 });
    });

    test('count failed allocations', () => {
      heap.tryMalloc(2 ** 32);
      expect(() => heap.malloc(2 ** 33)).toThrow();
      expect(() => heap.memalign(64, 2 ** 32 - 1)).toThrow();
      expect(heap.stats()).toMatchObject({ failures: 3, allocations: 0 });
      expect(() => heap.malloc(-1)).toThrow(RangeError);
      expect(heap.stats().failures).toBe(3);
    });

    test('count the growths of memory and report its size', () => {
      const { memoryBytes } = heap.stats();
      heap.malloc(memoryBytes);
      const after = heap.stats();
      expect(after.growths).toBe(1);
      expect(after.memoryBytes).toBeGreaterThan(memoryBytes);
      expect(after.memoryBytes).toBe(heap.memory.buffer.byteLength);
      heap.malloc(16);
      expect(heap.stats().growths).toBe(1);
    });

    test('count growth slack as free, but not as fragmented', () => {
      heap.malloc(heap.stats().memoryBytes);
      const { slackBytes, largestFreeBytes, freeBytes, fragmentation } = heap.stats();
      expect(freeBytes).toBeGreaterThan(0);
      expect([slackBytes, largestFreeBytes]).toContain(freeBytes);
      expect(fragmentation).toBe(0);
      heap.malloc(freeBytes / 2);
      expect(heap.stats().freeBytes).toBeLessThan(freeBytes / 2);
    });

    test('report the largest free block and the share of free bytes outside of it', async () => {
      heap = await createHeap({ strategy, initialBytes: 1 << 20, maximumBytes: 1 << 20 });
      const small = heap.malloc(100_000);
      heap.malloc(1000);
      const large = heap.malloc(300_000);
      for (let size = 1 << 18; size >= 16; size /= 2) while (heap.tryMalloc(size) !== 0);

      heap.free(large);
      expect(heap.stats().largestFreeBytes).toBeGreaterThanOrEqual(300_000);
      expect(heap.stats().fragmentation).toBeCloseTo(0, 1);
      heap.free(small);
      expect(heap.stats().largestFreeBytes).toBeGreaterThanOrEqual(300_000);
      expect(heap.stats().fragmentation).toBeCloseTo(0.25, 1);
      expect(heap.malloc(300_000)).toBe(large);
      expect(heap.stats().largestFreeBytes).toBeGreaterThanOrEqual(100_000);
      expect(heap.stats().largestFreeBytes).toBeLessThan(101_000);
      expect(heap.stats().fragmentation).toBeCloseTo(0, 1);
    });

    test('stay consistent through random calls', () => {
      const random = new Random(inject('seed'));
      const live: number[] = [];
      for (let step = 0; step < 5000; step++) {
        if (live.length < 100 || random.oneIn(2)) live.push(heap.malloc(random.below(1000)));
        else heap.free(live.splice(random.below(live.length), 1)[0] ?? 0);
        const stats = heap.stats();
        expect(stats.fragmentation).toBeGreaterThanOrEqual(0);
        expect(stats.fragmentation).toBeLessThan(1);
        expect(stats.liveBlocks).toBe(live.length);
        expect(stats.allocations - stats.frees).toBe(live.length);
        expect(stats.peakLiveBytes).toBeGreaterThanOrEqual(stats.liveBytes);
        expect(stats.slackBytes + stats.largestFreeBytes).toBeLessThanOrEqual(stats.freeBytes);
        // The rest is headers: at most one granule per block.
        const heapBytes = stats.liveBytes + stats.freeBytes + 16 * live.length;
        expect(heapBytes).toBeLessThanOrEqual(stats.memoryBytes);
        expect(heapBytes).toBeGreaterThan(stats.memoryBytes - pageBytes);
      }
    });
  });

  describe('blocks', () => {
    /** Lists all blocks, and the gaps between the end of one and the start of the next. */
    function survey(): { blocks: HeapBlock[]; gaps: [number, number][] } {
      const blocks = [...heap.blocks()];
      const gaps: [number, number][] = [];
      for (const [index, { address, size }] of blocks.entries()) {
        const next = blocks[index + 1];
        expect(size).toBeGreaterThan(0);
        if (next !== undefined) {
          expect(next.address).toBeGreaterThanOrEqual(address + size);
          if (next.address !== address + size) gaps.push([address + size, next.address]);
        }
      }
      return { blocks, gaps };
    }

    test('of a new heap are one free range up to the end of memory', () => {
      const { blocks } = survey();
      expect(blocks).toEqual([
        { address: expect.any(Number) as number, size: heap.stats().freeBytes, state: 'free' },
      ]);
      expect((blocks[0]?.address ?? 0) + (blocks[0]?.size ?? 0)).toBe(
        heap.memory.buffer.byteLength,
      );
    });

    test('cover the heap in address order without a gap, and include every live block as used', () => {
      const random = new Random(inject('seed'));
      const live: number[] = [];
      for (let round = 0; round < 50; round++) {
        for (let step = 0; step < 40; step++) {
          if (live.length === 0 || random.below(5) < 3)
            live.push(heap.memalign(1 << random.below(10), random.below(2000)));
          else heap.free(live.splice(random.below(live.length), 1)[0] ?? 0);
        }
        const { blocks, gaps } = survey();
        expect(gaps).toEqual([]);
        const used = blocks.filter(({ state }) => state === 'used');
        expect(used.map(({ address }) => address)).toEqual(
          live.toSorted((left, right) => left - right),
        );
        expect(used).toHaveLength(heap.stats().liveBlocks);
        for (const { address, size } of used)
          expect(size).toBeGreaterThanOrEqual(heap.usableSize(address));
        const last = blocks.at(-1) ?? { address: 0, size: 0 };
        expect(last.address + last.size).toBe(heap.memory.buffer.byteLength);
      }
    });

    test('have the number of free bytes that stats reports', () => {
      const addresses = Array.from({ length: 40 }, (_, index) => heap.allocate(16 * (index + 1)));
      for (const [index, address] of addresses.entries()) {
        if (index % 2 === 0) heap.deallocate(address, 16 * (index + 1));
      }
      const free = survey().blocks.filter(({ state }) => state === 'free');
      const shownBytes = free.reduce((sum, { size }) => sum + size, 0);
      const { freeBytes, liveBytes, memoryBytes } = heap.stats();
      // segregated-fit shows its metadata, which is neither free nor live, as part of the block in front of it.
      const metadataBytes = strategy === 'segregated-fit' ? memoryBytes - liveBytes - freeBytes : 0;
      expect(shownBytes).toBeGreaterThanOrEqual(freeBytes);
      expect(shownBytes).toBeLessThanOrEqual(freeBytes + metadataBytes);
    });

    test('leave out pages that other code added', () => {
      heap.malloc(1 << 18);
      const foreign = heap.memory.grow(2) * pageBytes;
      const behind = heap.malloc(1 << 18);
      const { blocks, gaps } = survey();
      expect(gaps).toHaveLength(1);
      const [begin, end] = gaps[0] ?? [0, 0];
      expect(begin).toBe(foreign);
      expect(end).toBeGreaterThanOrEqual(foreign + 2 * pageBytes);
      expect(end).toBeLessThanOrEqual(foreign + 2 * pageBytes + 64);
      expect(
        blocks.filter(({ state }) => state === 'used').map(({ address }) => address),
      ).toContain(behind);
      heap.check();
    });

    test('show the heap as it was at the call', () => {
      const [address] = [heap.malloc(100), heap.malloc(100)];
      const then = [...heap.blocks()];
      const blocks = heap.blocks();
      heap.free(address);
      heap.malloc(1 << 20);
      expect([...blocks]).toEqual(then);
      expect([...heap.blocks()]).not.toEqual(then);
    });

    test('can be iterated while another iteration runs', () => {
      heap.malloc(10);
      heap.malloc(10);
      let pairs = 0;
      for (const outer of heap.blocks()) {
        for (const inner of heap.blocks()) pairs += Number(outer.address <= inner.address);
      }
      const { length } = [...heap.blocks()];
      expect(length).toBeGreaterThan(1);
      expect(pairs).toBe((length * (length + 1)) / 2);
    });

    test('show sized blocks that lie side by side as used', () => {
      const first = Math.min(heap.allocate(64), heap.allocate(64));
      const used = survey().blocks.filter(({ state }) => state === 'used');
      expect(used[0]?.address).toBe(first);
      expect(used.reduce((sum, { size }) => sum + size, 0)).toBe(128);
    });
  });

  describe('check', () => {
    let addresses: number[];

    beforeEach(() => {
      addresses = Array.from({ length: 20 }, (_, index) => heap.malloc(50 + index));
      for (const [index, address] of addresses.entries()) if (index % 3 === 0) heap.free(address);
    });

    test('finds nothing in an intact heap and changes nothing', () => {
      const before = heap.u8.slice();
      const stats = heap.stats();
      for (let count = 0; count < 3; count++) heap.check();
      expect(heap.stats()).toEqual(stats);
      for (const [index, address] of addresses.entries()) {
        if (index % 3 !== 0)
          expect(heap.u8.slice(address - 16, address + 50)).toEqual(
            before.slice(address - 16, address + 50),
          );
      }
    });

    test('finds nothing when callers write every byte of their blocks', () => {
      for (const [index, address] of addresses.entries()) {
        if (index % 3 !== 0) heap.u8.fill(0xff, address, address + heap.usableSize(address));
      }
      expect(() => heap.check()).not.toThrow();
    });

    test('finds a free block whose tag and links were overwritten', () => {
      const [address] = [heap.malloc(5000), heap.malloc(5000), heap.malloc(5000)];
      heap.free(address);
      heap.u8.fill(0xff, address - 16, address + 16);
      expectCorruption(heap);
    });

    test.each([
      2000, 50_000,
    ])('finds a block of %i bytes that was written past its end', async (size) => {
      heap = await createHeap({ strategy });
      const [below = 0, above = 0] = [heap.malloc(size), heap.malloc(size)].toSorted(
        (left, right) => left - right,
      );
      const end = below + heap.usableSize(below);
      heap.u8.fill(0xff, end, end + 1);
      const error = expectCorruption(heap);
      expect(error.address).toBeGreaterThanOrEqual(below);
      expect(error.address).toBeLessThanOrEqual(above);
      expect(error.message).toContain(`0x${error.address.toString(16)}`);
    });
  });
});

function expectCorruption(heap: Heap): HeapCorruptionError {
  const error = catchError(HeapCorruptionError, () => heap.check());
  expect(error).toMatchObject({ name: 'HeapCorruptionError', code: 'HEAP_CORRUPTION' });
  expect(() => heap.blocks()).toThrow(HeapCorruptionError);
  return error;
}

/** Fails unless `check` finds the changed word, and finds nothing once the word is restored. */
function expectChangeFound(heap: Heap, address: number, change: (word: number) => number): void {
  heap.check();
  const word = heap.u32[address / 4] ?? 0;
  heap.u32[address / 4] = change(word);
  expectCorruption(heap);
  heap.u32[address / 4] = word;
  expect(() => heap.check()).not.toThrow();
}

/** Words that are neither a valid link nor a valid size. */
const invalidWords = [
  ['the highest number', 0xffffffff],
  ['outside of memory', 0x7ffffff0],
  ['not a multiple of 16', 0x10001],
  ['an address in front of the heap', 16],
] as const;

describe.each(headerlessStrategies)('check of %s', (strategy) => {
  test.each([0, 4, 8])('finds a header overwritten at byte %i', async (offset) => {
    const heap = await createHeap({ strategy });
    const [, address] = [heap.malloc(50), heap.malloc(50), heap.malloc(50)];
    expectChangeFound(heap, address - 16 + offset, (word) => word ^ 0x10);
  });

  test('finds a sized block that was freed twice', async () => {
    const heap = await createHeap({ strategy });
    const [, address] = [heap.allocate(64), heap.allocate(64), heap.allocate(64)];
    heap.deallocate(address, 64);
    heap.deallocate(address, 64);
    expectCorruption(heap);
  });
});

describe('check of bump-free-list', () => {
  let heap: Heap;
  let free: number;
  let otherFree: number;

  beforeEach(async () => {
    heap = await createHeap({ strategy: 'bump-free-list' });
    const addresses = Array.from({ length: 4 }, () => heap.malloc(70));
    [otherFree = 0, , free = 0] = addresses.map((address) => address - 16);
    for (const block of [otherFree, free]) heap.free(block + 16);
  });

  test.each(invalidWords)('finds a link of the free list overwritten by %s', (_, word) => {
    expectChangeFound(heap, free, () => word);
  });

  test('finds a free list that is circular', () => {
    expectChangeFound(heap, otherFree, () => free);
  });

  test.each([
    ['much larger', 1 << 16],
    ['outside of memory', 0xfffffff0],
    ['a granule larger', 96 + 16],
    ['smaller', 16],
    ['zero', 0],
    ['not a multiple of 16', 97],
  ])('finds a free block whose size was overwritten: %s', (_, size) => {
    expectChangeFound(heap, free + 4, () => size);
  });
});

describe('check of segregated-fit', () => {
  let heap: Heap;
  beforeEach(async () => {
    heap = await createHeap({ strategy: 'segregated-fit' });
  });

  const changes = [
    ['one bit', (word: number) => word ^ 0x10],
    ['its flags', (word: number) => word ^ 1],
    ['zero', () => 0],
    ['the highest number', () => 0xffffffff],
  ] as const;

  test.each(changes)('finds the tag of a used block overwritten: %s', (_, change) => {
    const [, address] = [heap.malloc(2000), heap.malloc(2000), heap.malloc(2000)];
    expectChangeFound(heap, address - 4, change);
  });

  test.each(changes)('finds the tag of a free block overwritten: %s', (_, change) => {
    const [, address] = [heap.malloc(2000), heap.malloc(2000), heap.malloc(2000)];
    heap.free(address);
    expectChangeFound(heap, address - 4, change);
  });

  test.each(invalidWords)('finds the links of a large free block overwritten by %s', (_, word) => {
    const [, address] = [heap.malloc(2000), heap.malloc(2000), heap.malloc(2000)];
    heap.free(address);
    expectChangeFound(heap, address, () => word);
    expectChangeFound(heap, address + 4, () => word);
  });

  test.each(invalidWords)('finds the link of a small free block overwritten by %s', (_, word) => {
    const [, address] = [heap.malloc(100), heap.malloc(100), heap.malloc(100)];
    heap.free(address);
    expectChangeFound(heap, address, () => word);
    expectChangeFound(heap, address + 4, () => word);
  });

  test.each([0, 4, 8, 12])('finds the header of a slab overwritten at byte %i', (offset) => {
    const [first = 0, ...others] = Array.from({ length: 100 }, () => heap.malloc(100));
    // The heap stashes the first fifteen freed blocks for reuse; later ones go back to their slabs.
    for (const other of others.slice(-15)) heap.free(other);
    heap.free(first);
    expectChangeFound(heap, Math.floor(first / 4096) * 4096 + offset, (word) => word ^ 0x10);
  });
});

describeStrategies((strategy) => {
  test.each([
    ['their own address', (block: number) => block],
    ['an invalid address', () => 0xffffffff],
  ])('stats returns even if the links of free blocks are overwritten by %s', async (_, word) => {
    const heap = await createHeap({ strategy });
    const blocks = Array.from({ length: 8 }, () => heap.malloc(2000));
    const freed = blocks.filter((__, index) => index % 2 === 0);
    for (const block of freed) heap.free(block);
    const header = strategy === 'segregated-fit' ? 0 : 16;
    for (const block of freed) heap.u32[(block - header) / 4] = word(block - header);
    expect(heap.stats().liveBlocks).toBe(4);
  });
});
