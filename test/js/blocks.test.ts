// SPDX-License-Identifier: MIT

import { createHeap, type Heap, InvalidFreeError, OutOfMemoryError } from 'lite-alloc';
import { beforeEach, describe, expect, test } from 'vitest';
import { catchError } from '../support/errors.js';
import { expectPattern, fillPattern, PatternedMemory } from '../support/pattern.js';
import {
  badAlignments,
  badSizes,
  hugeSizes,
  powersOfTwo,
  toRequestedBytes,
} from '../support/sizes.js';
import { describeStrategies, stateAt } from '../support/strategies.js';

describeStrategies((strategy) => {
  let heap: Heap;
  beforeEach(async () => {
    heap = await createHeap({ strategy });
  });

  /** Fails unless the heap is intact and still allocates and frees. */
  function expectUsable(): void {
    heap.check();
    const address = heap.malloc(24);
    fillPattern(heap.memory, address, 24, 1);
    expectPattern(heap.memory, address, 24, 1);
    heap.free(address);
    heap.check();
  }

  /** Fills blocks with bytes that are not zero and frees them. */
  function leaveDirtyFreeBlocks(): void {
    const blocks = Array.from({ length: 20 }, (_, index) => ({
      size: 40 * index,
      address: heap.malloc(40 * index),
    }));
    for (const { address, size } of blocks) heap.u8.fill(0xa5, address, address + size);
    for (const { address } of blocks) heap.free(address);
  }

  describe('malloc', () => {
    test('allocates blocks that keep what is written to them', () => {
      const sizes = [1, 15, 16, 17, 100, 1000, 65536, 1 << 20];
      const blocks = sizes.map((size) => ({ size, address: heap.malloc(size) }));
      for (const [tag, { address, size }] of blocks.entries())
        fillPattern(heap.memory, address, size, tag);
      for (const [tag, { address, size }] of blocks.entries())
        expectPattern(heap.memory, address, size, tag);
      heap.check();
    });

    test('aligns every block to 16 bytes', () => {
      for (let size = 0; size < 300; size++) expect(heap.malloc(size) % 16).toBe(0);
    });

    test('allocates a distinct live block for each call with 0 bytes', () => {
      const addresses = Array.from({ length: 100 }, () => heap.malloc(0));
      expect(new Set(addresses).size).toBe(100);
      expect(heap.stats().liveBlocks).toBe(100);
      for (const address of addresses) {
        expect(address).toBeGreaterThan(0);
        heap.free(address);
      }
      expect(heap.stats().liveBlocks).toBe(0);
    });

    test('reuses freed memory before it grows memory', () => {
      const addresses = Array.from({ length: 1000 }, () => heap.malloc(1000));
      for (const address of addresses) heap.free(address);
      const { memoryBytes } = heap.stats();
      for (let count = 0; count < 1000; count++) heap.malloc(1000);
      expect(heap.stats().memoryBytes).toBe(memoryBytes);
      heap.check();
    });

    test('allocates further blocks from the rest of a large free block', () => {
      const large = heap.malloc(1 << 20);
      heap.malloc(16);
      heap.free(large);
      const { memoryBytes } = heap.stats();
      for (let count = 0; count < 1000; count++) heap.malloc(1000);
      expect(heap.stats().memoryBytes).toBe(memoryBytes);
      heap.check();
    });

    test('allocates blocks that cross page boundaries and keep their contents', () => {
      for (let size = 65536 - 64; size <= 65536 + 64; size += 8) {
        const address = heap.malloc(size);
        fillPattern(heap.memory, address, size, size);
        expectPattern(heap.memory, address, size, size);
        heap.check();
      }
    });

    test.each(badSizes)('refuses the size %s', (size) => {
      const shown = typeof size === 'object' && size !== null ? 'Object' : String(size);
      expect(catchError(RangeError, () => heap.malloc(size)).message).toContain(shown);
      expectUsable();
    });

    test.each(
      hugeSizes,
    )('throws OutOfMemoryError for %i bytes instead of allocating a small block', (size) => {
      const error = catchError(OutOfMemoryError, () => heap.malloc(size));
      const { memoryBytes, maximumBytes } = heap.stats();
      expect(error).toMatchObject({
        code: 'OUT_OF_MEMORY',
        requestedBytes: size,
        memoryBytes,
        maximumBytes,
      });
      expect(error.message).toContain(String(size));
      expectUsable();
    });
  });

  describe('tryMalloc', () => {
    test('returns a block as malloc does', () => {
      const address = heap.tryMalloc(100);
      expect(heap.usableSize(address)).toBeGreaterThanOrEqual(100);
      heap.free(address);
    });

    test.each(hugeSizes)('returns 0 for %i bytes', (size) => {
      expect(heap.tryMalloc(size)).toBe(0);
      expectUsable();
    });

    test.each(badSizes)('refuses the size %s', (size) => {
      expect(() => heap.tryMalloc(size)).toThrow(RangeError);
      expectUsable();
    });
  });

  describe('calloc', () => {
    test('clears a block that reuses dirty memory', () => {
      leaveDirtyFreeBlocks();
      const contents = new PatternedMemory(heap.memory);
      for (let size = 0; size < 800; size += 7) {
        const address = heap.calloc(1, size);
        expect(contents.isZero(address, size)).toBe(true);
        fillPattern(heap.memory, address, size, size);
      }
      heap.check();
    });

    test('allocates count times size bytes', () => {
      const address = heap.calloc(25, 40);
      expect(heap.usableSize(address)).toBeGreaterThanOrEqual(1000);
      expect(new PatternedMemory(heap.memory).isZero(address, 1000)).toBe(true);
    });

    test.each([
      [0, 10],
      [10, 0],
      [0, 0],
    ])('allocates a distinct live block for %i times %i bytes', (count, size) => {
      const addresses = [heap.calloc(count, size), heap.calloc(count, size)];
      expect(new Set(addresses).size).toBe(2);
      for (const address of addresses) heap.free(address);
    });

    test.each([
      [2 ** 20, 2 ** 20],
      [2 ** 16, 2 ** 16],
      [2 ** 31, 2],
      [2 ** 31 + 8, 2],
      [3, 2 ** 32],
      [2 ** 53, 2 ** 53],
      [1e200, 1e200],
    ])('throws OutOfMemoryError for %d times %d bytes', (count, size) => {
      const error = catchError(OutOfMemoryError, () => heap.calloc(count, size));
      expect(error.requestedBytes).toBe(toRequestedBytes(count * size));
      expectUsable();
    });

    test.each(badSizes)('refuses %s as count and as size', (bad) => {
      expect(catchError(RangeError, () => heap.calloc(bad, 1)).message).toMatch(/^count /);
      expect(catchError(RangeError, () => heap.calloc(1, bad)).message).toMatch(/^size /);
      expectUsable();
    });

    test('refuses a bad count even if its product with the size is valid', () => {
      expect(() => heap.calloc(-4, -4)).toThrow(RangeError);
      expect(() => heap.calloc(0.5, 32)).toThrow(RangeError);
    });
  });

  describe('memalign', () => {
    test.each(powersOfTwo)('aligns to %i', (alignment) => {
      for (const size of [0, 1, 16, 100, 5000]) {
        const address = heap.memalign(alignment, size);
        expect(address % Math.max(alignment, 16)).toBe(0);
        fillPattern(heap.memory, address, size, alignment);
        expectPattern(heap.memory, address, size, alignment);
        expect(heap.usableSize(address)).toBeGreaterThanOrEqual(size);
      }
      heap.check();
    });

    test('aligns blocks that it takes from a free list', () => {
      const blocks = Array.from({ length: 50 }, () => [heap.malloc(3000), heap.malloc(16)]);
      for (const [address = 0] of blocks) heap.free(address);
      const { memoryBytes } = heap.stats();
      for (let count = 0; count < 50; count++) expect(heap.memalign(512, 100) % 512).toBe(0);
      expect(heap.stats().memoryBytes).toBe(memoryBytes);
      heap.check();
    });

    test('leaves the gap in front of an aligned block free for other blocks', () => {
      heap.memalign(65536, 16);
      heap.memalign(65536, 16);
      const { memoryBytes } = heap.stats();
      for (let count = 0; count < 60; count++) heap.malloc(1000);
      expect(heap.stats().memoryBytes).toBe(memoryBytes);
    });

    test.each(badAlignments)('refuses the alignment %s', (alignment) => {
      expect(catchError(RangeError, () => heap.memalign(alignment, 16)).message).toContain(
        String(alignment),
      );
      expectUsable();
    });

    test.each(badSizes)('refuses the size %s', (size) => {
      expect(() => heap.memalign(64, size)).toThrow(RangeError);
      expectUsable();
    });

    test.each([
      ...hugeSizes,
      2 ** 32 - 65536,
      2 ** 32 - 70000,
    ])('throws OutOfMemoryError for %i bytes', (size) => {
      for (const alignment of [16, 4096, 65536]) {
        expect(
          catchError(OutOfMemoryError, () => heap.memalign(alignment, size)).requestedBytes,
        ).toBe(size);
      }
      expectUsable();
    });
  });

  describe('realloc', () => {
    test('keeps the contents of the last block while it grows', () => {
      let address = heap.malloc(10);
      fillPattern(heap.memory, address, 10, 3);
      for (let size = 20; size < 1 << 21; size *= 2) {
        address = heap.realloc(address, size);
        expectPattern(heap.memory, address, 10, 3);
        heap.check();
      }
      expect(heap.stats().liveBlocks).toBe(1);
    });

    test('keeps the contents of a block that it moves, and frees the old block', () => {
      const [, old] = [heap.malloc(16), heap.malloc(100), heap.malloc(16)];
      fillPattern(heap.memory, old, 100, 4);
      const moved = heap.realloc(old, 1000);
      expect(moved).not.toBe(old);
      expectPattern(heap.memory, moved, 100, 4);
      expect(heap.usableSize(moved)).toBeGreaterThanOrEqual(1000);
      expect(() => heap.usableSize(old)).toThrow(InvalidFreeError);
      expect(heap.stats().liveBlocks).toBe(3);
      expect(stateAt(heap, old)).toBe('free');
      heap.check();
    });

    test('shrinks a block in place, keeps its contents, and frees its tail', () => {
      const address = heap.malloc(10_000);
      heap.malloc(16);
      fillPattern(heap.memory, address, 10_000, 5);
      expect(heap.realloc(address, 100)).toBe(address);
      expectPattern(heap.memory, address, 100, 5);
      expect(heap.usableSize(address)).toBeLessThan(10_000);
      expect(stateAt(heap, address)).toBe('used');
      expect(stateAt(heap, address + 9000)).toBe('free');
      heap.check();
    });

    test('does not move a block for the same or a slightly smaller size', () => {
      const address = heap.malloc(64);
      heap.malloc(16);
      expect(heap.realloc(address, 64)).toBe(address);
      expect(heap.realloc(address, 50)).toBe(address);
    });

    test('returns a live block for 0 bytes', () => {
      const address = heap.realloc(heap.malloc(100), 0);
      expect(heap.stats().liveBlocks).toBe(1);
      heap.free(address);
      expect(heap.stats().liveBlocks).toBe(0);
    });

    test('allocates a new block for the address 0', () => {
      const address = heap.realloc(0, 100);
      expect(heap.usableSize(address)).toBeGreaterThanOrEqual(100);
      expect(heap.stats().allocations).toBe(1);
    });

    test.each(powersOfTwo)('keeps an alignment of %i when it moves a block', (alignment) => {
      let address = heap.memalign(alignment, 100);
      fillPattern(heap.memory, address, 100, 6);
      for (const size of [200, 1000, 70_000]) {
        heap.malloc(48);
        address = heap.realloc(address, size);
        expect(address % alignment).toBe(0);
        expectPattern(heap.memory, address, 100, 6);
      }
      heap.check();
    });

    test.each(badSizes)('refuses the size %s and leaves the block unchanged', (size) => {
      const address = heap.malloc(100);
      fillPattern(heap.memory, address, 100, 7);
      expect(() => heap.realloc(address, size)).toThrow(RangeError);
      expectPattern(heap.memory, address, 100, 7);
      expectUsable();
    });

    test.each(
      hugeSizes,
    )('throws OutOfMemoryError for %i bytes and leaves the block unchanged', (size) => {
      const address = heap.malloc(100);
      fillPattern(heap.memory, address, 100, 8);
      const usable = heap.usableSize(address);
      expect(catchError(OutOfMemoryError, () => heap.realloc(address, size)).requestedBytes).toBe(
        size,
      );
      expect(heap.usableSize(address)).toBe(usable);
      expectPattern(heap.memory, address, 100, 8);
      expectUsable();
      heap.free(address);
      expect(heap.stats().liveBlocks).toBe(0);
    });
  });

  describe('usableSize', () => {
    test('returns at least the requested size, and callers may write all of these bytes', () => {
      const blocks = Array.from({ length: 200 }, (_, size) => ({
        size,
        address: heap.malloc(size),
      }));
      for (const { address, size } of blocks) {
        expect(heap.usableSize(address)).toBeGreaterThanOrEqual(Math.max(size, 1));
        // segregated-bump rounds a block of at most 128 bytes, header included, up to a power of two.
        const mostBytes = strategy === 'segregated-bump' ? Math.max(size + 32, 112) : size + 31;
        expect(heap.usableSize(address)).toBeLessThanOrEqual(mostBytes);
        fillPattern(heap.memory, address, heap.usableSize(address), address);
      }
      for (const { address } of blocks)
        expectPattern(heap.memory, address, heap.usableSize(address), address);
      heap.check();
    });
  });
});
