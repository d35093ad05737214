// SPDX-License-Identifier: MIT

import * as packaged from 'lite-alloc';
import * as inlined from 'lite-alloc/inline';
import * as regional from 'lite-alloc/inline/region';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { readPackagedWasm, strategiesWasmUrl } from '../support/host.js';

describe('the entry with the wasm inlined', () => {
  afterEach(() => vi.restoreAllMocks().unstubAllGlobals());

  // This test runs first, before any wasm is compiled.
  test('makes a heap synchronously before anything was loaded, on every thread', () => {
    const array = inlined.createHeapSync().from(Int16Array.of(1, -2, 3));
    expect([...array.view]).toEqual([1, -2, 3]);
  });

  test('fetches nothing', async () => {
    const fetched = vi.fn(() => Promise.reject(new Error('this test allows no fetch')));
    vi.stubGlobal('fetch', fetched);
    const heap = await inlined.createHeap();
    heap.malloc(1 << 20);
    heap.check();
    expect(fetched).not.toHaveBeenCalled();
  });

  test('exports the names of the main entry', () => {
    expect(Object.keys(inlined).toSorted()).toEqual(Object.keys(packaged).toSorted());
  });

  test('makes heaps and errors of the classes of the main entry', async () => {
    const heap = await inlined.createHeap({ maximumBytes: 1 << 20 });
    expect(heap.constructor).toBe((await packaged.createHeap()).constructor);
    expect(() => heap.malloc(1 << 21)).toThrow(packaged.OutOfMemoryError);
  });

  test('accepts the options of the main entry, the option wasm included', async () => {
    const wasm = await WebAssembly.compile(await readPackagedWasm(strategiesWasmUrl));
    const heap = await inlined.createHeap({ wasm, strategy: 'free-list', initialBytes: 1 << 20 });
    expect(heap.stats()).toMatchObject({ strategy: 'free-list', memoryBytes: 1 << 20 });
    await expect(inlined.createHeap({ initialBytes: -1 })).rejects.toThrow(RangeError);
    expect(() => inlined.createHeapSync({ wasm: Uint8Array.of(0) })).toThrow(inlined.WasmLoadError);
  });

  test.each(packaged.strategies)('makes heaps of %s', (strategy) => {
    const heap = inlined.createHeapSync({ strategy });
    heap.free(heap.malloc(100));
    heap.check();
    expect(heap.strategy).toBe(strategy);
  });

  test('makes heaps in regions synchronously where lite-alloc/inline/region is imported', () => {
    const memory = new WebAssembly.Memory({ initial: 4 });
    const first = inlined.createHeapSync({ memory, start: 0, end: 1 << 17 });
    const second = regional.createHeapSync({ memory, start: 1 << 17, end: 1 << 18 });
    for (const heap of [first, second]) {
      expect([...heap.from(Int16Array.of(1, -2, 3)).view]).toEqual([1, -2, 3]);
      heap.check();
    }
    expect(first.constructor).toBe(inlined.createHeapSync().constructor);
  });

  test('compiles once for all heaps', async () => {
    const compile = vi.spyOn(WebAssembly, 'compile');
    await Promise.all([inlined.createHeap(), inlined.createHeap()]);
    expect(compile).not.toHaveBeenCalled();
  });
});
