// SPDX-License-Identifier: MIT

import {
  createHeap,
  createHeapSync,
  DoubleFreeError,
  type Heap,
  type HeapArray,
  HeapCorruptionError,
  InvalidFreeError,
  LeakError,
  LiteAllocError,
  OutOfMemoryError,
  UseAfterFreeError,
} from 'lite-alloc';
import { afterEach, beforeEach, describe, expect, inject, test } from 'vitest';
import { catchError } from '../support/errors.js';
import { expectPattern, fillPattern } from '../support/pattern.js';
import { Random, runSteps } from '../support/random.js';
import { type ShadowBlock, ShadowHeap } from '../support/shadow-heap.js';
import { powersOfTwo } from '../support/sizes.js';
import { describeStrategies } from '../support/strategies.js';

/** The tests look for the names of these two functions in call stacks. */
function allocateHere(heap: Heap, size: number): number {
  const address = heap.malloc(size);
  return address;
}

function freeHere(heap: Heap, address: number): void {
  heap.free(address);
  void heap;
}

/** Matches a call stack whose first line names a function. */
function beginsWith(name: string): unknown {
  return expect.stringMatching(new RegExp(`^[^\\n]*\\b${name}\\b`));
}

describeStrategies((strategy) => {
  let heap: Heap;
  beforeEach(async () => {
    heap = await createHeap({ strategy, debug: true });
  });
  // If a heap lived on, a garbage collection during a later test could find its handles, free their blocks, and throw
  // what the check of an overwritten block throws.
  afterEach(() => heap.dispose());

  describe('a debug heap', () => {
    test.each(powersOfTwo)('allocates blocks aligned to %i', (alignment) => {
      for (const size of [0, 1, 15, 16, 17, 1000]) {
        const address = heap.memalign(alignment, size);
        expect(address % Math.max(alignment, 16)).toBe(0);
        expect(heap.usableSize(address)).toBe(Math.max(size, 1));
        const moved = heap.realloc(address, size + 1);
        expect(moved % Math.max(alignment, 16)).toBe(0);
        const sized = heap.allocate(size, alignment);
        expect(sized % Math.max(alignment, 16)).toBe(0);
        heap.deallocate(sized, size, alignment);
        heap.free(moved);
      }
      heap.check();
      expect(heap.stats().liveBlocks).toBe(0);
    });

    test('clears blocks of calloc, and fills blocks of malloc with 0xcd', () => {
      const zeroed = heap.calloc(10, 10);
      expect(heap.u8.slice(zeroed, zeroed + 100)).toEqual(new Uint8Array(100));
      const block = heap.malloc(100);
      expect(heap.u8.slice(block, block + 100).every((byte) => byte === 0xcd)).toBe(true);
    });

    test('fills freed bytes with 0xdd', () => {
      const block = heap.malloc(100);
      heap.free(block);
      expect(heap.u8.slice(block, block + 100).every((byte) => byte === 0xdd)).toBe(true);
    });

    test('counts requested sizes, rounded up to granules of 16 bytes', () => {
      const [first, second] = [heap.malloc(100), heap.allocate(1, 4096)];
      expect(heap.stats()).toMatchObject({ liveBlocks: 2, liveBytes: 128, allocations: 2 });
      const moved = heap.realloc(first, 200);
      expect(heap.stats()).toMatchObject({
        liveBlocks: 2,
        liveBytes: 224,
        allocations: 2,
        frees: 0,
      });
      heap.free(moved);
      heap.deallocate(second, 1, 4096);
      expect(heap.stats()).toMatchObject({
        liveBlocks: 0,
        liveBytes: 0,
        peakLiveBytes: 224,
        allocations: 2,
        frees: 2,
        failures: 0,
      });
    });

    test('counts blocks in quarantine as free', () => {
      const block = heap.malloc(10_000);
      const before = heap.stats().freeBytes;
      heap.free(block);
      expect(heap.stats().freeBytes).toBeGreaterThanOrEqual(before + 10_000);
      expect(heap.stats().freeBytes).toBeLessThanOrEqual(before + 10_100);
    });

    test('lists blocks at the addresses that callers know, without a gap', () => {
      const random = new Random(inject('seed'));
      const live: number[] = [];
      for (let step = 0; step < 500; step++) {
        if (live.length === 0 || random.below(5) < 3)
          live.push(heap.memalign(1 << random.below(10), random.below(2000)));
        else heap.free(live.splice(random.below(live.length), 1)[0] ?? 0);
      }
      const blocks = [...heap.blocks()];
      for (const [index, { address, size }] of blocks.entries()) {
        expect(size).toBeGreaterThan(0);
        expect(address + size).toBe(blocks[index + 1]?.address ?? heap.memory.buffer.byteLength);
      }
      const used = blocks.filter(({ state }) => state === 'used');
      expect(used.map(({ address }) => address)).toEqual(
        live.toSorted((left, right) => left - right),
      );
      for (const { address, size } of used)
        expect(size).toBeGreaterThanOrEqual(heap.usableSize(address));
      expect(heap.leaks().map(({ address }) => address)).toEqual(
        used.map(({ address }) => address),
      );
    });

    test('is empty after reset', () => {
      const [live, freed] = [heap.malloc(100), heap.malloc(100)];
      heap.free(freed);
      heap.u8.fill(1, live - 16, live + 116);
      heap.reset();
      heap.check();
      heap.assertNoLeaks();
      expect(heap.stats()).toMatchObject({ liveBlocks: 0, liveBytes: 0, allocations: 2, frees: 2 });
      for (const { state } of heap.blocks()) expect(state).toBe('free');
      for (const address of [live, freed]) expect(() => heap.free(address)).toThrow(LiteAllocError);
      heap.free(heap.malloc(100));
    });

    test('resizes arrays, and detects writes past their end', () => {
      const array = heap.from(new Uint8Array([1, 2, 3]));
      array.resize(5);
      expect([...array.view.slice(0, 3)]).toEqual([1, 2, 3]);
      heap.u8[array.address + 5] = 1;
      expect(catchError(HeapCorruptionError, () => array.resize(6))).toMatchObject({
        address: array.address,
        size: 5,
        offset: 5,
      });
    });

    test('names the calls that allocated and freed a dead handle in the error of its use', () => {
      function arrayHere(): HeapArray<Uint8Array> {
        const made = heap.array(Uint8Array, 100);
        return made;
      }
      function disposeHere(handle: HeapArray<Uint8Array>): void {
        handle.free();
        void handle;
      }
      const array = arrayHere();
      disposeHere(array);
      const { message } = catchError(UseAfterFreeError, () => array.view);
      expect(message).toMatch(/was freed before\nallocated\n {4}.*\barrayHere\b/);
      expect(message).toMatch(/\nfreed\n {4}.*\bdisposeHere\b/);
    });

    test('throws OutOfMemoryError for sizes of almost 4 GiB', () => {
      expect(() => heap.malloc(2 ** 32 - 1)).toThrow(OutOfMemoryError);
      expect(() => heap.memalign(65536, 2 ** 32 - 65536)).toThrow(OutOfMemoryError);
      expect(heap.tryMalloc(2 ** 32 - 64)).toBe(0);
      expect(heap.stats()).toMatchObject({ failures: 3, liveBlocks: 0 });
    });
  });

  describe('a write of one byte', () => {
    const places = [
      ['past the end', (size: number) => size, 'past its end'],
      ['15 bytes past the end', (size: number) => size + 15, 'past its end'],
      ['in front of the start', () => -1, 'in front of its start'],
      ['16 bytes in front of the start', () => -16, 'in front of its start'],
    ] as const;

    describe.each(places)('%s of a block', (_, offsetIn, words) => {
      test.each(powersOfTwo)('aligned to %i is found by check, free and realloc', (alignment) => {
        for (const size of [1, 3, 4, 16, 17, 31, 100]) {
          const address = heap.memalign(alignment, size);
          const offset = offsetIn(size);
          const place = address + offset;
          heap.u8[place] = 0x5a;
          const before = heap.stats();
          for (const call of [
            () => heap.check(),
            () => heap.free(address),
            () => heap.realloc(address, 10),
            () => heap.blocks(),
          ]) {
            const error = catchError(HeapCorruptionError, call);
            expect(error).toMatchObject({ code: 'HEAP_CORRUPTION', address, size, offset });
            expect(error.message).toContain(`block of ${size} bytes at 0x${address.toString(16)}`);
            expect(error.message).toContain(words);
            expect(error.message).toContain(`byte ${offset} holds 0x5a`);
          }
          expect(heap.stats()).toEqual(before);
          heap.u8[place] = 0xfd;
          heap.check();
          heap.free(address);
        }
      });
    });

    test('past the end of a sized block is found by deallocate and reallocate', () => {
      const address = heap.allocate(50, 32);
      heap.u8[address + 50] = 1;
      for (const call of [
        () => heap.deallocate(address, 50, 32),
        () => heap.reallocate(address, 50, 60, 32),
      ])
        expect(catchError(HeapCorruptionError, call)).toMatchObject({ address, offset: 50 });
    });

    test('within a block is not reported', () => {
      const address = heap.malloc(100);
      heap.u8.fill(0x5a, address, address + heap.usableSize(address));
      heap.check();
      heap.free(address);
      heap.check();
    });

    test('farther away is found with more canary bytes', async () => {
      heap = await createHeap({ strategy, debug: { canaryBytes: 200 } });
      const address = heap.malloc(100);
      for (const offset of [-208, -17, 116, 307]) {
        heap.u8[address + offset] = 1;
        expect(catchError(HeapCorruptionError, () => heap.check()).offset).toBe(offset);
        heap.u8[address + offset] = 0xfd;
      }
      heap.free(address);
    });
  });

  describe('a write to a freed block', () => {
    test.each([0, 50, 99])('at byte %i is found by check', (offset) => {
      const address = allocateHere(heap, 100);
      freeHere(heap, address);
      heap.u8[address + offset] = 0;
      const error = catchError(HeapCorruptionError, () => heap.check());
      expect(error).toMatchObject({
        address,
        size: 100,
        offset,
        allocatedAt: beginsWith('allocateHere'),
        freedAt: beginsWith('freeHere'),
      });
      expect(error.message).toContain(`freed block of 100 bytes at 0x${address.toString(16)}`);
      expect(error.message).toContain('freeHere');
      heap.u8[address + offset] = 0xdd;
      heap.check();
    });

    test('is reported once by the allocation that removes the block from quarantine, and by each later check', async () => {
      heap = await createHeap({ strategy, debug: { quarantineBytes: 1000 } });
      const address = heap.malloc(100);
      heap.free(address);
      heap.u8[address + 7] = 1;
      const [first, second] = [heap.malloc(500), heap.malloc(500)];
      heap.free(first);
      heap.free(second);
      const before = heap.stats();
      expect(catchError(HeapCorruptionError, () => heap.malloc(10))).toMatchObject({
        address,
        offset: 7,
      });
      const { freeBytes, ...others } = heap.stats();
      expect({ ...others, freeBytes: before.freeBytes }).toEqual(before);
      expect(freeBytes).toBeLessThan(before.freeBytes);
      const later = Array.from({ length: 100 }, () => heap.malloc(100));
      expect(later).not.toContain(address);
      for (let count = 0; count < 2; count++)
        expect(catchError(HeapCorruptionError, () => heap.check()).address).toBe(address);
      heap.reset();
      heap.check();
    });
  });

  describe('free', () => {
    test('called twice, reports where the block was allocated and freed', () => {
      const address = allocateHere(heap, 100);
      freeHere(heap, address);
      const before = heap.stats();
      const error = catchError(DoubleFreeError, () => heap.free(address));
      expect(error).toMatchObject({
        name: 'DoubleFreeError',
        code: 'DOUBLE_FREE',
        address,
        size: 100,
        allocatedAt: beginsWith('allocateHere'),
        freedAt: beginsWith('freeHere'),
      });
      expect(error.message).toContain(`block of 100 bytes at 0x${address.toString(16)}`);
      expect(error.message).toMatch(/allocated\n {4}.*allocateHere/);
      expect(error.message).toMatch(/freed\n {4}.*freeHere/);
      expect(heap.stats()).toEqual(before);
    });

    test('called twice, throws even if the block has left the quarantine', async () => {
      heap = await createHeap({ strategy, debug: { quarantineBytes: 0 } });
      const [address] = [heap.malloc(100), heap.malloc(100)];
      heap.free(address);
      heap.malloc(3000);
      expect(catchError(DoubleFreeError, () => heap.free(address)).size).toBe(100);
    });

    test('throws for the old address of a block that realloc moved', () => {
      const address = heap.malloc(100);
      const moved = heap.realloc(address, 90);
      expect(moved).not.toBe(address);
      expect(() => heap.free(address)).toThrow(DoubleFreeError);
      expect(() => heap.realloc(address, 5)).toThrow(InvalidFreeError);
      expect(() => heap.usableSize(address)).toThrow(InvalidFreeError);
      heap.free(moved);
    });

    test.each([
      [8, 'byte 8 of the block of 100 bytes at'],
      [-4, '4 bytes below the block of 100 bytes at'],
      [104, '4 bytes behind the end of the block of 100 bytes at'],
    ])('reports the nearest block for an address %i bytes from its start', (offset, words) => {
      const block = allocateHere(heap, 100);
      const address = block + offset;
      const before = heap.stats();
      for (const call of [
        () => heap.free(address),
        () => heap.realloc(address, 10),
        () => heap.usableSize(address),
        () => heap.deallocate(address, 100),
      ]) {
        const error = catchError(InvalidFreeError, call);
        expect(error).toMatchObject({
          code: 'INVALID_FREE',
          address,
          size: 100,
          offset,
          allocatedAt: beginsWith('allocateHere'),
          freedAt: undefined,
        });
        expect(error.message).toContain(`${words} 0x${block.toString(16)}`);
      }
      expect(heap.stats()).toEqual(before);
    });

    test.each([
      16,
      1024,
      2 ** 31,
      2 ** 32 - 16,
      2 ** 32,
      -16,
      0.5,
      Number.NaN,
    ])('throws InvalidFreeError for %d, where no block was', (address) => {
      const error = catchError(InvalidFreeError, () => heap.free(address));
      expect(error).toMatchObject({ address, size: undefined, allocatedAt: undefined });
      heap.check();
    });

    test('does nothing for the address 0', () => {
      heap.free(0);
      expect(heap.stats().frees).toBe(0);
    });
  });

  describe('sized calls', () => {
    test('throw an error with the real size for a wrong size or alignment', () => {
      const address = heap.allocate(100, 64);
      const wrong = [
        [99, 64],
        [101, 64],
        [100, 32],
        [100, 128],
        [0, 64],
      ] as const;
      const before = heap.stats();
      for (const [size, alignment] of wrong) {
        for (const call of [
          () => heap.deallocate(address, size, alignment),
          () => heap.reallocate(address, size, 10, alignment),
        ]) {
          const error = catchError(InvalidFreeError, call);
          expect(error).toMatchObject({ address, size: 100 });
          expect(error.message).toContain(`block of 100 bytes at 0x${address.toString(16)}`);
          expect(error.message).toContain(`not one of ${size} bytes aligned to ${alignment}`);
        }
      }
      expect(heap.stats()).toEqual(before);
      heap.deallocate(address, 100, 64);
      expect(() => heap.deallocate(address, 100, 64)).toThrow(DoubleFreeError);
    });

    test('keep the contents of a block that they move', () => {
      const address = heap.allocate(100, 64);
      fillPattern(heap.memory, address, 100, 1);
      const moved = heap.reallocate(address, 100, 5000, 64);
      expect(moved).not.toBe(address);
      expectPattern(heap.memory, moved, 100, 1);
      heap.deallocate(moved, 5000, 64);
    });

    test('refuse blocks of malloc, and free and realloc refuse sized blocks', () => {
      const [sized, other] = [heap.allocate(100), heap.malloc(100)];
      expect(() => heap.free(sized)).toThrow(InvalidFreeError);
      expect(() => heap.realloc(sized, 10)).toThrow(InvalidFreeError);
      expect(() => heap.deallocate(other, 100)).toThrow(InvalidFreeError);
      expect(() => heap.reallocate(other, 100, 10)).toThrow(InvalidFreeError);
      heap.free(other);
      heap.deallocate(sized, 100);
    });
  });

  describe('a debug heap whose memory is full', () => {
    const maximumBytes = 1 << 20;

    beforeEach(async () => {
      heap = await createHeap({ strategy, maximumBytes, debug: { quarantineBytes: 1 << 30 } });
    });

    test('makes the heap reuse quarantined blocks, so that a loop of malloc and free never fails', () => {
      for (let count = 0; count < 1000; count++) {
        const address = heap.malloc(50_000);
        fillPattern(heap.memory, address, 50_000, count);
        heap.free(address);
      }
      expect(heap.stats()).toMatchObject({ failures: 0, liveBlocks: 0, frees: 1000 });
      heap.check();
    });

    test('makes the heap check quarantined blocks for late writes before it reuses them', () => {
      const address = heap.malloc(1000);
      heap.free(address);
      heap.u8[address] = 1;
      const error = catchError(HeapCorruptionError, () => {
        for (;;) heap.malloc(50_000);
      });
      expect(error.address).toBe(address);
    });

    test('makes calls throw OutOfMemoryError as other heaps do, and leaves blocks and statistics unchanged', () => {
      const blocks: number[] = [];
      for (let address = heap.tryMalloc(5000); address !== 0; address = heap.tryMalloc(5000)) {
        fillPattern(heap.memory, address, 5000, address);
        blocks.push(address);
      }
      const { failures, ...before } = heap.stats();
      const [first = 0] = blocks;
      for (const call of [
        () => heap.malloc(500_000),
        () => heap.calloc(5, 100_000),
        () => heap.memalign(65536, 1),
        () => heap.realloc(first, 5001),
        () => heap.allocate(500_000),
        () => heap.array(Uint8Array, 500_000),
      ])
        expect(catchError(OutOfMemoryError, call)).toMatchObject({ maximumBytes });
      const { failures: after, ...others } = heap.stats();
      expect(others).toEqual(before);
      expect(after).toBe(failures + 6);
      for (const address of blocks) expectPattern(heap.memory, address, 5000, address);
      heap.check();
    });

    test('lets realloc shrink a block in place when no other block is free', () => {
      const blocks: number[] = [];
      for (let address = heap.tryMalloc(5000); address !== 0; address = heap.tryMalloc(5000)) {
        fillPattern(heap.memory, address, 5000, address);
        blocks.push(address);
      }
      while (heap.tryMalloc(16) !== 0);
      const [block = 0] = blocks;
      const moved = heap.realloc(block, 1000);
      expectPattern(heap.memory, moved, 1000, block);
      expect(heap.usableSize(moved)).toBe(1000);
      heap.u8[moved + 1000] = 1;
      expect(catchError(HeapCorruptionError, () => heap.free(moved)).offset).toBe(1000);
    });
  });

  test.each([
    [10_000, 0],
    [2 ** 32, 1],
  ])('a quarantine of %i bytes makes memory grow only if it does not fit', async (quarantineBytes, least) => {
    const debug = { quarantineBytes, stacks: false };
    heap = await createHeap({ strategy, initialBytes: 1 << 18, debug });
    for (let count = 0; count < 4000; count++) heap.free(heap.malloc(100));
    expect(Math.min(heap.stats().growths, 1)).toBe(least);
    heap.check();
  });

  describe('leaks', () => {
    test('lists live blocks with the calls that allocated them', () => {
      const [first, second, third] = [heap.malloc(10), allocateHere(heap, 100), heap.allocate(7)];
      heap.free(first);
      expect(heap.leaks()).toEqual(
        [
          { address: second, size: 100, stack: beginsWith('allocateHere') },
          { address: third, size: 7, stack: expect.any(String) as string },
        ].toSorted((left, right) => left.address - right.address),
      );
    });

    test('lists the blocks of handles', () => {
      const array = heap.array(Float64Array, 10);
      expect(heap.leaks()).toMatchObject([{ address: array.address, size: 80 }]);
      array.free();
      expect(heap.leaks()).toEqual([]);
    });

    test('lists blocks without stacks if the option stacks is false', async () => {
      heap = await createHeap({ strategy, debug: { stacks: false } });
      const address = heap.malloc(10);
      expect(heap.leaks()).toEqual([{ address, size: 10, stack: undefined }]);
      heap.free(address);
      const error = catchError(DoubleFreeError, () => heap.free(address));
      expect(error).toMatchObject({ size: 10, allocatedAt: undefined, freedAt: undefined });
    });

    test('lists live blocks of a heap without debug, too', async () => {
      heap = await createHeap({ strategy });
      const [first, second] = [heap.malloc(100), heap.malloc(1000)];
      expect(heap.leaks()).toEqual(
        [
          { address: first, size: heap.usableSize(first), stack: undefined },
          { address: second, size: heap.usableSize(second), stack: undefined },
        ].toSorted((left, right) => left.address - right.address),
      );
      expect(catchError(LeakError, () => heap.assertNoLeaks()).leaks).toEqual(heap.leaks());
      heap.free(first);
      heap.free(second);
      heap.assertNoLeaks();
    });

    test('lists blocks even after bytes behind one were overwritten', () => {
      const address = heap.malloc(10);
      heap.u8[address + 10] = 0;
      expect(heap.leaks()).toHaveLength(1);
      expect(() => heap.check()).toThrow(HeapCorruptionError);
    });
  });

  describe('assertNoLeaks', () => {
    test('does nothing if no block is live', () => {
      heap.assertNoLeaks();
      heap.free(heap.malloc(10));
      heap.assertNoLeaks();
    });

    test('groups live blocks by call stack and lists groups with the most bytes first', () => {
      for (let count = 0; count < 20; count++) allocateHere(heap, 10);
      const large = heap.malloc(5000);
      const error = catchError(LeakError, () => heap.assertNoLeaks());
      expect(error).toBeInstanceOf(LiteAllocError);
      expect(error).toMatchObject({ name: 'LeakError', code: 'LEAK', leaks: heap.leaks() });
      expect(error.leaks).toHaveLength(21);
      const [first, second, ...frames] = error.message
        .split('\n')
        .filter((line) => !line.startsWith('    '));
      expect(first).toBe('21 blocks of 5200 bytes never freed');
      expect(second).toBe(`1 block of 5000 bytes at 0x${large.toString(16)}`);
      expect(frames).toHaveLength(1);
      expect(frames[0]).toMatch(/^20 blocks of 200 bytes at (0x[0-9a-f]+, ){5}\.\.\.$/);
      expect(error.message).toMatch(/^ {4}.*\ballocateHere\b/m);
    });

    test('throws an error with a message of bounded length', () => {
      const callers = Array.from({ length: 30 }, (_, index) => {
        const nested = (depth: number): number =>
          depth === 0 ? heap.malloc(64) : nested(depth - 1);
        return () => nested(index % 9);
      });
      for (const call of callers) for (let count = 0; count < 100; count++) call();
      const { message } = catchError(LeakError, () => heap.assertNoLeaks());
      expect(message.split('\n').length).toBeLessThan(130);
    });
  });

  test('random calls keep all contents', () => {
    const seed = inject('seed');
    const random = new Random(seed);
    const shadow = new ShadowHeap(heap.memory);
    const blocks: ShadowBlock[] = [];
    console.log(`random debug operations on ${strategy} with LITE_ALLOC_SEED=${seed}`);
    runSteps(seed, 5000, (step) => {
      const size = random.below(1 << random.pick([3, 6, 8, 12]));
      const index = random.below(Math.max(blocks.length, 1));
      const block = blocks[index];
      if (block === undefined || (blocks.length < 200 && random.oneIn(2))) {
        const alignment = random.oneIn(4) ? random.pick(powersOfTwo.slice(0, 13)) : 16;
        blocks.push(shadow.add(heap.memalign(alignment, size), size, alignment));
      } else if (random.oneIn(3)) {
        blocks[index] = shadow.resize(block, heap.realloc(block.address, size), size);
      } else {
        shadow.remove(block);
        heap.free(block.address);
        blocks.splice(index, 1);
      }
      if (step % 500 === 0) {
        shadow.verifyAll();
        heap.check();
        expect(heap.stats().liveBlocks).toBe(shadow.count);
        expect(heap.leaks()).toHaveLength(shadow.count);
      }
    });
    for (const block of blocks) heap.free(block.address);
    heap.assertNoLeaks();
    heap.check();
  });
});

describe('the option debug', () => {
  test.each([
    [{ debug: 1 }, TypeError, 'debug'],
    [{ debug: 'yes' }, TypeError, 'yes'],
    [{ debug: { canary: 1 } }, TypeError, 'debug.canary'],
    [{ debug: { quarantineBytes: -1 } }, RangeError, 'debug.quarantineBytes'],
    [{ debug: { quarantineBytes: '1' } }, TypeError, 'debug.quarantineBytes'],
    [{ debug: { canaryBytes: 0 } }, RangeError, 'debug.canaryBytes'],
    [{ debug: { canaryBytes: 65537 } }, RangeError, '65537'],
    [{ debug: { stacks: 1 } }, TypeError, 'debug.stacks'],
  ])('%j is refused', async (options, ErrorClass, words) => {
    const wrong = options as unknown as Parameters<typeof createHeap>[0];
    await expect(createHeap(wrong)).rejects.toThrow(ErrorClass);
    await expect(createHeap(wrong)).rejects.toThrow(words);
  });

  test('makes a plain heap if it is false or undefined', async () => {
    for (const debug of [false, undefined]) {
      const heap = await createHeap(debug === undefined ? {} : { debug });
      const address = heap.malloc(100);
      expect(heap.usableSize(address)).toBe(112);
    }
  });

  test('works in createHeapSync once debug support was loaded', async () => {
    await createHeap({ debug: true });
    const heap = createHeapSync({ debug: true });
    const address = heap.malloc(10);
    heap.u8[address + 10] = 1;
    expect(() => heap.free(address)).toThrow(HeapCorruptionError);
  });
});

describe('a debug heap in a program that runs forever', () => {
  type Frame = (heap: Heap, frame: number) => void;
  const frames = 2000;

  /** Allocates and frees blocks that fit in the same places in each frame if they have no canaries. */
  const samePlaces: Frame = (heap, frame) => {
    const sizes = [124_030, 31_007, 124_030, 31_007 + (frame % 7)];
    const [a, b, c, d] = sizes.map((size) => heap.array(Uint8Array, size));
    for (const array of [a, c, b, d]) array?.free();
  };

  /** Replaces raw blocks, arrays and sized blocks of a few sizes at random. */
  function makeReplacing(seed: number): Frame {
    const random = new Random(seed);
    const sizes = [16, 64, 128, 1000, 4096, 20_000];
    const arrays: HeapArray<Uint8Array>[] = [];
    const raw: number[] = [];
    return (heap, frame) => {
      for (let count = 0; count < 10; count++) {
        const size = sizes[random.below(sizes.length)] as number;
        arrays.push(heap.array(Uint8Array, size));
        raw.push(heap.malloc(size));
        if (arrays.length > 50) arrays.splice(random.below(50), 1)[0]?.free();
        if (raw.length > 50) heap.free(raw.splice(random.below(50), 1)[0] as number);
      }
      const sized = heap.allocate(1000 + (frame % 7), 64);
      heap.deallocate(sized, 1000 + (frame % 7), 64);
      arrays[frame % arrays.length]?.resize(sizes[frame % sizes.length] as number);
    };
  }

  describeStrategies((strategy) => {
    test.each<[string, () => Frame]>([
      ['in the same places', () => samePlaces],
      ['of a few sizes', () => makeReplacing(inject('seed'))],
    ])(
      'needs memory only for the peak and the quarantine, with blocks %s',
      async (_, make) => {
        const options = { strategy, maximumBytes: 4 << 20 };
        const debug = { stacks: false, quarantineBytes: 1 << 18 };
        const heap = await createHeap({ ...options, debug });
        const runFrame = make();
        for (let frame = 0; frame < frames; frame++) runFrame(heap, frame);
        expect(heap.stats()).toMatchObject({ strategy, failures: 0 });
        expect(heap.strategy).toBe(strategy);
        heap.check();
      },
      60_000,
    );

    test('needs memory only for the peak and the quarantine in a region', async () => {
      const memory = new WebAssembly.Memory({ initial: 64 });
      const debug = { stacks: false, quarantineBytes: 1 << 18 };
      const heap = await createHeap({ strategy, memory, start: 65_536, end: 64 * 65_536, debug });
      for (let frame = 0; frame < frames; frame++) samePlaces(heap, frame);
      expect(heap.stats()).toMatchObject({ strategy, failures: 0, liveBlocks: 0 });
      heap.check();
    }, 60_000);
  });
});

test('a debug heap frees a new block if the engine has no memory to record it', async () => {
  const heap = await createHeap({ debug: { stacks: false } });
  heap.malloc(1);
  const { set } = Map.prototype;
  const before = heap.stats();
  try {
    Map.prototype.set = () => {
      throw new RangeError('Map maximum size exceeded');
    };
    for (const call of [
      () => heap.malloc(1000),
      () => heap.array(Uint8Array, 1000),
      () => heap.allocate(1000),
      () => heap.scope((scope) => scope.calloc(1000, 1)),
    ]) {
      expect(call).toThrow(RangeError);
    }
  } finally {
    Map.prototype.set = set;
  }
  expect(heap.stats()).toEqual(before);
  heap.check();
  heap.free(heap.malloc(1000));
});
