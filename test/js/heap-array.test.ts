// SPDX-License-Identifier: MIT

import {
  type ArrayOptions,
  createHeap,
  type Heap,
  type HeapArray,
  OutOfMemoryError,
  UseAfterFreeError,
} from 'lite-alloc';
import { beforeEach, describe, expect, test } from 'vitest';
import { catchError } from '../support/errors.js';
import {
  badAlignments,
  badSizes,
  hugeSizes,
  powersOfTwo,
  toRequestedBytes,
} from '../support/sizes.js';
import { describeStrategies, mallocAt } from '../support/strategies.js';
import { bytesOf, kinds } from '../support/typed-arrays.js';

describeStrategies((strategy) => {
  let heap: Heap;
  beforeEach(async () => {
    heap = await createHeap({ strategy });
  });

  /** Makes memory grow by a block of the heap. */
  function growByHeap(): void {
    heap.malloc(heap.memory.buffer.byteLength);
  }

  function expectUsable(): void {
    heap.check();
    const array = heap.from(Float64Array.of(1.5));
    expect(array.view[0]).toBe(1.5);
    array.free();
    heap.check();
  }

  describe.each(kinds)('an array of $name', ({ type, elementBytes, sample }) => {
    test('has its length, its byte length, and a view of its type at its address', () => {
      const array = heap.array(type, 37);
      expect(array).toMatchObject({ length: 37, byteLength: 37 * elementBytes, alive: true });
      expect(array.address % 16).toBe(0);
      expect(array.view).toBeInstanceOf(type);
      expect(array.view).toMatchObject({
        length: 37,
        byteOffset: array.address,
        buffer: heap.memory.buffer,
      });
      expect(heap.usableSize(array.address)).toBeGreaterThanOrEqual(array.byteLength);
    });

    test('holds a copy of its source', () => {
      const source = sample();
      const array = heap.from(source);
      expect(array.view).toBeInstanceOf(type);
      expect(array.length).toBe(source.length);
      expect(bytesOf(array.view)).toEqual(bytesOf(source));
      source.fill(source[1] as never);
      expect(bytesOf(array.view)).not.toEqual(bytesOf(source));
    });

    test('is copied out by slice', () => {
      const array = heap.from(sample());
      const copy = array.slice();
      expect(copy).toBeInstanceOf(type);
      expect(copy.buffer).not.toBe(heap.memory.buffer);
      array.view.fill(array.view[1] as never);
      expect(bytesOf(copy)).toEqual(bytesOf(sample()));
    });

    test('keeps its elements when it is resized and when memory grows', () => {
      const array = heap.from(sample());
      heap.malloc(16);
      const { length } = array;
      array.resize(1 << 17);
      growByHeap();
      expect(bytesOf(array.view.subarray(0, length))).toEqual(bytesOf(sample()));
      array.resize(length);
      expect(bytesOf(array.view)).toEqual(bytesOf(sample()));
    });

    test('is cleared with the option zero', () => {
      const dirty = heap.array(Uint8Array, 4096);
      dirty.view.fill(0xff);
      dirty.free();
      expect(bytesOf(heap.array(type, 100, { zero: true }).view)).toEqual(
        new Array(100 * elementBytes).fill(0),
      );
    });
  });

  describe('the view of an array', () => {
    test('is the same object until memory grows', () => {
      const array = heap.array(Float32Array, 100);
      const { view } = array;
      heap.free(heap.malloc(100));
      expect(array.view).toBe(view);
    });

    test('is current after the heap grew memory', () => {
      const array = heap.from(Float32Array.of(1, 2, 3));
      const { view } = array;
      growByHeap();
      expect(view.length).toBe(0);
      expect([...array.view]).toEqual([1, 2, 3]);
      expect(array.view).toBe(array.view);
      expect(array.view.buffer).toBe(heap.memory.buffer);
    });

    test('of an empty array is the same object until memory grows', () => {
      const array = heap.array(Float32Array, 0);
      const { view } = array;
      expect(array.view).toBe(view);
      growByHeap();
      expect(array.view === view).toBe(false);
      expect(array.view.buffer).toBe(heap.memory.buffer);
      expect(array.view).toBe(array.view);
    });

    test('is current in each of 64 arrays of all kinds that were read in turn before memory grew', () => {
      const arrays = Array.from({ length: 6 }, () => kinds)
        .flat()
        .slice(0, 64)
        .map(({ type, sample }) => ({
          array: heap.array(type, sample().length),
          contents: sample(),
        }));
      for (let round = 0; round < 500; round++) {
        for (const { array, contents } of arrays) array.view[0] = contents[0] as never;
      }
      growByHeap();
      for (const { array, contents } of arrays) {
        expect(array.view[0]).toBe(contents[0]);
        expect(array.view.buffer).toBe(heap.memory.buffer);
      }
    });

    test('is current after other code grew memory', () => {
      const array = heap.from(Float32Array.of(1, 2, 3));
      heap.memory.grow(1);
      expect([...array.view]).toEqual([1, 2, 3]);
      array.view[1] = 5;
      expect(heap.f32[array.address / 4 + 1]).toBe(5);
    });

    test('is current after other arrays of the heap made memory grow', () => {
      const arrays = Array.from({ length: 200 }, (_, index) =>
        heap.array(Uint32Array, 1000 + index),
      );
      for (const [index, array] of arrays.entries()) array.view.fill(index);
      for (const [index, array] of arrays.entries()) {
        expect(array.view.every((element) => element === index)).toBe(true);
      }
      expect(heap.stats().growths).toBeGreaterThan(0);
    });
  });

  describe('resize', () => {
    test('changes address, length and view together', () => {
      heap.malloc(16);
      const array = heap.from(Int16Array.of(1, 2, 3));
      heap.malloc(16);
      const before = array.address;
      array.resize(1000);
      expect(array.address).not.toBe(before);
      expect(array).toMatchObject({ length: 1000, byteLength: 2000, alive: true });
      expect(array.view).toMatchObject({ length: 1000, byteOffset: array.address });
      expect([...array.view.subarray(0, 3)]).toEqual([1, 2, 3]);
      expect(heap.stats().liveBlocks).toBe(3);
      heap.check();
    });

    test('keeps the alignment', () => {
      const array = heap.array(Uint8Array, 10, { alignment: 4096 });
      heap.malloc(16);
      array.resize(100_000);
      expect(array.address % 4096).toBe(0);
    });

    test('keeps the array alive when it shrinks it to 0 and grows it again', () => {
      const array = heap.array(Float64Array, 10);
      array.resize(0);
      expect(array).toMatchObject({ length: 0, byteLength: 0, alive: true });
      expect(array.view.length).toBe(0);
      array.resize(3);
      array.view.fill(1.5);
      expect([...array.view]).toEqual([1.5, 1.5, 1.5]);
      array.free();
      expect(heap.stats().liveBlocks).toBe(0);
    });

    test.each(badSizes)('refuses the length %s and leaves the array unchanged', (length) => {
      const array = heap.from(Float32Array.of(1, 2, 3));
      expect(catchError(RangeError, () => array.resize(length)).message).toMatch(/^length /);
      expect(array).toMatchObject({ length: 3, alive: true });
      expect([...array.view]).toEqual([1, 2, 3]);
      expectUsable();
    });

    test.each([
      2 ** 29,
      ...hugeSizes,
    ])('throws OutOfMemoryError for %i elements of 8 bytes and leaves the array unchanged', (length) => {
      const array = heap.from(Float64Array.of(1, 2, 3));
      const { address } = array;
      expect(catchError(OutOfMemoryError, () => array.resize(length)).requestedBytes).toBe(
        toRequestedBytes(length * 8),
      );
      expect(array).toMatchObject({ address, length: 3, alive: true });
      expect([...array.view]).toEqual([1, 2, 3]);
      expectUsable();
    });
  });

  describe('free', () => {
    test('frees the block, and does nothing when called again', () => {
      const array = heap.array(Uint8Array, 100);
      array.free();
      expect(array.alive).toBe(false);
      expect(heap.stats().liveBlocks).toBe(0);
      mallocAt(heap, array.address, 100);
      const { liveBlocks } = heap.stats();
      array.free();
      array[Symbol.dispose]();
      expect(heap.stats().liveBlocks).toBe(liveBlocks);
    });

    test('makes view, resize and slice throw UseAfterFreeError', () => {
      const array = heap.array(Uint8Array, 100);
      void array.view;
      array.free();
      for (const use of [() => array.view, () => array.resize(5), () => array.slice()]) {
        const error = catchError(UseAfterFreeError, use);
        expect(error).toMatchObject({ name: 'UseAfterFreeError', code: 'USE_AFTER_FREE' });
        expect(error.message).toContain('Uint8Array(100)');
      }
      expect(array).toMatchObject({ length: 100, byteLength: 100 });
    });

    test('makes empty arrays dead, too', () => {
      const array = heap.array(Uint8Array, 0);
      array.free();
      expect(() => array.view).toThrow(UseAfterFreeError);
      expect(heap.stats().liveBlocks).toBe(0);
    });

    test('happens at the end of a `using` block', () => {
      let inside: HeapArray<Uint8Array>;
      {
        using array = heap.array(Uint8Array, 5);
        inside = array;
        expect(inside.alive).toBe(true);
      }
      expect(inside.alive).toBe(false);
      expect(heap.stats().liveBlocks).toBe(0);
    });

    test('happens when a `using` block throws', () => {
      expect(() => {
        using array = heap.array(Uint8Array, 5);
        throw new Error(String(array.length));
      }).toThrow('5');
      expect(heap.stats().liveBlocks).toBe(0);
    });

    test('throws once if other code freed the raw address of the array', () => {
      const array = heap.array(Uint8Array, 64);
      heap.malloc(16);
      heap.free(array.address);
      expect(() => array.free()).toThrow(expect.objectContaining({ code: 'DOUBLE_FREE' }));
      expect(() => array.free()).not.toThrow();
      expectUsable();
    });

    test('of the raw address by other code makes resize throw UseAfterFreeError', () => {
      const array = heap.array(Uint8Array, 64);
      heap.malloc(16);
      heap.free(array.address);
      expect(() => array.resize(1000)).toThrow(UseAfterFreeError);
      expectUsable();
    });
  });

  describe.each([
    ['a Proxy of an array', (array: HeapArray<Uint8Array>) => new Proxy(array, {})],
    [
      'an object that inherits from an array',
      (array: HeapArray<Uint8Array>) => Object.create(array),
    ],
  ])('%s', (_name, standIn) => {
    test.each([
      ['free', (array: HeapArray<Uint8Array>) => array.free()],
      ['resize', (array: HeapArray<Uint8Array>) => array.resize(1000)],
    ])('makes %s throw, and the array stays as it is', async (_call, call) => {
      const arrays = [heap.from(Uint8Array.of(1, 2)), heap.from(Uint8Array.of(1, 2))];
      for (const array of arrays) {
        expect(() => call(standIn(array) as typeof array)).toThrow(TypeError);
        expect(array.alive).toBe(true);
        expect([...array.view]).toEqual([1, 2]);
        // The next one is registered for garbage collection by then.
        await new Promise((resolve) => setTimeout(resolve));
      }
      for (const array of arrays) array.free();
      expect(heap.stats().liveBlocks).toBe(0);
      heap.check();
    });
  });

  describe('an empty array', () => {
    test('is a live block of its own with an empty view', () => {
      const [first, second] = [heap.array(Float32Array, 0), heap.array(Float32Array, 0)];
      expect(first.address).not.toBe(second.address);
      expect(first).toMatchObject({ length: 0, byteLength: 0, alive: true });
      expect(first.view.length).toBe(0);
      expect(first.slice().length).toBe(0);
      growByHeap();
      expect(first.view.buffer).toBe(heap.memory.buffer);
    });

    test('is made from an empty source', () => {
      expect(heap.from(new Uint16Array(0)).view).toBeInstanceOf(Uint16Array);
    });
  });

  describe('array', () => {
    test.each(powersOfTwo)('aligns to %i', (alignment) => {
      heap.malloc(16);
      const array = heap.array(Float64Array, 5, { alignment });
      expect(array.address % Math.max(alignment, 16)).toBe(0);
      array.view.fill(2);
      expectUsable();
    });

    test.each(badAlignments)('refuses the alignment %s', (alignment) => {
      if (alignment === null) return;
      expect(
        catchError(RangeError, () => heap.array(Float64Array, 5, { alignment })).message,
      ).toContain('alignment');
      expectUsable();
    });

    test.each([
      ['simd', 16],
      ['cache', 64],
      ['gpu', 256],
      ['page', 65536],
    ] as const)('accepts the alignment %s as %i bytes', (alignment, bytes) => {
      heap.malloc(16);
      const arrays = [1, 2, 3].map((length) => heap.array(Float32Array, length, { alignment }));
      expect(arrays.every(({ address }) => address % bytes === 0)).toBe(true);
      heap.check();
    });

    test('uses the defaults of undefined options', () => {
      const options = { alignment: undefined, zero: undefined } as unknown as ArrayOptions;
      expect(heap.array(Uint8Array, 5, options).length).toBe(5);
      expect(heap.array(Uint8Array, 5, undefined).length).toBe(5);
    });

    test.each([
      ['an unknown option', { align: 16 }, /^unknown option align/],
      ['zero as a number', { zero: 1 }, /^zero .* 1 \(number\)$/],
      ['zero as text', { zero: 'yes' }, /^zero .* 'yes' \(string\)$/],
      ['null', null, /^options .* null$/],
      ['a number', 16, /^options .* 16 \(number\)$/],
    ])('refuses %s and allocates nothing', (_, options, message) => {
      const calls = [
        () => heap.array(Uint8Array, 5, options as never),
        () => heap.from(new Uint8Array(5), options as never),
        () => heap.from(Uint8Array, [1], options as never),
      ];
      for (const call of calls) expect(catchError(TypeError, call).message).toMatch(message);
      expect(heap.stats().allocations).toBe(0);
    });

    test.each(['avx', 'toString', '__proto__', ''])('refuses the alignment %j', (alignment) => {
      const error = catchError(RangeError, () =>
        heap.array(Uint8Array, 5, { alignment: alignment as 'gpu' }),
      );
      expect(error.message).toMatch(/^alignment /);
      expect(heap.stats().allocations).toBe(0);
    });

    test.each(badSizes)('refuses the length %s', (length) => {
      expect(catchError(RangeError, () => heap.array(Float32Array, length)).message).toMatch(
        /^length /,
      );
      expectUsable();
    });

    test.each([
      2 ** 30,
      ...hugeSizes,
    ])('throws OutOfMemoryError for %i elements instead of allocating a small block', (length) => {
      const error = catchError(OutOfMemoryError, () => heap.array(Float32Array, length));
      expect(error.requestedBytes).toBe(toRequestedBytes(length * 4));
      expectUsable();
    });

    test('throws OutOfMemoryError if the byte length overflows to infinity', () => {
      expect(() => heap.array(Float64Array, Number.MAX_VALUE)).toThrow(OutOfMemoryError);
      expectUsable();
    });

    test.each([
      ['Array', Array],
      ['DataView', DataView],
      ['a subclass', class extends Uint8Array {}],
      ['an instance', new Uint8Array(1)],
      ['a name', 'Uint8Array'],
      ['undefined', undefined],
    ])('refuses %s as its type', (_, type) => {
      expect(
        catchError(TypeError, () => heap.array(type as unknown as typeof Uint8Array, 1)).message,
      ).toMatch(/^type /);
      expect(heap.stats().liveBlocks).toBe(0);
    });
  });

  describe('from', () => {
    test('makes an array of the built-in type from a subclass', () => {
      class Samples extends Float32Array {}
      const array = heap.from(Samples.of(1, 2));
      expect(Object.getPrototypeOf(array.view)).toBe(Float32Array.prototype);
      expect([...array.view]).toEqual([1, 2]);
    });

    test('copies only the part of a buffer that the source covers', () => {
      const whole = Uint16Array.of(1, 2, 3, 4, 5);
      expect([...heap.from(whole.subarray(1, 4)).view]).toEqual([2, 3, 4]);
    });

    test('accepts options', () => {
      const array = heap.from(Uint8Array.of(1, 2, 3), { alignment: 1024, zero: true });
      expect(array.address % 1024).toBe(0);
      expect([...array.view]).toEqual([1, 2, 3]);
    });

    test('copies an array of the same heap, even while memory grows', () => {
      const source = heap.array(Uint32Array, 1 << 15);
      source.view.set(source.view.map((_, index) => index * 3));
      let copies = 0;
      for (const { growths } = heap.stats(); heap.stats().growths < growths + 3; copies++) {
        const copy = heap.from(source.view);
        expect(copy.length).toBe(1 << 15);
        expect(copy.view.every((element, index) => element === index * 3)).toBe(true);
      }
      expect(copies).toBeGreaterThan(2);
      expect(source.view.every((element, index) => element === index * 3)).toBe(true);
      heap.check();
    });

    test('copies bytes of the same heap that are not a whole block', () => {
      const address = heap.malloc(64);
      heap.u8.fill(9, address, address + 64);
      const copy = heap.from(heap.u8.subarray(address + 1, address + 4));
      expect([...copy.view]).toEqual([9, 9, 9]);
    });

    test('copies an array of another heap', async () => {
      const other = await createHeap({ strategy });
      const source = other.from(Float64Array.of(0.5, -0.5));
      const copy = heap.from(source.view);
      source.free();
      growByHeap();
      expect([...copy.view]).toEqual([0.5, -0.5]);
      other.check();
      heap.check();
    });

    test.each([
      ['a plain array', [1, 2, 3]],
      ['a DataView', new DataView(new ArrayBuffer(4))],
      ['an ArrayBuffer', new ArrayBuffer(4)],
      ['text', 'abc'],
      ['a number', 5],
      ['null', null],
      ['undefined', undefined],
    ])('refuses %s', (_, source) => {
      expect(
        catchError(TypeError, () => heap.from(source as unknown as Uint8Array)).message,
      ).toMatch(/^source /);
      expect(heap.stats().liveBlocks).toBe(0);
    });
  });

  describe('from elements', () => {
    test.each(kinds)('makes a $name with the elements of any iterable or array-like source', ({
      type,
      sample,
    }) => {
      const elements = [...sample()] as never[];
      const iterate = function* () {
        yield* elements;
      };
      const arrayLike = Object.assign({ length: elements.length }, elements);
      for (const source of [elements, elements.values(), iterate(), arrayLike, sample()]) {
        const array = heap.from(type, source as typeof elements);
        expect(array.view).toBeInstanceOf(type);
        expect(bytesOf(array.view)).toEqual(bytesOf(sample()));
      }
    });

    test('converts numbers as the typed array does', () => {
      expect([...heap.from(Uint8Array, [257, -1, 1.9]).view]).toEqual([1, 255, 1]);
      expect([...heap.from(Uint8ClampedArray, [257, -1, 1.9]).view]).toEqual([255, 0, 2]);
      expect([...heap.from(Float64Array, Float32Array.of(0.5)).view]).toEqual([0.5]);
    });

    test('makes an empty array of an empty source', () => {
      expect(heap.from(Float32Array, []).view).toHaveLength(0);
      expect(heap.from(Float32Array, new Map().keys() as Iterable<number>).length).toBe(0);
      expect(heap.stats().liveBlocks).toBe(2);
    });

    test('accepts options', () => {
      const array = heap.from(Int32Array, [1, 2], { alignment: 'page', zero: true });
      expect(array.address % 65536).toBe(0);
      expect([...array.view]).toEqual([1, 2]);
    });

    test('copies a view of the same heap, even while memory grows', () => {
      const source = heap.array(Uint8Array, heap.memory.buffer.byteLength);
      source.view.fill(7);
      const copy = heap.from(Uint16Array, source.view);
      expect(copy.view.every((element) => element === 7)).toBe(true);
      heap.check();
    });

    test('allocates nothing if reading the elements throws', () => {
      const failing = function* () {
        yield 1;
        throw new Error('no more');
      };
      expect(() => heap.from(Uint8Array, failing())).toThrow('no more');
      expect(heap.stats().allocations).toBe(0);
    });

    test('accepts a generator that allocates from the heap', () => {
      const inner: HeapArray<Uint8Array>[] = [];
      const allocating = function* () {
        for (let count = 0; count < 10; count++) {
          inner.push(heap.from(Uint8Array, new Array(1 << 16).fill(count)));
          yield count;
        }
      };
      const array = heap.from(Float32Array, allocating());
      expect([...array.view]).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
      expect(inner.every(({ view }, index) => view.every((byte) => byte === index))).toBe(true);
      expect(heap.stats().growths).toBeGreaterThan(0);
      heap.check();
    });

    test.each([
      ['undefined', undefined],
      ['null', null],
      ['a number', 5],
      ['text', '123'],
      ['an object without length', {}],
      ['a buffer', new ArrayBuffer(8)],
    ])('refuses %s', (_, elements) => {
      expect(catchError(TypeError, () => heap.from(Uint8Array, elements as never)).message).toMatch(
        /^elements /,
      );
      expect(heap.stats().allocations).toBe(0);
    });

    test('refuses bigints for number arrays and numbers for bigint arrays', () => {
      expect(() => heap.from(Uint8Array, [1n] as never)).toThrow(TypeError);
      expect(() => heap.from(BigInt64Array, [1] as never)).toThrow(TypeError);
      expect(heap.stats().allocations).toBe(0);
    });

    test('refuses a type that is not a typed array constructor', () => {
      for (const type of [Array, DataView, class extends Uint8Array {}]) {
        expect(catchError(TypeError, () => heap.from(type as never, [1])).message).toMatch(
          /^type /,
        );
      }
    });
  });

  test('from refuses a detached source and allocates nothing', () => {
    const detached = new Uint8Array(8);
    structuredClone(detached.buffer, { transfer: [detached.buffer] });
    const stale = heap.array(Uint8Array, 8).view;
    growByHeap();
    const { allocations } = heap.stats();
    for (const source of [detached, stale]) expect(() => heap.from(source)).toThrow(TypeError);
    expect(heap.stats().allocations).toBe(allocations);
  });
});
