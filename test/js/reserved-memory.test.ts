// SPDX-License-Identifier: MIT
//
// Tests how much memory a heap reserves when the engine refuses some sizes.

import { createHeap, createHeapSync, OutOfMemoryError } from 'lite-alloc';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

const page = 65536;
const RealMemory = WebAssembly.Memory;

/** The maximum of each memory that a heap asked for, in pages. */
let maxima: number[];

/** Makes the engine refuse memories, with an error that is not an instance of this realm's classes. */
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
  ])('makes %s throw an error with the cure after two attempts', async (_, make) => {
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

  test('is asked twice even if the maximum equals the initial size', async () => {
    refuse(() => true);
    await expect(createHeap({ initialBytes: 4 * page, maximumBytes: 4 * page })).rejects.toThrow(
      OutOfMemoryError,
    );
    expect(maxima).toEqual([4, 4]);
  });
});

test('createHeap reserves a smaller maximum when the engine refuses the default one', async () => {
  refuse((maximum) => maximum > 10_000);
  const heap = await createHeap({ initialBytes: 4 * page });
  expect(heap.stats().maximumBytes).toBe(8192 * page);
  expect(maxima).toEqual([32768, 4, 32768, 16384, 8192]);
  heap.free(heap.malloc(10 * page));
});

test('createHeap waits a task, in which the engine can collect dead heaps, and tries again', async () => {
  let isRefused = true;
  refuse(() => isRefused);
  setTimeout(() => {
    isRefused = false;
  });
  const heap = await createHeap({ initialBytes: 4 * page });
  expect(heap.stats().maximumBytes).toBe(32768 * page);
  expect(maxima).toEqual([32768, 4, 32768]);
});

test('createHeap does not wait on a host without timers', async () => {
  vi.stubGlobal('setTimeout', undefined);
  try {
    refuse((maximum) => maximum > 10_000);
    expect((await createHeap()).stats().maximumBytes).toBe(8192 * page);
  } finally {
    vi.unstubAllGlobals();
  }
});

test('createHeap reserves only the initial size when the engine grants no more', async () => {
  refuse((maximum) => maximum > 5);
  const heap = await createHeap({ initialBytes: 5 * page });
  expect(heap.stats().maximumBytes).toBe(5 * page);
  heap.free(heap.malloc(page));
});

test('createHeap passes on other errors of the engine', async () => {
  refuse(() => true, 'TypeError');
  await expect(createHeap()).rejects.toThrow('no memory');
  expect(maxima).toHaveLength(1);
});
