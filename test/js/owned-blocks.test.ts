// SPDX-License-Identifier: MIT
//
// Blocks of handles, arenas and scopes that other code frees by their raw addresses.

import {
  createHeap,
  DoubleFreeError,
  type Heap,
  type HeapArray,
  InvalidFreeError,
  UseAfterFreeError,
} from 'lite-alloc';
import { beforeEach, describe, expect, test } from 'vitest';
import { catchError } from '../support/errors.js';
import { heapKinds } from '../support/heap-kinds.js';
import { describeStrategies, mallocAt } from '../support/strategies.js';

const plainKinds = heapKinds.filter(([name]) => !name.includes('debug'));
const debugKinds = heapKinds.filter(([name]) => name.includes('debug'));

/** Ways to take a block from its owner, for blocks of 64 bytes. */
const losses: readonly (readonly [string, (heap: Heap, address: number) => void])[] = [
  ['freed', (heap, address) => heap.free(address)],
  ['freed by a scope', (heap, address) => heap.scope((scope) => scope.free(address))],
  ['moved', (heap, address) => heap.free(heap.realloc(address, 5000))],
  ['resized in place', (heap, address) => heap.free(heap.realloc(address, 64))],
];

describeStrategies((strategy) => {
  describe.each(plainKinds)('in %s', (_, make) => {
    let heap: Heap;
    let barrier: number;

    beforeEach(async () => {
      heap = await make(strategy);
      barrier = heap.malloc(16);
    });

    /** Fails unless the heap is intact and `count` blocks live besides the barrier. */
    const expectLive = (count: number): void => {
      heap.check();
      expect(heap.stats().liveBlocks).toBe(count + 1);
      expect(heap.usableSize(barrier)).toBeGreaterThanOrEqual(16);
    };

    describe.each(losses)('a block that was %s by its raw address', (__, lose) => {
      const handles: readonly (readonly [string, () => { address: number; free(): void }])[] = [
        ['an array', () => heap.array(Uint8Array, 64)],
        ['a string', () => heap.string('x'.repeat(64))],
        ['an array of a scope', () => heap.openScope().array(Uint8Array, 64)],
        ['a kept array', () => heap.scope((scope) => scope.keep(scope.array(Uint8Array, 64)))],
        ['a returned array', () => heap.scope((scope) => scope.array(Uint8Array, 64))],
      ];

      test.each(
        handles,
      )('makes free of %s throw once, and no other block is freed', (___, create) => {
        const handle = create();
        lose(heap, handle.address);
        expectLive(0);
        mallocAt(heap, handle.address, 64);
        const { liveBlocks } = heap.stats();
        const error = catchError(DoubleFreeError, () => handle.free());
        expect(error.address).toBe(handle.address);
        handle.free();
        expect(heap.stats().liveBlocks).toBe(liveBlocks);
        heap.check();
      });

      test.each(handles)('does not affect the new handle at the address of %s', (___, create) => {
        const handle = create();
        lose(heap, handle.address);
        const others: HeapArray<Uint8Array>[] = [];
        for (let count = 0; count < 1000 && others.at(-1)?.address !== handle.address; count++) {
          others.push(heap.array(Uint8Array, 64));
        }
        expect(others.at(-1)?.address).toBe(handle.address);
        expect(() => handle.free()).toThrow(DoubleFreeError);
        expect(others.every(({ alive }) => alive)).toBe(true);
        for (const other of others) other.free();
        expectLive(0);
      });

      test('makes view, slice and resize of its array throw', () => {
        const array = heap.array(Uint8Array, 64);
        expect(array.view).toHaveLength(64);
        lose(heap, array.address);
        mallocAt(heap, array.address, 64);
        const { liveBlocks } = heap.stats();
        expect(() => array.view).toThrow(UseAfterFreeError);
        expect(() => array.slice()).toThrow(UseAfterFreeError);
        expect(() => array.resize(100)).toThrow(UseAfterFreeError);
        expect(array.alive).toBe(false);
        expect(() => array.free()).toThrow(DoubleFreeError);
        expect(heap.stats().liveBlocks).toBe(liveBlocks);
      });

      test('makes its arena and the array in it dead', () => {
        const arena = heap.arena({ bytes: 64 });
        const array = arena.array(Uint8Array, 8);
        const [{ address }] = [array];
        lose(heap, address);
        mallocAt(heap, address, 64);
        const { liveBlocks } = heap.stats();
        expect([arena.alive, array.alive]).toEqual([false, false]);
        expect(() => array.view).toThrow(UseAfterFreeError);
        expect(() => arena.malloc(8)).toThrow(UseAfterFreeError);
        array.free();
        expect(() => arena.free()).toThrow(DoubleFreeError);
        arena.free();
        expect(heap.stats().liveBlocks).toBe(liveBlocks);
      });

      test('makes its scope throw when it closes, after it freed all other blocks', () => {
        const scope = heap.openScope();
        scope.malloc(100);
        const lost = scope.malloc(64);
        scope.array(Uint8Array, 100);
        lose(heap, lost);
        mallocAt(heap, lost, 64);
        const { liveBlocks } = heap.stats();
        const error = catchError(DoubleFreeError, () => scope.close());
        expect(error.address).toBe(lost);
        expect(heap.stats().liveBlocks).toBe(liveBlocks - 2);
        expect(heap.usableSize(lost)).toBeGreaterThanOrEqual(64);
        heap.check();
      });

      test('is not freed by its scope if another owner has reused the address', () => {
        const scope = heap.openScope();
        const other = heap.openScope();
        const lost = scope.malloc(64);
        lose(heap, lost);
        let reused = 0;
        for (let count = 0; count < 1000 && reused !== lost; count++) reused = other.malloc(64);
        expect(reused).toBe(lost);
        expect(() => scope.close()).toThrow(DoubleFreeError);
        expect(heap.usableSize(lost)).toBeGreaterThanOrEqual(64);
        other.close();
        expectLive(0);
      });

      test('may be allocated by its scope again', () => {
        const scope = heap.openScope();
        const lost = scope.malloc(64);
        lose(heap, lost);
        let reused = 0;
        for (let count = 0; count < 1000 && reused !== lost; count++) reused = scope.malloc(64);
        scope.free(reused);
        expect(() => scope.close()).toThrow(DoubleFreeError);
        expectLive(0);
      });

      test('does not affect live handles', () => {
        const arrays = Array.from({ length: 20 }, (___, index) =>
          heap.array(Uint8Array, 64 + index),
        );
        for (const [index, array] of arrays.entries()) array.view.fill(index);
        const lost = heap.array(Uint8Array, 64);
        lose(heap, lost.address);
        arrays.forEach((array, index) => {
          expect(array.alive).toBe(true);
          expect(array.view.every((byte) => byte === index)).toBe(true);
        });
        for (const array of arrays) array.free();
        expectLive(0);
      });
    });

    test('many arrays may lose their block at the same address, one after another', () => {
      const lost: HeapArray<Uint8Array>[] = [];
      for (let count = 0; count < 100; count++) {
        const array = heap.array(Uint8Array, 64);
        lost.push(array);
        heap.free(array.address);
      }
      const live = heap.array(Uint8Array, 64);
      for (const array of [...lost].reverse()) expect(() => array.free()).toThrow(DoubleFreeError);
      expect(live.alive).toBe(true);
      live.free();
      expectLive(0);
    });

    test('a failed free or realloc by the raw address leaves the block with its owner', () => {
      const array = heap.from(Uint8Array.of(1, 2, 3));
      expect(() => heap.free(array.address + 1)).toThrow(InvalidFreeError);
      expect(() => heap.realloc(array.address, 2 ** 32)).toThrow(
        expect.objectContaining({ code: 'OUT_OF_MEMORY' }),
      );
      expect([...array.view]).toEqual([1, 2, 3]);
      array.free();
      expectLive(0);
    });

    test('after a reset, free() of an array that lost its block does nothing', () => {
      const array = heap.array(Uint8Array, 64);
      heap.free(array.address);
      heap.reset();
      array.free();
      expect(array.alive).toBe(false);
    });

    test('raw blocks that a scope kept or returned belong to the caller', () => {
      const kept: number[] = [];
      const returned = heap.scope((scope) => {
        kept.push(scope.keep(scope.malloc(64)));
        return [scope.malloc(64), scope.realloc(scope.malloc(10), 64)];
      });
      for (const address of [...kept, ...returned]) heap.free(heap.realloc(address, 1000));
      expectLive(0);
    });

    test('a scope can free and move raw blocks of other code', () => {
      const scope = heap.openScope();
      scope.free(heap.malloc(64));
      const moved = scope.realloc(heap.malloc(64), 1000);
      scope.close();
      expect(heap.usableSize(moved)).toBeGreaterThanOrEqual(1000);
      heap.free(moved);
      expectLive(0);
    });

    test('random allocations, frees and frees by raw address leave the heap intact', () => {
      const live = new Map<number, HeapArray<Uint8Array>>();
      const lost: HeapArray<Uint8Array>[] = [];
      let state = 7;
      const random = (below: number): number => {
        state = (Math.imul(state, 1103515245) + 12345) >>> 0;
        return (state >>> 8) % below;
      };
      for (let step = 0; step < 5000; step++) {
        const choice = random(4);
        const array = [...live.values()][random(Math.max(live.size, 1))];
        if (choice < 2 || array === undefined) {
          const created = heap.array(Uint8Array, 1 + random(300));
          expect(live.has(created.address)).toBe(false);
          created.view.fill(created.address >>> 4);
          live.set(created.address, created);
          continue;
        }
        live.delete(array.address);
        if (choice === 2) array.free();
        else {
          heap.free(array.address);
          lost.push(array);
        }
        if (random(3) === 0) {
          const old = lost.pop();
          if (old !== undefined) expect(() => old.free()).toThrow(DoubleFreeError);
        }
      }
      for (const array of live.values()) {
        expect(array.view.every((byte) => byte === ((array.address >>> 4) & 255))).toBe(true);
        array.free();
      }
      for (const array of lost) expect(() => array.free()).toThrow(DoubleFreeError);
      expectLive(0);
    });
  });

  describe.each(debugKinds)('%s', (_, make) => {
    let heap: Heap;

    beforeEach(async () => {
      heap = await make(strategy);
    });

    const owners: readonly (readonly [string, () => number, RegExp])[] = [
      ['an array', () => heap.array(Float32Array, 16).address, /Float32Array.*handle\.free\(\)/],
      [
        'a resized array',
        () => {
          const array = heap.array(Float32Array, 1000);
          array.resize(16);
          return array.address;
        },
        /Float32Array.*handle\.free\(\)/,
      ],
      ['a string', () => heap.string('x'.repeat(64)).address, /string.*handle\.free\(\)/],
      [
        'an arena',
        () => heap.arena({ bytes: 64 }).array(Uint8Array, 1).address,
        /arena.*arena\.free\(\)/,
      ],
      ['a scope', () => heap.openScope().malloc(64), /scope.*scope\.free\(address\)/],
    ];

    const rawCalls: readonly (readonly [string, (address: number) => unknown])[] = [
      ['free', (address) => heap.free(address)],
      ['realloc', (address) => heap.realloc(address, 100)],
      ['deallocate', (address) => heap.deallocate(address, 64)],
    ];

    describe.each(owners)('reports at once that the raw address of %s', (__, create, owner) => {
      test.each(rawCalls)('was passed to %s, with both stacks', (___, call) => {
        const address = (function allocateHere() {
          // In WebKit a function that returns a call is not on the stack.
          const created = create();
          return created;
        })();
        const before = heap.stats();
        const error = catchError(InvalidFreeError, function freeHere() {
          call(address);
        });
        expect(error.address).toBe(address);
        expect(error.message).toMatch(owner);
        expect(error.message).toMatch(/\nallocated\n {4}.*\n/);
        expect(error.allocatedAt).toContain('allocateHere');
        expect(error.freedAt).toContain('freeHere');
        expect(heap.stats()).toEqual(before);
        heap.check();
      });
    });

    test('frees the block through its owner after such an error', () => {
      const array = heap.array(Uint8Array, 64);
      expect(() => heap.free(array.address)).toThrow(InvalidFreeError);
      expect(array.view).toHaveLength(64);
      array.free();
      expect(heap.stats().liveBlocks).toBe(0);
    });

    test('accepts the raw addresses of blocks that a scope kept or returned', () => {
      const addresses = heap.scope((scope) => [scope.keep(scope.malloc(64)), scope.malloc(64)]);
      for (const address of addresses) heap.free(address);
      expect(heap.stats().liveBlocks).toBe(0);
    });
  });
});

test('a handle at a high address detects that other code freed its block', async () => {
  const heap = await createHeap({ maximumBytes: 2 ** 32 });
  const low = heap.array(Uint8Array, 16);
  const filler = heap.malloc(64 << 20);
  const high = heap.array(Uint8Array, 16);
  heap.free(high.address);
  expect(() => high.free()).toThrow(DoubleFreeError);
  expect(low.alive).toBe(true);
  low.free();
  heap.free(filler);
  expect(heap.stats().liveBlocks).toBe(0);
});
