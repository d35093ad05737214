// SPDX-License-Identifier: MIT

import { type Arena, createHeap, type Heap, OutOfMemoryError, UseAfterFreeError } from 'lite-alloc';
import { beforeEach, describe, expect, inject, test } from 'vitest';
import { catchError } from '../support/errors.js';
import { Random } from '../support/random.js';
import { badAlignments, badSizes } from '../support/sizes.js';
import { describeStrategies } from '../support/strategies.js';
import { bytesOf, kinds } from '../support/typed-arrays.js';

describeStrategies((strategy) => {
  let heap: Heap;
  let arena: Arena;
  beforeEach(async () => {
    heap = await createHeap({ strategy });
    arena = heap.arena({ bytes: 10_000 });
  });

  describe('an arena', () => {
    test('counts as one block of its heap, whatever it holds', () => {
      const { liveBlocks, allocations } = heap.stats();
      expect(liveBlocks).toBe(1);
      for (let count = 0; count < 100; count++) arena.array(Uint8Array, 50);
      expect(heap.stats()).toMatchObject({ liveBlocks, allocations });
    });

    test('reports its size and how many bytes are used', () => {
      expect(arena).toMatchObject({ bytes: 10_000, usedBytes: 0, alive: true });
      arena.malloc(100);
      expect(arena.usedBytes).toBe(100);
      arena.malloc(1);
      expect(arena.usedBytes).toBe(113);
      arena.array(Float64Array, 2);
      expect(arena.usedBytes).toBe(144);
    });

    test.each([16, 64, 1024])('allocates blocks aligned to %i that do not overlap', (alignment) => {
      const random = new Random(inject('seed'));
      const ends: number[] = [];
      for (let size = random.below(60); ; size = random.below(60)) {
        if (arena.usedBytes + alignment + size > arena.bytes) break;
        const address = arena.memalign(alignment, size);
        expect(address % alignment).toBe(0);
        expect(address).toBeGreaterThanOrEqual(ends.at(-1) ?? 0);
        ends.push(address + Math.max(size, 1));
      }
      expect(ends.length).toBeGreaterThan(5);
      heap.check();
    });

    test('allocates distinct blocks for sizes of 0', () => {
      const addresses = Array.from({ length: 20 }, () => arena.malloc(0));
      expect(new Set(addresses).size).toBe(20);
    });

    test('clears blocks of calloc, and arrays with the option zero', () => {
      const dirty = arena.array(Uint8Array, 1000);
      dirty.view.fill(0xff);
      arena.reset();
      const address = arena.calloc(25, 4);
      expect(heap.u8.slice(address, address + 100)).toEqual(new Uint8Array(100));
      expect(arena.array(Uint32Array, 10, { zero: true }).slice()).toEqual(new Uint32Array(10));
    });

    test.each(kinds)('holds arrays of $name', ({ sample }) => {
      const source = sample();
      const copies = [arena.from(source), arena.from(source)];
      for (const copy of copies) expect(bytesOf(copy.view)).toEqual(bytesOf(source));
    });

    test('holds strings, and arrays made from iterables', () => {
      const text = `${'x'.repeat(100)}é€😀`;
      const string = arena.string(text);
      const after = arena.string('after');
      expect(string.toString()).toBe(text);
      expect(after.toString()).toBe('after');
      expect([...arena.from(Int16Array, new Set([1, 2])).view]).toEqual([1, 2]);
    });

    test('keeps the views of its arrays current after memory grows', () => {
      const array = arena.from(Float32Array.of(1, 2, 3));
      const { view } = array;
      expect(array.view).toBe(view);
      heap.malloc(heap.memory.buffer.byteLength);
      expect(view.length).toBe(0);
      expect([...array.view]).toEqual([1, 2, 3]);
      heap.memory.grow(1);
      expect([...array.view]).toEqual([1, 2, 3]);
      expect(array.view).toBe(array.view);
    });

    test('throws OutOfMemoryError with its size when it is full, and stays usable', () => {
      arena.malloc(9000);
      for (const call of [
        () => arena.malloc(2000),
        () => arena.array(Float64Array, 250),
        () => arena.memalign(4096, 2000),
        () => arena.from(new Uint8Array(2000)),
        () => arena.from(Uint8Array, new Uint8Array(2000)),
        () => arena.string('x'.repeat(2000)),
        () => arena.calloc(20, 100),
      ]) {
        const error = catchError(OutOfMemoryError, call);
        expect(error).toMatchObject({
          code: 'OUT_OF_MEMORY',
          requestedBytes: 2000,
          memoryBytes: 10_000,
          maximumBytes: 10_000,
        });
        expect(error.message).toContain('the arena has 10000 bytes, 1000 of them free');
      }
      expect(arena.usedBytes).toBe(9000);
      arena.malloc(900);
      expect(() => arena.malloc(2 ** 40)).toThrow(OutOfMemoryError);
    });

    test('can be filled to its last byte', () => {
      const first = arena.malloc(16);
      arena.reset();
      expect(arena.malloc(10_000)).toBe(first);
      expect(arena.usedBytes).toBe(arena.bytes);
      expect(() => arena.malloc(0)).toThrow(OutOfMemoryError);
    });

    test('is freed with its scope, and at the end of a `using` block', () => {
      const inScope = heap.scope((scope) => {
        const inner = scope.arena({ bytes: 100 });
        inner.array(Uint8Array, 10);
        return { alive: () => inner.alive };
      });
      expect(inScope.alive()).toBe(false);
      {
        using inner = heap.arena({ bytes: 100 });
        inner.malloc(5);
      }
      expect(heap.stats().liveBlocks).toBe(1);
    });

    test('checks sizes and alignments as the heap does', () => {
      for (const size of badSizes) {
        expect(catchError(RangeError, () => arena.malloc(size)).message).toMatch(/^size /);
        expect(catchError(RangeError, () => arena.array(Uint8Array, size)).message).toMatch(
          /^length /,
        );
      }
      for (const alignment of badAlignments) {
        expect(() => arena.memalign(alignment, 1)).toThrow(RangeError);
      }
      expect(arena.usedBytes).toBe(0);
    });
  });

  describe('a handle in an arena', () => {
    test('is dead after free, which returns no bytes to the arena', () => {
      const array = arena.array(Uint8Array, 100);
      array.free();
      array.free();
      expect(array.alive).toBe(false);
      expect(arena.usedBytes).toBe(100);
      expect(() => array.view).toThrow(UseAfterFreeError);
      expect(() => array.resize(1)).toThrow(UseAfterFreeError);
      expect(heap.stats().liveBlocks).toBe(1);
    });

    test('is resized in place when its block is the last one', () => {
      arena.malloc(16);
      const array = arena.from(Uint16Array.of(1, 2, 3));
      const { address } = array;
      array.resize(1000);
      expect(array).toMatchObject({ address, length: 1000 });
      expect(arena.usedBytes).toBe(2016);
      expect([...array.view.subarray(0, 3)]).toEqual([1, 2, 3]);
      array.resize(2);
      expect(array).toMatchObject({ address, length: 2 });
      expect(arena.usedBytes).toBe(20);
      expect([...array.view]).toEqual([1, 2]);
      array.resize(0);
      expect(arena.malloc(0)).not.toBe(address);
    });

    test('moves with its elements when another block follows it', () => {
      const array = arena.from(Uint16Array.of(1, 2, 3));
      const behind = arena.from(Uint16Array.of(7, 8, 9));
      const { address } = array;
      array.resize(100);
      expect(array.address).toBeGreaterThan(behind.address);
      expect([...array.view.subarray(0, 3)]).toEqual([1, 2, 3]);
      array.view.fill(5);
      expect([...behind.view]).toEqual([7, 8, 9]);
      behind.resize(1);
      expect(behind.address).toBe(address + 16);
    });

    test('keeps its alignment when it moves', () => {
      const array = arena.array(Uint8Array, 10, { alignment: 1024 });
      arena.malloc(16);
      array.resize(20);
      expect(array.address % 1024).toBe(0);
    });

    test.each([
      ['é', 'é'.repeat(5_000)],
      ['€', `${'x'.repeat(9_000)}${'€'.repeat(900)}`],
      ['lone surrogates', '\uD800'.repeat(4_000)],
    ])('is not made for a string of %s that does not fit, which leaves the arena unchanged', (_, text) => {
      const first = arena.array(Uint8Array, 5);
      const { usedBytes } = arena;
      const error = catchError(OutOfMemoryError, () => arena.string(text));
      expect(error.message).toContain(`${arena.bytes - usedBytes} of them free`);
      expect(arena.usedBytes).toBe(usedBytes);
      // The block before the string is the last one again.
      const { address } = first;
      first.resize(9_000);
      expect(first.address).toBe(address);
      expect(arena.usedBytes).toBe(9_000);
      first.resize(5);
      expect(arena.string('fits').toString()).toBe('fits');
    });

    test('is unchanged after a resize that does not fit in the arena', () => {
      const array = arena.from(Uint8Array.of(1, 2, 3));
      expect(catchError(OutOfMemoryError, () => array.resize(20_000)).requestedBytes).toBe(20_000);
      arena.malloc(1);
      expect(() => array.resize(20_000)).toThrow(OutOfMemoryError);
      expect([...array.view]).toEqual([1, 2, 3]);
      expect(arena.usedBytes).toBe(17);
    });
  });

  describe('reset of an arena', () => {
    test('frees all blocks and makes their handles dead', () => {
      const array = arena.from(Uint8Array.of(1));
      const string = arena.string('text');
      const first = array.address;
      arena.reset();
      expect(arena).toMatchObject({ usedBytes: 0, bytes: 10_000, alive: true });
      expect([array.alive, string.alive]).toEqual([false, false]);
      for (const use of [() => array.view, () => array.resize(2), () => string.toString()]) {
        expect(catchError(UseAfterFreeError, use).message).toContain('was freed before');
      }
      const next = arena.from(Uint8Array.of(2));
      expect(next.address).toBe(first);
      array.free();
      expect([...next.view]).toEqual([2]);
    });

    test('forgets the alignments of its blocks', () => {
      const { address } = arena.array(Uint8Array, 16, { alignment: 32 });
      arena.reset();
      let array = arena.array(Uint8Array, 16);
      while (array.address !== address) array = arena.array(Uint8Array, 16);
      // Two blocks behind it lies an address that is a multiple of 16 alone, which the old alignment would skip.
      const { address: last } = arena.array(Uint8Array, 32);
      array.resize(64);
      expect(array.address).toBe(last + 32);
      expect(array.address % 32).toBe(16);
    });

    test('leaves other arenas and the views of the heap alone', () => {
      const other = heap.arena({ bytes: 100 });
      const [inOther, inHeap] = [other.from(Uint8Array.of(1)), heap.from(Uint8Array.of(2))];
      const { view } = inHeap;
      arena.reset();
      expect(inHeap.view).toBe(view);
      expect([...inOther.view, ...inHeap.view]).toEqual([1, 2]);
    });
  });

  describe('a dead arena', () => {
    const waysToEnd: readonly (readonly [string, () => void])[] = [
      ['free', () => arena.free()],
      ['dispose', () => arena[Symbol.dispose]()],
      ['reset of the heap', () => heap.reset()],
      ['dispose of the heap', () => heap.dispose()],
    ];

    test.each(waysToEnd)('after %s, has dead handles and throws UseAfterFreeError', (_, end) => {
      const array = arena.from(Uint8Array.of(1));
      void array.view;
      end();
      expect([arena.alive, array.alive]).toEqual([false, false]);
      expect(arena.bytes).toBe(10_000);
      for (const use of [
        () => array.view,
        () => array.resize(2),
        () => arena.malloc(1),
        () => arena.array(Uint8Array, 1),
        () => arena.from(Uint8Array.of(1)),
        () => arena.string('text'),
        () => arena.reset(),
      ]) {
        expect(() => use()).toThrow(UseAfterFreeError);
      }
      arena.free();
      arena[Symbol.dispose]();
      array.free();
    });

    test('has returned its memory to the heap', () => {
      arena.free();
      expect(heap.stats().liveBlocks).toBe(0);
      heap.check();
    });
  });

  test('heap.arena checks its options', () => {
    for (const size of badSizes) {
      expect(catchError(RangeError, () => heap.arena({ bytes: size })).message).toMatch(/^bytes /);
    }
    for (const options of [undefined, null, 5]) {
      expect(() => heap.arena(options as never)).toThrow(TypeError);
    }
    expect(
      catchError(TypeError, () => heap.arena({ bytes: 1, size: 2 } as never)).message,
    ).toContain('size');
    expect(() => heap.arena({ bytes: 2 ** 40 })).toThrow(OutOfMemoryError);
    expect(heap.stats().liveBlocks).toBe(1);
  });
});
