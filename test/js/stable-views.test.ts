// SPDX-License-Identifier: MIT

import { createHeap, createHeapSync, type Heap } from 'lite-alloc';
import { beforeEach, describe, expect, test } from 'vitest';
import { catchError } from '../support/errors.js';
import { describeStrategies } from '../support/strategies.js';
import { bytesOf, kinds } from '../support/typed-arrays.js';

const isPossible = 'toResizableBuffer' in WebAssembly.Memory.prototype;

test.each(['yes', 1, null])('createHeapSync checks stableViews: %s', async (stableViews) => {
  await createHeap();
  const wrong = { stableViews } as never;
  if (stableViews === null) return void createHeapSync(wrong);
  expect(catchError(TypeError, () => createHeapSync(wrong)).message).toMatch(/^stableViews /);
});

function refuseStableViews(): void {
  test('createHeap refuses stableViews on a platform without resizable buffers', async () => {
    await expect(createHeap({ stableViews: true })).rejects.toThrow(
      /^stableViews: .*toResizableBuffer/,
    );
    expect((await createHeap({ stableViews: false })).malloc(1)).toBeGreaterThan(0);
  });
}

function keepViews(): void {
  describeStrategies((strategy) => {
    let heap: Heap;
    beforeEach(async () => {
      heap = await createHeap({ strategy, stableViews: true, maximumBytes: 1 << 26 });
    });

    /** Grows memory by an allocation, and then as other code would. */
    function grow(): void {
      const { byteLength } = heap.memory.buffer;
      heap.malloc(byteLength);
      heap.memory.grow(1);
      expect(heap.memory.buffer.byteLength).toBeGreaterThan(byteLength + 65536);
    }

    test('the buffer of the memory stays the same object', () => {
      const { buffer } = heap.memory;
      expect((buffer as { resizable?: boolean }).resizable).toBe(true);
      grow();
      expect(heap.memory.buffer).toBe(buffer);
    });

    test.each(kinds)('a view of $name stays valid and the same object after growth', ({
      sample,
    }) => {
      const array = heap.from(sample());
      const { view } = array;
      grow();
      expect(array.view).toBe(view);
      expect(bytesOf(view)).toEqual(bytesOf(sample()));
      view.fill(view[1] as never);
      expect(bytesOf(array.slice())).toEqual(bytesOf(view));
    });

    test('views of the whole memory grow with it', () => {
      const { u8, f64 } = heap;
      grow();
      expect(heap.u8).toBe(u8);
      expect(heap.f64).toBe(f64);
      expect(u8.length).toBe(heap.memory.buffer.byteLength);
      const address = heap.malloc(1 << 20);
      f64[address / 8] = 0.5;
      expect(heap.f64[address / 8]).toBe(0.5);
    });

    test('strings are stored and read', () => {
      const text = `${'x'.repeat(100)}é€😀\0\uFEFF`;
      const string = heap.string(text);
      grow();
      expect(string.toString()).toBe(text);
      expect(heap.readString(string.address, string.byteLength)).toBe(text);
      expect(heap.string('\uD800').toString()).toBe('\uFFFD');
      expect(heap.string('').toString()).toBe('');
    });

    test('arenas, scopes, resize and reset work as well', () => {
      const arena = heap.arena({ bytes: 1000 });
      const inArena = arena.from(Float32Array, [1, 2]);
      const { view } = inArena;
      const copy = heap.from(inArena.view);
      grow();
      expect([...view, ...copy.view]).toEqual([1, 2, 1, 2]);
      inArena.resize(200);
      expect(inArena.view).toHaveLength(200);
      expect(() => heap.array(Uint8Array, 1 << 27)).toThrow('can grow to 67108864');
      heap.scope((scope) => scope.string('x'.repeat(1000)).free());
      heap.reset();
      expect(inArena.alive).toBe(false);
      expect(heap.stats().liveBlocks).toBe(0);
      heap.check();
    });
  });
}

// Each platform runs one of the two suites, depending on whether it has the feature.
describe('with stableViews', isPossible ? keepViews : refuseStableViews);
