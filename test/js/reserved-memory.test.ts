// SPDX-License-Identifier: MIT
//
// How much memory a heap reserves where the engine refuses some sizes.

import { createHeap, createHeapSync, OutOfMemoryError } from 'lite-alloc';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

const page = 65536;
const RealMemory = WebAssembly.Memory;

/** Of each attempt, in pages. */
let maxima: number[];

/** Lets the engine refuse memories, with an error of another realm. */
function refuse(isRefused: (maximum: number) => boolean, name = 'RangeError'): void {
  WebAssembly.Memory = class extends RealMemory {
    constructor(descriptor: WebAssembly.MemoryDescriptor) {
      const { maximum = 0 } = descriptor;
      maxima.push(maximum);
      if (isRefused(maximum)) throw Object.assign(new Error('no memory'), { name });
      super(descriptor);
    }
  };
}

beforeEach(async () => {
  await createHeap();
  maxima = [];
});
afterEach(() => {
  WebAssembly.Memory = RealMemory;
});

describe('an engine that refuses another memory', () => {
  test.each([
    ['createHeap', createHeap],
    ['createHeapSync', async (options?: object) => createHeapSync(options)],
  ])('makes %s fail after two attempts, with the cure', async (_, make) => {
    refuse(() => true);
    const error: unknown = await make({ initialBytes: 4 * page }).catch((caught) => caught);
    expect(error).toBeInstanceOf(OutOfMemoryError);
    expect(error).toMatchObject({
      requestedBytes: 4 * page,
      memoryBytes: 0,
      maximumBytes: 2 ** 31,
    });
    expect(String(error)).toMatch(/the engine refuses another memory.*dispose/);
    expect(String(error)).not.toContain('memory has 0 bytes');
    expect(maxima).toEqual([32768, 4]);
  });

  test('is asked twice where the maximum is the initial size, too', async () => {
    refuse(() => true);
    await expect(createHeap({ initialBytes: 4 * page, maximumBytes: 4 * page })).rejects.toThrow(
      OutOfMemoryError,
    );
    expect(maxima).toEqual([4, 4]);
  });
});

test('a smaller maximum is taken where the engine refuses the wanted one', async () => {
  refuse((maximum) => maximum > 10_000);
  const heap = await createHeap({ initialBytes: 4 * page });
  expect(heap.stats().maximumBytes).toBe(8192 * page);
  expect(maxima).toEqual([32768, 4, 32768, 16384, 8192]);
  heap.free(heap.malloc(10 * page));
});

test('createHeap gives the engine a task in which to collect dead heaps', async () => {
  let isRefused = true;
  refuse(() => isRefused);
  setTimeout(() => {
    isRefused = false;
  });
  const heap = await createHeap({ initialBytes: 4 * page });
  expect(heap.stats().maximumBytes).toBe(32768 * page);
  expect(maxima).toEqual([32768, 4, 32768]);
});

test('createHeap goes on where a host has no timers', async () => {
  vi.stubGlobal('setTimeout', undefined);
  try {
    refuse((maximum) => maximum > 10_000);
    expect((await createHeap()).stats().maximumBytes).toBe(8192 * page);
  } finally {
    vi.unstubAllGlobals();
  }
});

test('the smallest memory is taken where the engine grants no larger one', async () => {
  refuse((maximum) => maximum > 5);
  const heap = await createHeap({ initialBytes: 5 * page });
  expect(heap.stats().maximumBytes).toBe(5 * page);
  heap.free(heap.malloc(page));
});

test('other errors of the engine come through', async () => {
  refuse(() => true, 'TypeError');
  await expect(createHeap()).rejects.toThrow('no memory');
  expect(maxima).toHaveLength(1);
});
