// SPDX-License-Identifier: MIT
//
// The bindings replace embind's registration of types and its invokers: these tests check what that relies on.

import { createHeap } from 'lite-alloc';
import { expect, test } from 'vitest';
import { readPackagedWasm } from '../support/host.js';

test('the module imports only its memory and the function that registers functions', async () => {
  const module = await WebAssembly.compile(await readPackagedWasm());
  const kinds = WebAssembly.Module.imports(module).map(({ kind }) => kind);
  expect(kinds.toSorted()).toEqual(['function', 'memory']);
});

test('sizes and results above 2^31 cross to the module and back as unsigned numbers', async () => {
  const heap = await createHeap({ initialBytes: 1 << 20, maximumBytes: 1 << 20 });
  // As a signed number the size is -1: if it wrapped, a small block would be allocated.
  expect(heap.tryMalloc(0xffffffff)).toBe(0);
  expect(heap.tryMalloc(0x80000000)).toBe(0);
  expect(heap.stats().failures).toBe(2);
});

test('calls with the same number of parameters reach different functions', async () => {
  const heap = await createHeap();
  const address = heap.calloc(3, 5);
  expect(heap.u8.subarray(address, address + 15)).toEqual(new Uint8Array(15));
  expect(heap.usableSize(address)).toBe(16);
  expect(heap.memalign(4096, 10) % 4096).toBe(0);
  const moved = heap.realloc(address, 5000);
  expect(heap.usableSize(moved)).toBeGreaterThanOrEqual(5000);
  heap.free(moved);
  const sized = heap.allocate(100, 64);
  heap.deallocate(heap.reallocate(sized, 100, 200, 64), 200, 64);
  expect(heap.stats()).toMatchObject({ liveBlocks: 1, allocations: 3, frees: 2 });
  heap.reset();
  expect(heap.stats().liveBlocks).toBe(0);
});
