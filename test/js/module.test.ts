// SPDX-License-Identifier: MIT
//
// What the bindings lean on in embind: they replace its own registration of types and its own invokers.

import { createHeap } from 'lite-alloc';
import { expect, test } from 'vitest';
import { readPackagedWasm } from '../support/host.js';

test('the module imports memory and what registers a type and a function, nothing else', async () => {
  const module = await WebAssembly.compile(await readPackagedWasm());
  const kinds = WebAssembly.Module.imports(module).map(({ kind }) => kind);
  expect(kinds.toSorted()).toEqual(['function', 'function', 'memory']);
});

test('numbers cross whole and unsigned: sizes and results above 2^31', async () => {
  const heap = await createHeap({ initialBytes: 1 << 20, maximumBytes: 1 << 20 });
  // As a signed number -1: a wrapped size would be a small block.
  expect(heap.tryMalloc(0xffffffff)).toBe(0);
  expect(heap.tryMalloc(0x80000000)).toBe(0);
  expect(heap.stats().failures).toBe(2);
});

test('every call with the same number of parameters goes to its own function', async () => {
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
