// SPDX-License-Identifier: MIT

import { createHeap, type Heap, type HeapBlock, HeapCorruptionError } from 'lite-alloc';
import { beforeEach, describe, expect, inject, test } from 'vitest';
import { catchError } from '../support/errors.js';
import { Random } from '../support/random.js';
import { describeStrategies } from '../support/strategies.js';

const pageBytes = 65536;

describeStrategies((strategy) => {
  let heap: Heap;
  beforeEach(async () => {
    heap = await createHeap({ strategy });
  });

  describe('stats', () => {
    test('of a new heap tell of one free stretch', () => {
      const stats = heap.stats();
      expect(stats).toEqual({
        strategy: 'bump-free-list',
        liveBlocks: 0,
        liveBytes: 0,
        peakLiveBytes: 0,
        freeBytes: stats.slackBytes,
        slackBytes: stats.slackBytes,
        largestFreeBytes: 0,
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

    test('count bytes with their rounding, without headers', () => {
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

    test('count what usableSize tells', () => {
      const addresses = Array.from({ length: 100 }, (_, size) => heap.malloc(size * 7));
      const usable = addresses.map((address) => heap.usableSize(address));
      expect(heap.stats().liveBytes).toBe(usable.reduce((sum, size) => sum + size));
    });

    test('follow a block that is resized', () => {
      const address = heap.malloc(100);
      const bigger = heap.realloc(address, 1000);
      expect(heap.stats()).toMatchObject({
        liveBlocks: 1,
        liveBytes: 1008,
        allocations: 1,
        frees: 0,
      });
      heap.realloc(bigger, 16);
      expect(heap.stats()).toMatchObject({ liveBlocks: 1, liveBytes: 16, peakLiveBytes: 1008 });
    });

    test('count sized blocks as others', () => {
      const address = heap.allocate(100);
      expect(heap.stats()).toMatchObject({ liveBlocks: 1, liveBytes: 112 });
      const moved = heap.reallocate(address, 100, 200);
      expect(heap.stats()).toMatchObject({ liveBlocks: 1, liveBytes: 208 });
      heap.deallocate(moved, 200);
      expect(heap.stats()).toMatchObject({ liveBlocks: 0, liveBytes: 0, allocations: 1, frees: 1 });
    });

    test('count failures', () => {
      heap.tryMalloc(2 ** 32);
      expect(() => heap.malloc(2 ** 33)).toThrow();
      expect(() => heap.memalign(64, 2 ** 32 - 1)).toThrow();
      expect(heap.stats()).toMatchObject({ failures: 3, allocations: 0 });
      expect(() => heap.malloc(-1)).toThrow(RangeError);
      expect(heap.stats().failures).toBe(3);
    });

    test('count how often memory grew, and its size', () => {
      const { memoryBytes } = heap.stats();
      heap.malloc(memoryBytes);
      const after = heap.stats();
      expect(after.growths).toBe(1);
      expect(after.memoryBytes).toBeGreaterThan(memoryBytes);
      expect(after.memoryBytes).toBe(heap.memory.buffer.byteLength);
      heap.malloc(16);
      expect(heap.stats().growths).toBe(1);
    });

    test('tell the slack at the top as free, but not as fragmented', () => {
      heap.malloc(heap.stats().memoryBytes);
      const { slackBytes, freeBytes, fragmentation } = heap.stats();
      expect(slackBytes).toBeGreaterThan(0);
      expect(freeBytes).toBe(slackBytes);
      expect(fragmentation).toBe(0);
      heap.malloc(slackBytes / 2);
      expect(heap.stats().slackBytes).toBeLessThan(slackBytes / 2);
    });

    test('tell the largest free block and the share of free bytes outside of it', () => {
      const [small, , large] = [
        heap.malloc(112),
        heap.malloc(16),
        heap.malloc(368),
        heap.malloc(16),
      ];
      heap.free(large);
      expect(heap.stats()).toMatchObject({ largestFreeBytes: 384, fragmentation: 0 });
      heap.free(small);
      const { freeBytes, slackBytes, largestFreeBytes, fragmentation } = heap.stats();
      expect(freeBytes - slackBytes).toBe(512);
      expect(largestFreeBytes).toBe(384);
      expect(fragmentation).toBeCloseTo(0.25, 10);
      expect(heap.malloc(368)).toBe(large);
      expect(heap.stats()).toMatchObject({ largestFreeBytes: 128, fragmentation: 0 });
    });

    test('stay sound through random calls', () => {
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
        // Headers are the rest: one unit a block.
        const heapBytes = stats.liveBytes + stats.freeBytes + 16 * live.length;
        expect(heapBytes).toBeLessThanOrEqual(stats.memoryBytes);
        expect(heapBytes).toBeGreaterThan(stats.memoryBytes - pageBytes);
      }
    });
  });

  describe('blocks', () => {
    /** All stretches; where the next one does not begin at the end of one, that is a gap. */
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

    test('of a new heap are one free stretch up to the end of memory', () => {
      const { blocks } = survey();
      expect(blocks).toEqual([
        { address: expect.any(Number) as number, size: heap.stats().freeBytes, state: 'free' },
      ]);
      expect((blocks[0]?.address ?? 0) + (blocks[0]?.size ?? 0)).toBe(
        heap.memory.buffer.byteLength,
      );
    });

    test('cover the heap without a gap, in order, with every live block among the used ones', () => {
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

    test('tell as much free as stats do', () => {
      const addresses = Array.from({ length: 40 }, (_, index) => heap.allocate(16 * (index + 1)));
      for (const [index, address] of addresses.entries()) {
        if (index % 2 === 0) heap.deallocate(address, 16 * (index + 1));
      }
      const free = survey().blocks.filter(({ state }) => state === 'free');
      expect(free.reduce((sum, { size }) => sum + size, 0)).toBe(heap.stats().freeBytes);
    });

    test('leave out pages that somebody else grew', () => {
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

    test('are those of the moment of the call', () => {
      const [address] = [heap.malloc(100), heap.malloc(100)];
      const then = [...heap.blocks()];
      const blocks = heap.blocks();
      heap.free(address);
      heap.malloc(1 << 20);
      expect([...blocks]).toEqual(then);
      expect([...heap.blocks()]).not.toEqual(then);
    });

    test('can be asked for while others are read', () => {
      heap.malloc(10);
      heap.malloc(10);
      let pairs = 0;
      for (const outer of heap.blocks()) {
        for (const inner of heap.blocks()) pairs += Number(outer.address <= inner.address);
      }
      expect(pairs).toBe(6);
    });

    test('show sized blocks that lie side by side as used', () => {
      const first = heap.allocate(64);
      heap.allocate(64);
      const { blocks } = survey();
      expect(blocks[0]).toEqual({ address: first, size: 128, state: 'used' });
    });
  });

  describe('check', () => {
    let addresses: number[];

    beforeEach(() => {
      addresses = Array.from({ length: 20 }, (_, index) => heap.malloc(50 + index));
      for (const [index, address] of addresses.entries()) if (index % 3 === 0) heap.free(address);
    });

    /** An address of a block: of index 0, 3, 6 ... it is free. */
    const at = (index: number): number => addresses[index] ?? 0;

    function expectCorruption(): HeapCorruptionError {
      const error = catchError(HeapCorruptionError, () => heap.check());
      expect(error).toMatchObject({ name: 'HeapCorruptionError', code: 'HEAP_CORRUPTION' });
      expect(() => heap.blocks()).toThrow(HeapCorruptionError);
      return error;
    }

    test('finds nothing in a sound heap, and changes nothing', () => {
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

    test('finds nothing where owners write in the whole of their blocks', () => {
      for (const [index, address] of addresses.entries()) {
        if (index % 3 !== 0) heap.u8.fill(0xff, address, address + heap.usableSize(address));
      }
      expect(() => heap.check()).not.toThrow();
    });

    test.each([0, 4, 8])('finds a header overwritten at byte %i', (offset) => {
      const word = (at(4) - 16 + offset) / 4;
      const before = heap.u32[word] ?? 0;
      heap.u32[word] = before ^ 0x10;
      expectCorruption();
      heap.u32[word] = before;
      expect(() => heap.check()).not.toThrow();
    });

    test('finds a block that was written past its end', () => {
      const end = at(4) + heap.usableSize(at(4));
      heap.u8.fill(0xff, end, end + 1);
      const error = expectCorruption();
      expect(error.address).toBeGreaterThanOrEqual(at(4));
      expect(error.address).toBeLessThanOrEqual(at(5));
      expect(error.message).toContain(`0x${error.address.toString(16)}`);
    });

    test.each([
      ['the highest number', 0xffffffff],
      ['outside of memory', 0x7ffffff0],
      ['no unit', 0x10001],
      ['the first bytes of memory', 16],
    ])('finds a link of the free list overwritten by %s', (_, rubbish) => {
      heap.u32[(at(6) - 16) / 4] = rubbish;
      expectCorruption();
    });

    test('finds a link of the free list that makes a circle', () => {
      heap.u32[(at(6) - 16) / 4] = at(9) - 16;
      expectCorruption();
    });

    test.each([
      ['much larger', 1 << 16],
      ['outside of memory', 0xfffffff0],
      ['a unit larger', 96 + 16],
      ['smaller', 16],
      ['zero', 0],
      ['no unit', 97],
    ])('finds a free block whose size was overwritten: %s', (_, size) => {
      heap.u32[(at(6) - 16) / 4 + 1] = size;
      expectCorruption();
    });

    test('finds a sized block that was freed twice', () => {
      const [address] = [heap.allocate(64), heap.allocate(64)];
      heap.deallocate(address, 64);
      heap.deallocate(address, 64);
      expectCorruption();
    });
  });
});
