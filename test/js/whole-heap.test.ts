// SPDX-License-Identifier: MIT

import {
  createHeap,
  type Heap,
  type HeapArray,
  LiteAllocError,
  UseAfterFreeError,
} from 'lite-alloc';
import { beforeEach, describe, expect, test } from 'vitest';
import { catchError } from '../support/errors.js';
import { describeStrategies } from '../support/strategies.js';

describeStrategies((strategy) => {
  let heap: Heap;
  beforeEach(async () => {
    heap = await createHeap({ strategy });
  });

  describe('reset', () => {
    test('frees every block and keeps the memory for reuse', () => {
      for (let count = 0; count < 100; count++) heap.malloc(10_000);
      heap.allocate(1000);
      const { memoryBytes, allocations } = heap.stats();
      heap.reset();
      expect(heap.stats()).toMatchObject({
        liveBlocks: 0,
        liveBytes: 0,
        memoryBytes,
        allocations,
        frees: allocations,
        fragmentation: 0,
      });
      heap.check();
      for (let count = 0; count < 100; count++) heap.malloc(10_000);
      expect(heap.stats().memoryBytes).toBe(memoryBytes);
      heap.check();
    });

    test.each([100, 5000])('makes addresses of earlier blocks of %i bytes invalid', (size) => {
      const [first, second] = [heap.malloc(size), heap.malloc(size)];
      heap.reset();
      for (const address of [first, second]) {
        expect(() => heap.free(address)).toThrow(LiteAllocError);
        expect(() => heap.realloc(address, 10)).toThrow(LiteAllocError);
      }
      heap.malloc(16);
      expect(() => heap.free(second)).toThrow(LiteAllocError);
      heap.check();
    });

    test('makes handles dead, and their free() does nothing', () => {
      const array = heap.from(new Uint8Array([1, 2, 3]));
      heap.reset();
      expect(array.alive).toBe(false);
      expect(() => array.view).toThrow(UseAfterFreeError);
      expect(() => array.resize(5)).toThrow(UseAfterFreeError);
      const next = heap.array(Uint8Array, 3);
      expect(next.address).toBe(array.address);
      array.free();
      expect(next.alive).toBe(true);
      expect(heap.stats().liveBlocks).toBe(1);
    });

    test('can be called again and again, even on an empty heap', () => {
      for (let count = 0; count < 10; count++) {
        heap.reset();
        heap.reset();
        heap.malloc(1 << 18);
        heap.check();
      }
      expect(heap.stats().memoryBytes).toBeLessThan(1 << 20);
    });

    test('keeps all regions if other code grew memory in between', () => {
      heap.malloc(1 << 18);
      heap.memory.grow(2);
      heap.malloc(1 << 18);
      heap.memory.grow(2);
      heap.malloc(1 << 18);
      const { memoryBytes } = heap.stats();
      heap.reset();
      heap.check();
      for (let count = 0; count < 3; count++) heap.malloc(1 << 18);
      expect(heap.stats().memoryBytes).toBe(memoryBytes);
    });
  });

  describe('a disposed heap', () => {
    const calls: readonly (readonly [
      string,
      (heap: Heap, array: HeapArray<Uint8Array>) => unknown,
    ])[] = [
      ['malloc', () => heap.malloc(1)],
      ['tryMalloc', () => heap.tryMalloc(1)],
      ['calloc', () => heap.calloc(1, 1)],
      ['memalign', () => heap.memalign(16, 1)],
      ['realloc', () => heap.realloc(0, 1)],
      ['free', () => heap.free(64)],
      ['usableSize', () => heap.usableSize(64)],
      ['allocate', () => heap.allocate(1)],
      ['deallocate', () => heap.deallocate(64, 1)],
      ['reallocate', () => heap.reallocate(64, 1, 2)],
      ['reset', () => heap.reset()],
      ['array', () => heap.array(Uint8Array, 1)],
      ['from', () => heap.from(new Uint8Array(1))],
      ['from elements', () => heap.from(Uint8Array, [1])],
      ['string', () => heap.string('text')],
      ['readString', () => heap.readString(64, 1)],
      ['scope', () => heap.scope(() => 1)],
      ['openScope', () => heap.openScope()],
      ['arena', () => heap.arena({ bytes: 1 })],
      ['snapshot', () => heap.snapshot()],
      ['stats', () => heap.stats()],
      ['blocks', () => heap.blocks()],
      ['check', () => heap.check()],
      ['memory', () => heap.memory],
      ['u8', () => heap.u8],
      ['f64', () => heap.f64],
      ['u64', () => heap.u64],
      ['view of a handle', (_, array) => array.view],
      ['resize of a handle', (_, array) => array.resize(2)],
      ['slice of a handle', (_, array) => array.slice()],
    ];

    test.each(calls)('throws UseAfterFreeError from %s', (_, call) => {
      const array = heap.array(Uint8Array, 10);
      void heap.u8;
      heap.dispose();
      expect(catchError(UseAfterFreeError, () => call(heap, array))).toMatchObject({
        code: 'USE_AFTER_FREE',
      });
    });

    test('may be disposed again', () => {
      heap.dispose();
      expect(() => heap.dispose()).not.toThrow();
      expect(() => heap.malloc(1)).toThrow(UseAfterFreeError);
    });

    test('has dead handles, whose free() does nothing', () => {
      const array = heap.array(Uint8Array, 10);
      heap.dispose();
      expect(array.alive).toBe(false);
      array.free();
      array[Symbol.dispose]();
      expect(array.length).toBe(10);
    });

    test('does not affect other heaps', async () => {
      const other = await createHeap({ strategy });
      const array = other.from(new Float32Array([1, 2]));
      heap.dispose();
      expect([...array.view]).toEqual([1, 2]);
      other.check();
    });

    test('results from the end of a `using` block', async () => {
      let inside: Heap;
      {
        using scoped = await createHeap({ strategy });
        inside = scoped;
        scoped.malloc(1);
      }
      expect(() => inside.malloc(1)).toThrow(UseAfterFreeError);
    });
  });

  describe('views of the whole memory', () => {
    const names = ['u8', 'i8', 'u16', 'i16', 'u32', 'i32', 'f32', 'f64', 'i64', 'u64'] as const;

    test.each(names)('%s covers all of memory and shows bytes that another view wrote', (name) => {
      const address = heap.calloc(1, 16);
      const view = heap[name];
      expect(view.buffer).toBe(heap.memory.buffer);
      expect(view.byteLength).toBe(heap.memory.buffer.byteLength);
      heap.u8.fill(0xff, address, address + 16);
      const ones = {
        u8: 0xff,
        i8: -1,
        u16: 0xffff,
        i16: -1,
        u32: 0xffffffff,
        i32: -1,
        f32: Number.NaN,
        f64: Number.NaN,
        i64: -1n,
        u64: 2n ** 64n - 1n,
      };
      expect(view[address / view.BYTES_PER_ELEMENT]).toBe(ones[name]);
    });

    test.each(names)('%s is the same object until memory grows, and current afterwards', (name) => {
      const before = heap[name];
      heap.free(heap.malloc(100));
      expect(heap[name]).toBe(before);
      heap.malloc(1 << 20);
      expect(before.length).toBe(0);
      expect(heap[name].byteLength).toBe(heap.memory.buffer.byteLength);
      const grownByHeap = heap[name];
      heap.memory.grow(1);
      expect(grownByHeap.length).toBe(0);
      expect(heap[name].byteLength).toBe(heap.memory.buffer.byteLength);
    });

    test.each([
      ['u8', Uint8Array],
      ['i8', Int8Array],
      ['u16', Uint16Array],
      ['i16', Int16Array],
      ['u32', Uint32Array],
      ['i32', Int32Array],
      ['f32', Float32Array],
      ['f64', Float64Array],
      ['i64', BigInt64Array],
      ['u64', BigUint64Array],
    ] as const)('%s is an instance of its typed array class', (name, kind) => {
      expect(heap[name]).toBeInstanceOf(kind);
    });
  });

  describe('memory that other code grows', () => {
    const foreignPages = 3;

    /** Grows memory as other code would and fills the new pages. */
    function growForeign(): { begin: number; end: number } {
      const begin = heap.memory.grow(foreignPages) * 65536;
      const end = begin + foreignPages * 65536;
      heap.u8.fill(0xee, begin, end);
      return { begin, end };
    }

    test('is never touched by the heap, which allocates behind it', () => {
      const foreign = [growForeign()];
      const blocks: { address: number; size: number }[] = [];
      for (let round = 0; round < 4; round++) {
        for (let count = 0; count < 300; count++) {
          const size = 1000 + count * 10;
          const address = heap.malloc(size);
          heap.u8.fill(0x11, address, address + size);
          blocks.push({ address, size });
        }
        foreign.push(growForeign());
        heap.check();
      }
      for (const { begin, end } of foreign) {
        expect(heap.u8.subarray(begin, end).every((byte) => byte === 0xee)).toBe(true);
        for (const { address, size } of blocks)
          expect(address + size <= begin || address >= end).toBe(true);
        for (const { address, size } of heap.blocks())
          expect(address + size <= begin || address >= end).toBe(true);
      }
      for (const { address } of blocks) heap.free(address);
      heap.check();
      for (const { begin, end } of foreign) {
        expect(heap.u8.subarray(begin, end).every((byte) => byte === 0xee)).toBe(true);
      }
    });

    test('does not count as growth of the heap', () => {
      const { growths, memoryBytes, freeBytes } = heap.stats();
      growForeign();
      expect(heap.stats()).toMatchObject({
        growths,
        freeBytes,
        memoryBytes: memoryBytes + foreignPages * 65536,
      });
    });

    test('makes the last block move when it grows', () => {
      const array = heap.from(new Uint32Array([1, 2, 3]));
      const { begin, end } = growForeign();
      array.resize(1 << 20);
      expect([...array.view.subarray(0, 3)]).toEqual([1, 2, 3]);
      expect(array.address).toBeGreaterThanOrEqual(end);
      array.view.fill(5);
      expect(heap.u8.subarray(begin, end).every((byte) => byte === 0xee)).toBe(true);
      heap.check();
    });
  });
});
