// SPDX-License-Identifier: MIT

import { createHeap, DoubleFreeError, type Heap, InvalidFreeError } from 'lite-alloc';
import { beforeEach, describe, expect, test } from 'vitest';
import { catchError } from '../support/errors.js';
import { expectPattern, fillPattern } from '../support/pattern.js';
import { describeStrategies, mallocAt } from '../support/strategies.js';

describeStrategies((strategy) => {
  let heap: Heap;
  let first: number;
  let block: number;
  let last: number;

  beforeEach(async () => {
    heap = await createHeap({ strategy });
    [first, block, last] = [heap.malloc(100), heap.malloc(100), heap.malloc(100)];
    for (const address of [first, block, last]) fillPattern(heap.memory, address, 100, address);
  });

  /** Fails unless the heap is unchanged: all blocks live with their contents, and it can allocate. */
  function expectUntouched(before: object, live = [first, block, last]): void {
    const { failures, ...after } = heap.stats();
    expect({ ...after, failures }).toEqual(before);
    heap.check();
    for (const address of live) expectPattern(heap.memory, address, 100, address);
    heap.free(heap.malloc(100));
    for (const address of live) heap.free(address);
    expect(heap.stats().liveBlocks).toBe(0);
    heap.check();
  }

  const wrongAddresses: readonly (readonly [string, () => number])[] = [
    ['one past the start of a block', () => block + 1],
    ['8 bytes into a block', () => block + 8],
    ['16 bytes into a block', () => block + 16],
    ['16 bytes below a block', () => block - 16],
    ['below the heap', () => 16],
    ['in the first page, in front of the heap', () => 1024],
    ['in the slack behind the last block', () => last + 4096],
    ['the end of memory', () => heap.memory.buffer.byteLength],
    ['behind memory', () => heap.memory.buffer.byteLength + 65536],
    ['the last granule below 2^32', () => 2 ** 32 - 16],
    ['one granule above 2^32', () => 2 ** 32 + 16],
    ['2^32 bytes above a block', () => block + 2 ** 32],
    ['huge', () => 2 ** 53],
    ['negative', () => -16],
    ['a fraction', () => block + 0.5],
    ['NaN', () => Number.NaN],
    ['infinity', () => Number.POSITIVE_INFINITY],
    ['text', () => `${block}` as unknown as number],
    ['undefined', () => undefined as unknown as number],
  ];

  describe.each(wrongAddresses)('an address that is %s', (_, wrongAddress) => {
    test('is refused by free with InvalidFreeError, which leaves the heap unchanged', () => {
      const before = heap.stats();
      const address = wrongAddress();
      const error = catchError(InvalidFreeError, () => heap.free(address));
      expect(error).toMatchObject({ name: 'InvalidFreeError', code: 'INVALID_FREE', address });
      expectUntouched(before);
    });

    test('is refused by realloc and usableSize with InvalidFreeError, which leaves the heap unchanged', () => {
      const before = heap.stats();
      const address = wrongAddress();
      expect(catchError(InvalidFreeError, () => heap.realloc(address, 50)).address).toBe(address);
      expect(catchError(InvalidFreeError, () => heap.realloc(address, 2 ** 32)).address).toBe(
        address,
      );
      expect(catchError(InvalidFreeError, () => heap.usableSize(address)).address).toBe(address);
      expectUntouched(before);
    });
  });

  describe('free', () => {
    test('ignores 0', () => {
      const before = heap.stats();
      heap.free(0);
      expectUntouched(before);
    });

    test('throws DoubleFreeError for a block freed twice and leaves the heap unchanged', () => {
      heap.free(block);
      const before = heap.stats();
      const error = catchError(DoubleFreeError, () => heap.free(block));
      expect(error).toMatchObject({ name: 'DoubleFreeError', code: 'DOUBLE_FREE', address: block });
      expect(error.message).toContain(`0x${block.toString(16)}`);
      expectUntouched(before, [first, last]);
    });

    test('throws DoubleFreeError for the last block freed twice and leaves the heap unchanged', () => {
      heap.free(last);
      const before = heap.stats();
      expect(catchError(DoubleFreeError, () => heap.free(last)).address).toBe(last);
      expectUntouched(before, [first, block]);
    });

    test('throws for the old address of a block that realloc moved, and the new block stays alive', () => {
      const moved = heap.realloc(block, 1000);
      expect(moved).not.toBe(block);
      expect(() => heap.free(block)).toThrow(DoubleFreeError);
      expectPattern(heap.memory, moved, 100, block);
      heap.free(moved);
      heap.check();
    });

    test('throws for a block of another heap', async () => {
      const other = await createHeap({ strategy });
      const foreign = Array.from({ length: 100 }, () => other.malloc(48)).at(-1) ?? 0;
      const before = heap.stats();
      expect(() => heap.free(foreign)).toThrow(InvalidFreeError);
      expectUntouched(before);
      other.free(foreign);
    });

    test('frees the new block at an address that was freed before', () => {
      heap.free(block);
      mallocAt(heap, block, 100);
      heap.free(block);
      expect(() => heap.free(block)).toThrow(DoubleFreeError);
      heap.check();
    });

    test('throws for an address with a copied block header in front of it', () => {
      heap.u8.copyWithin(first + 16, block - 16, block);
      expect(() => heap.free(first + 32)).toThrow(InvalidFreeError);
      heap.check();
    });
  });

  test('realloc and usableSize refuse a freed block', () => {
    heap.free(block);
    const before = heap.stats();
    expect(() => heap.realloc(block, 10)).toThrow(InvalidFreeError);
    expect(() => heap.usableSize(block)).toThrow(InvalidFreeError);
    expectUntouched(before, [first, last]);
  });
});
