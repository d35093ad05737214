// SPDX-License-Identifier: MIT
//
// Growth listeners run after the operation that made memory grow: whatever they do to the heap, no block is lost
// or freed twice.

import {
  createHeap,
  type Heap,
  type HeapOptions,
  type Subscription,
  UseAfterFreeError,
} from 'lite-alloc';
import { beforeEach, describe, expect, test } from 'vitest';
import { describeStrategies } from '../support/strategies.js';

const page = 65536;
const large = 20 * page;

const kinds: readonly (readonly [string, HeapOptions])[] = [
  ['a heap', {}],
  ['a debug heap', { debug: { stacks: false } }],
];

describeStrategies((strategy) => {
  describe.each(kinds)('a listener of %s', (_, options) => {
    let heap: Heap;
    const once = (listener: () => void): void => {
      const listening = heap.onGrow(() => {
        listening.remove();
        listener();
      });
    };

    beforeEach(async () => {
      heap = await createHeap({ strategy, initialBytes: 4 * page, ...options });
    });

    test('sees the resized array with its contents', () => {
      const array = heap.from(Float32Array.of(1, 2, 3));
      let seen: Float32Array | undefined;
      once(() => {
        seen = array.view;
      });
      array.resize(large);
      expect(seen).toHaveLength(large);
      expect([...(seen as Float32Array).subarray(0, 3)]).toEqual([1, 2, 3]);
      expect(array.view).toBe(seen);
    });

    /** Operations that grow memory, and the number of blocks that live afterwards. */
    const operations: readonly (readonly [string, () => unknown, number])[] = [
      ['malloc', () => heap.malloc(large), 1],
      ['calloc', () => heap.calloc(20, page), 1],
      ['memalign', () => heap.memalign(4096, large), 1],
      ['realloc', () => heap.realloc(heap.malloc(100), large), 1],
      ['allocate', () => heap.allocate(large), 1],
      ['reallocate', () => heap.reallocate(heap.allocate(96), 96, large), 1],
      ['array', () => heap.array(Uint8Array, large, { zero: true }), 1],
      ['array, aligned', () => heap.array(Uint8Array, large, { alignment: 'page' }), 1],
      ['from', () => heap.from(new Uint8Array(large).fill(7)), 1],
      ['from an iterable', () => heap.from(Uint8Array, new Array(large).fill(7)), 1],
      ['string', () => heap.string('x'.repeat(large)), 1],
      ['string of non-ASCII letters', () => heap.string('é'.repeat(large)), 1],
      ['resize', () => heap.array(Uint8Array, 10).resize(large), 1],
      ['arena', () => heap.arena({ bytes: large }), 1],
      ['malloc of a scope', () => heap.openScope().malloc(large), 1],
      ['calloc of a scope', () => heap.openScope().calloc(20, page), 1],
      ['array of a scope', () => heap.openScope().array(Uint8Array, large), 1],
      ['from of a scope', () => heap.openScope().from(new Uint8Array(large).fill(7)), 1],
      ['arena of a scope', () => heap.openScope().arena({ bytes: large }), 1],
      [
        'realloc of a scope',
        () => {
          const scope = heap.openScope();
          return scope.realloc(scope.malloc(10), large);
        },
        1,
      ],
      ['a scope', () => heap.scope((scope) => void scope.malloc(large)), 0],
    ];

    test.each(operations)('runs after %s is complete', (__, operate, live) => {
      let liveBlocks: number | undefined;
      once(() => {
        heap.check();
        ({ liveBlocks } = heap.stats());
      });
      operate();
      // Inside a scope the block still lives.
      expect(liveBlocks).toBe(Math.max(live, 1));
      expect(heap.stats().liveBlocks).toBe(live);
    });

    test.each(operations)('may reset the heap after %s made memory grow', (__, operate) => {
      let kept = 0;
      once(() => {
        heap.reset();
        kept = heap.malloc(large / 2);
        heap.u8.fill(9, kept, kept + large / 2);
      });
      const result = operate();
      heap.check();
      expect(heap.stats().liveBlocks).toBe(1);
      // The operation did not write into the new block.
      expect(heap.u8.subarray(kept, kept + large / 2).every((byte) => byte === 9)).toBe(true);
      if (typeof result === 'object' && result !== null)
        expect(result).toMatchObject({ alive: false });
      heap.free(kept);
    });

    test.each(operations)('may dispose the heap after %s made memory grow', (__, operate) => {
      once(() => heap.dispose());
      operate();
      expect(() => heap.malloc(1)).toThrow(UseAfterFreeError);
    });

    test('may free the array that is being resized', () => {
      const array = heap.array(Uint8Array, 1000);
      once(() => array.free());
      array.resize(large);
      expect(array.alive).toBe(false);
      expect(heap.stats().liveBlocks).toBe(0);
      heap.check();
    });

    test('may resize the array that is being resized', () => {
      const array = heap.from(Uint8Array.of(1, 2, 3));
      once(() => array.resize(2 * large));
      array.resize(large);
      expect(array.length).toBe(2 * large);
      expect([...array.view.subarray(0, 3)]).toEqual([1, 2, 3]);
      array.free();
      expect(heap.stats().liveBlocks).toBe(0);
    });

    test('that resets the heap leaves at most one live handle for a block', () => {
      once(() => heap.reset());
      const first = heap.array(Uint8Array, large);
      const second = heap.array(Uint8Array, large);
      expect([first.alive, second.alive]).toEqual([false, true]);
      first.free();
      expect(heap.stats().liveBlocks).toBe(1);
    });

    test('that resets the heap inside a scope makes the scope forget its blocks', () => {
      once(() => heap.reset());
      let other = 0;
      heap.scope((scope) => {
        scope.malloc(large);
        other = heap.malloc(large);
      });
      expect(heap.stats().liveBlocks).toBe(1);
      heap.free(other);
    });

    test('that resets the heap while a scope closes does not make the scope free newer blocks', () => {
      const scope = heap.openScope();
      for (let count = 0; count < 5; count++) {
        scope.malloc(100);
        scope.array(Uint8Array, 100);
      }
      heap.onGrow(() => undefined);
      const blocks: number[] = [];
      once(() => {
        heap.reset();
        for (let count = 0; count < 10; count++) blocks.push(heap.malloc(100));
      });
      heap.memory.grow(1);
      scope.close();
      expect(heap.stats().liveBlocks).toBe(10);
      for (const block of blocks) heap.free(block);
    });

    test('may close the scope that allocates', () => {
      const scope = heap.openScope();
      once(() => scope.close());
      const array = scope.array(Uint8Array, large);
      expect(array.alive).toBe(false);
      expect(heap.stats().liveBlocks).toBe(0);
    });

    test('is called for every growth in order, like the other listeners', () => {
      const heard: number[][] = [[], []];
      let growing = 3;
      heap.onGrow((bytes) => {
        heard[0]?.push(bytes);
        if (growing-- > 0) heap.malloc(bytes / 2);
      });
      heap.onGrow((bytes) => heard[1]?.push(bytes));
      heap.malloc(large);
      expect(heard[0]).toHaveLength(4);
      expect(heard[1]).toEqual(heard[0]);
      expect(heard[0]).toEqual(heard[0]?.toSorted((left, right) => left - right));
      expect(heard[0]?.at(-1)).toBe(heap.stats().memoryBytes);
    });

    test('gets the new size of one growth as the old size of the next', () => {
      const sizes: [number, number][] = [];
      heap.onGrow((...growth) => {
        sizes.push(growth);
        if (sizes.length < 4) heap.memory.grow(1);
      });
      heap.malloc(large);
      expect(sizes).toHaveLength(4);
      for (let index = 1; index < 4; index++) expect(sizes[index]?.[1]).toBe(sizes[index - 1]?.[0]);
    });

    test('is not called after an earlier listener removed it', () => {
      let calls = 0;
      const later: Subscription[] = [];
      heap.onGrow(() => later[0]?.remove());
      later.push(heap.onGrow(() => calls++));
      heap.malloc(large);
      expect(calls).toBe(0);
    });

    test('is called for growth by other code before a view is read, and the view is current', () => {
      const array = heap.from(Uint8Array.of(1, 2, 3));
      let calls = 0;
      once(() => {
        calls++;
        array.resize(large);
      });
      heap.memory.grow(1);
      expect(array.view).toHaveLength(large);
      expect(calls).toBe(1);
      once(() => array.free());
      heap.memory.grow(1);
      expect(() => array.view).toThrow(UseAfterFreeError);
      expect(heap.stats().liveBlocks).toBe(0);
    });

    test('is called for growth by other code before a view of the whole memory is read', () => {
      let calls = 0;
      once(() => {
        calls++;
        heap.malloc(2 * large);
      });
      heap.memory.grow(1);
      expect(heap.f64.byteLength).toBe(heap.memory.buffer.byteLength);
      expect(calls).toBe(1);
    });

    test('is called when an operation makes memory grow and then fails', async () => {
      const small = await createHeap({
        strategy,
        initialBytes: 4 * page,
        maximumBytes: 40 * page,
        ...options,
      });
      const heard: number[] = [];
      small.onGrow((bytes) => heard.push(bytes));
      expect(() => small.string('é'.repeat(30 * page))).toThrow(
        expect.objectContaining({ code: 'OUT_OF_MEMORY' }),
      );
      expect(heard).toEqual([small.stats().memoryBytes]);
      expect(small.stats().liveBlocks).toBe(0);
    });
  });
});
