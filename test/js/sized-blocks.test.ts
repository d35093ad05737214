// SPDX-License-Identifier: MIT

import { createHeap, type Heap, InvalidFreeError, OutOfMemoryError } from 'lite-alloc';
import { beforeEach, describe, expect, inject, test } from 'vitest';
import { catchError } from '../support/errors.js';
import { expectPattern, fillPattern } from '../support/pattern.js';
import { Random, runSteps } from '../support/random.js';
import { type ShadowBlock, ShadowHeap } from '../support/shadow-heap.js';
import { badAlignments, badSizes, hugeSizes, powersOfTwo } from '../support/sizes.js';
import { describeStrategies, headerlessStrategies, stateAt } from '../support/strategies.js';

describeStrategies((strategy) => {
  let heap: Heap;
  beforeEach(async () => {
    heap = await createHeap({ strategy });
  });

  function expectUsable(): void {
    heap.check();
    const address = heap.allocate(24);
    heap.deallocate(address, 24);
    heap.check();
  }

  describe('allocate', () => {
    test.each(powersOfTwo)('aligns to %i', (alignment) => {
      for (const size of [0, 1, 16, 100, 5000]) {
        const address = heap.allocate(size, alignment);
        expect(address % Math.max(alignment, 16)).toBe(0);
        fillPattern(heap.memory, address, size, alignment);
        expectPattern(heap.memory, address, size, alignment);
      }
      heap.check();
    });

    test('aligns to 16 by default', () => {
      for (let size = 0; size < 200; size++) expect(heap.allocate(size) % 16).toBe(0);
    });

    test('puts no header on a block', () => {
      const [first, second] = [heap.allocate(64), heap.allocate(64)];
      expect(Math.abs(second - first)).toBe(64);
      expect(heap.stats()).toMatchObject({ liveBlocks: 2, liveBytes: 128 });
    });

    test('allocates a distinct live block for each call with 0 bytes', () => {
      expect(new Set(Array.from({ length: 50 }, () => heap.allocate(0))).size).toBe(50);
    });

    test.each(badSizes)('refuses the size %s', (size) => {
      expect(() => heap.allocate(size)).toThrow(RangeError);
      expectUsable();
    });

    test.each(badAlignments)('refuses the alignment %s', (alignment) => {
      expect(catchError(RangeError, () => heap.allocate(16, alignment)).message).toContain(
        String(alignment),
      );
      expectUsable();
    });

    test.each(hugeSizes)('throws OutOfMemoryError for %i bytes', (size) => {
      expect(catchError(OutOfMemoryError, () => heap.allocate(size)).requestedBytes).toBe(size);
      expectUsable();
    });
  });

  describe('deallocate', () => {
    test('frees the block', () => {
      const address = heap.allocate(1000);
      heap.allocate(16);
      expect(stateAt(heap, address)).toBe('used');
      heap.deallocate(address, 1000);
      expect(stateAt(heap, address)).toBe('free');
      heap.check();
    });

    test.each<readonly [string, (address: number) => [number, number, number?]]>([
      ['address 0', () => [0, 64]],
      ['an address that is not a multiple of 16', (address) => [address + 8, 64]],
      [
        'an address with a smaller alignment than the call names',
        (address) => [address + 16, 16, 4096],
      ],
      ['an address beyond the end of memory', () => [heap.memory.buffer.byteLength + 64, 64]],
      ['an address above the last block', (address) => [address + 4096, 64]],
      ['an address below the heap', () => [512, 16]],
      ['an address above 32 bits', (address) => [address + 2 ** 32, 64]],
      ['a negative address', () => [-64, 64]],
      ['an address that is NaN', () => [Number.NaN, 64]],
      [
        'more bytes than lie between the address and the end of memory',
        (address) => [address, 2 ** 20],
      ],
      ['more bytes than memory has', (address) => [address, 2 ** 31]],
      ['more bytes than 32 bits can express', (address) => [address, 2 ** 32]],
    ])('refuses %s with InvalidFreeError and leaves the heap unchanged', (_, wrong) => {
      const address = heap.allocate(64, 4096);
      const before = heap.stats();
      const [wrongAddress, size, alignment] = wrong(address);
      const error = catchError(InvalidFreeError, () =>
        heap.deallocate(wrongAddress, size, alignment),
      );
      expect(error).toMatchObject({ code: 'INVALID_FREE', address: wrongAddress });
      expect(heap.stats()).toEqual(before);
      expect(() => heap.reallocate(wrongAddress, size, 16, alignment)).toThrow(InvalidFreeError);
      expect(heap.stats()).toEqual(before);
      heap.deallocate(address, 64, 4096);
      expectUsable();
    });

    test('refuses bad sizes and alignments', () => {
      const address = heap.allocate(64);
      for (const size of badSizes) expect(() => heap.deallocate(address, size)).toThrow(RangeError);
      for (const alignment of badAlignments) {
        if (alignment !== undefined)
          expect(() => heap.deallocate(address, 64, alignment)).toThrow(RangeError);
      }
      heap.deallocate(address, 64);
      expectUsable();
    });
  });

  describe('reallocate', () => {
    test('grows the last block in place and keeps its contents', () => {
      const address = heap.allocate(2000);
      fillPattern(heap.memory, address, 2000, 1);
      expect(heap.reallocate(address, 2000, 10_000)).toBe(address);
      expect(heap.reallocate(address, 10_000, 1 << 21)).toBe(address);
      expectPattern(heap.memory, address, 2000, 1);
      expect(heap.stats().liveBlocks).toBe(1);
      heap.check();
    });

    test('moves a block that cannot grow in place, keeps its contents, and frees the old block', () => {
      const [, old] = [heap.allocate(16), heap.allocate(96), heap.allocate(16)];
      fillPattern(heap.memory, old, 96, 2);
      const moved = heap.reallocate(old, 96, 1000);
      expect(moved).not.toBe(old);
      expectPattern(heap.memory, moved, 96, 2);
      expect(stateAt(heap, old)).toBe('free');
      heap.check();
    });

    test('shrinks a block in place and frees its tail', () => {
      const address = heap.allocate(1024);
      heap.allocate(16);
      fillPattern(heap.memory, address, 1024, 3);
      expect(heap.reallocate(address, 1024, 32)).toBe(address);
      expectPattern(heap.memory, address, 32, 3);
      expect(stateAt(heap, address)).toBe('used');
      expect(stateAt(heap, address + 992)).toBe('free');
      heap.check();
    });

    test('keeps the alignment that it is passed when it moves a block', () => {
      for (const alignment of powersOfTwo) {
        const address = heap.allocate(64, alignment);
        heap.allocate(48);
        expect(heap.reallocate(address, 64, 70_000, alignment) % alignment).toBe(0);
      }
      heap.check();
    });

    test('refuses bad sizes and alignments', () => {
      const address = heap.allocate(64);
      for (const size of badSizes) {
        expect(catchError(RangeError, () => heap.reallocate(address, size, 10)).message).toMatch(
          /^oldSize /,
        );
        expect(catchError(RangeError, () => heap.reallocate(address, 64, size)).message).toMatch(
          /^newSize /,
        );
      }
      expect(() => heap.reallocate(address, 64, 10, 3)).toThrow(RangeError);
      heap.deallocate(address, 64);
      expectUsable();
    });

    test.each(
      hugeSizes,
    )('throws OutOfMemoryError for %i bytes and leaves the block unchanged', (size) => {
      const address = heap.allocate(64);
      fillPattern(heap.memory, address, 64, 4);
      expect(
        catchError(OutOfMemoryError, () => heap.reallocate(address, 64, size)).requestedBytes,
      ).toBe(size);
      expectPattern(heap.memory, address, 64, 4);
      heap.deallocate(address, 64);
      expectUsable();
    });
  });

  test('random sized calls keep all contents beside blocks of malloc', () => {
    const seed = inject('seed');
    const random = new Random(seed);
    const shadow = new ShadowHeap(heap.memory);
    const slots: (ShadowBlock | undefined)[] = [];
    const blocks = Array.from({ length: 50 }, (_, size) => shadow.add(heap.malloc(size), size, 16));

    runSteps(seed, 20_000, () => {
      const slot = random.below(100);
      const block = slots[slot];
      const size = random.below(1 << random.pick([4, 7, 11]));
      if (block === undefined) {
        const alignment = random.pick(powersOfTwo.slice(0, 10));
        slots[slot] = shadow.add(heap.allocate(size, alignment), size, alignment);
      } else if (random.oneIn(2)) {
        const address = heap.reallocate(block.address, block.size, size, block.alignment);
        slots[slot] = shadow.resize(block, address, size);
      } else {
        shadow.remove(block);
        heap.deallocate(block.address, block.size, block.alignment);
        slots[slot] = undefined;
      }
    });

    heap.check();
    shadow.verifyAll();
    expect(heap.stats().liveBlocks).toBe(shadow.count);
    for (const { address } of blocks) heap.free(address);
    heap.check();
  });
});

describe.each(headerlessStrategies)('%s', (strategy) => {
  test('refuses blocks of malloc in sized calls, and sized blocks in free', async () => {
    const heap = await createHeap({ strategy });
    const [address, sized] = [heap.malloc(64), heap.allocate(64)];
    heap.u8.fill(0, sized, sized + 64);
    const before = heap.stats();
    expect(() => heap.deallocate(address, 64)).toThrow(InvalidFreeError);
    expect(() => heap.reallocate(address, 64, 128)).toThrow(InvalidFreeError);
    expect(() => heap.free(sized)).toThrow(InvalidFreeError);
    expect(heap.stats()).toEqual(before);
    heap.free(address);
    heap.deallocate(sized, 64);
    heap.check();
  });
});

describe('segregated-fit', () => {
  test.each([
    64, 5000,
  ])('allocates blocks of %i bytes that both the sized and the other calls accept', async (size) => {
    const heap = await createHeap({ strategy: 'segregated-fit' });
    const [address, sized] = [heap.malloc(size), heap.allocate(size)];
    heap.free(heap.realloc(sized, 2 * size));
    heap.deallocate(heap.reallocate(address, size, 2 * size), 2 * size);
    expect(heap.stats()).toMatchObject({ liveBlocks: 0, liveBytes: 0 });
    heap.check();
  });

  test.each([
    64, 5000,
  ])('refuses to deallocate a block of %i bytes twice or with a size that is too large', async (size) => {
    const heap = await createHeap({ strategy: 'segregated-fit' });
    const [address, other] = [heap.allocate(size), heap.allocate(size)];
    heap.deallocate(address, size);
    expect(() => heap.deallocate(address, size)).toThrow(InvalidFreeError);
    expect(() => heap.deallocate(other, size + 16)).toThrow(InvalidFreeError);
    expect(heap.stats().liveBlocks).toBe(1);
    heap.check();
  });
});
