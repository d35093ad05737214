// SPDX-License-Identifier: MIT

import {
  createHeap,
  createHeapSync,
  type Heap,
  HeapCorruptionError,
  UseAfterFreeError,
} from 'lite-alloc';
import { createHeap as createInlineHeap } from 'lite-alloc/inline';
import { describe, expect, test, vi } from 'vitest';
import { catchError } from '../support/errors.js';
import { heapKinds } from '../support/heap-kinds.js';
import { describeStrategies } from '../support/strategies.js';

/** Overwrites all metadata of a heap and calls it, so that its module reads outside of memory and traps. */
function trap(heap: Heap): HeapCorruptionError {
  heap.u8.fill(0xff, 16);
  return catchError(HeapCorruptionError, () => heap.malloc(24));
}

function errorOf(call: () => void): unknown {
  try {
    call();
    return undefined;
  } catch (error) {
    return error;
  }
}

const calls: readonly (readonly [string, (heap: Heap) => unknown])[] = [
  ['malloc', (heap) => heap.malloc(1)],
  ['tryMalloc', (heap) => heap.tryMalloc(1)],
  ['calloc', (heap) => heap.calloc(1, 1)],
  ['memalign', (heap) => heap.memalign(64, 1)],
  ['realloc', (heap) => heap.realloc(64, 1)],
  ['free', (heap) => heap.free(64)],
  ['free of 0', (heap) => heap.free(0)],
  ['usableSize', (heap) => heap.usableSize(64)],
  ['allocate', (heap) => heap.allocate(16)],
  ['deallocate', (heap) => heap.deallocate(64, 16)],
  ['reallocate', (heap) => heap.reallocate(64, 16, 32)],
  ['reset', (heap) => heap.reset()],
  ['array', (heap) => heap.array(Uint8Array, 1)],
  ['from', (heap) => heap.from(new Uint8Array(1))],
  ['string', (heap) => heap.string('text')],
  ['arena', (heap) => heap.arena({ bytes: 100 })],
  ['an allocation of a scope', (heap) => heap.scope((scope) => scope.malloc(1))],
  ['stats', (heap) => heap.stats()],
  ['blocks', (heap) => heap.blocks()],
  ['check', (heap) => heap.check()],
  ['leaks', (heap) => heap.leaks()],
  ['assertNoLeaks', (heap) => heap.assertNoLeaks()],
  ['snapshot', (heap) => heap.snapshot()],
  ['record', (heap) => heap.record()],
  ['onGrow', (heap) => heap.onGrow(() => undefined)],
];

describeStrategies((strategy) => {
  test.each(
    heapKinds.filter(([name]) => !name.includes('debug')),
  )('%s traps once the engine has compiled its calls', async (_, make) => {
    const heap = await make(strategy);
    const count = 20_000;
    for (let index = 0; index < count; index++) heap.free(heap.malloc(24));
    expect(heap.stats()).toMatchObject({ allocations: count, frees: count });
    const { cause } = trap(heap);
    expect(catchError(HeapCorruptionError, () => heap.free(64)).cause).toBe(cause);
  });

  describe.each(heapKinds)('%s whose module trapped', (_, make) => {
    test('throws a HeapCorruptionError with the trap as its cause', async () => {
      const error = trap(await make(strategy));
      expect(error).toMatchObject({ name: 'HeapCorruptionError', code: 'HEAP_CORRUPTION' });
      expect(error.cause).toBeInstanceOf(WebAssembly.RuntimeError);
      expect(error.message).toContain('dispose');
    });

    test.each(calls)('throws the same error from %s', async (__, call) => {
      const heap = await make(strategy);
      const { cause } = trap(heap);
      for (let count = 0; count < 2; count++) {
        const error = catchError(HeapCorruptionError, () => call(heap));
        expect(error.cause).toBe(cause);
      }
    });

    test('throws the same error from its handles, arenas and scopes', async () => {
      const heap = await make(strategy);
      const array = heap.array(Uint8Array, 10);
      const string = heap.string('text');
      const arena = heap.arena({ bytes: 100 });
      const scope = heap.openScope();
      scope.malloc(10);
      scope.array(Uint8Array, 10);
      const { cause } = trap(heap);
      for (const call of [
        () => array.resize(100),
        () => array.free(),
        () => string.free(),
        () => arena.free(),
        () => scope.malloc(10),
        () => scope.close(),
      ]) {
        expect(catchError(HeapCorruptionError, call).cause).toBe(cause);
      }
    });

    test('throws one error from the scope in which it trapped', async () => {
      const heap = await make(strategy);
      const error = catchError(HeapCorruptionError, () =>
        heap.scope((scope) => {
          scope.malloc(10);
          scope.array(Uint8Array, 10);
          heap.u8.fill(0xff, 16);
          scope.malloc(10);
        }),
      );
      expect(error.cause).toBeInstanceOf(WebAssembly.RuntimeError);
    });

    test('still lets callers read its memory', async () => {
      const heap = await make(strategy);
      const array = heap.array(Uint8Array, 3);
      trap(heap);
      expect([...array.view]).toEqual([255, 255, 255]);
      expect(heap.u8[array.address]).toBe(255);
      expect(String(heap)).toContain('corrupted');
    });

    test('can be disposed, and throws UseAfterFreeError from then on', async () => {
      const heap = await make(strategy);
      const array = heap.array(Uint8Array, 3);
      trap(heap);
      heap.dispose();
      heap.dispose();
      expect(() => heap.malloc(1)).toThrow(UseAfterFreeError);
      expect(array.alive).toBe(false);
    });

    test('lets callers stop recorders and remove listeners without an error', async () => {
      const heap = await make(strategy);
      const recorder = heap.record();
      const listening = heap.onGrow(() => undefined);
      heap.malloc(10);
      trap(heap);
      listening.remove();
      expect(recorder.stop().operations).toBe(1);
      expect(() => heap.malloc(1)).toThrow(HeapCorruptionError);
    });

    test('does not affect other heaps', async () => {
      const other = await make(strategy);
      trap(await make(strategy));
      other.free(other.malloc(100));
      other.check();
    });
  });

  test('a trap inside check is reported the same way', async () => {
    const probe = await createHeap({ strategy });
    const state = probe.u32.slice(0, probe.malloc(100) / 4);
    // A check reads carefully, but one word of the allocator metadata leads it out of memory.
    for (const [place, word] of state.entries()) {
      if (word === 0) continue;
      const heap = await createHeap({ strategy });
      heap.malloc(100);
      heap.u32[place] = 0xfffffff0;
      const error = errorOf(() => heap.check());
      if (!(error instanceof Error) || error.cause === undefined) {
        heap.dispose();
        continue;
      }
      expect(error).toBeInstanceOf(HeapCorruptionError);
      expect(error.cause).toBeInstanceOf(WebAssembly.RuntimeError);
      expect(() => heap.malloc(1)).toThrow(error);
      return;
    }
    expect.fail('no check trapped');
  });

  test('check reports a heap that is overwritten from end to end', async () => {
    const heap = await createHeap({ strategy });
    heap.malloc(100);
    heap.u8.fill(0xff, 16);
    for (let count = 0; count < 2; count++) catchError(HeapCorruptionError, () => heap.check());
  });

  test('a trap makes heaps of createHeapSync and of the inline entry unusable, too', async () => {
    await createHeap({ strategy });
    for (const heap of [createHeapSync({ strategy }), await createInlineHeap({ strategy })]) {
      heap.u8.fill(0xff, 16);
      for (let count = 0; count < 2; count++) {
        expect(() => heap.malloc(24)).toThrow(
          expect.objectContaining({ code: 'HEAP_CORRUPTION', cause: expect.anything() }),
        );
      }
    }
  });
});

test('a heap passes on the error of a stack overflow and stays usable', async () => {
  const heap = await createHeap();
  const recurse = (depth: number): number => heap.malloc(16) + recurse(depth + 1);
  // Firefox has an error class of its own, which has no standard.
  expect(() => recurse(0)).toThrow(/call stack|too much recursion/i);
  heap.check();
  heap.reset();
  heap.free(heap.malloc(100));
  heap.check();
});

test('a failed allocation is not reported as a trap', async () => {
  const heap = await createHeap({ maximumBytes: 1 << 20 });
  const listener = vi.fn();
  heap.onGrow(listener);
  expect(() => heap.malloc(1 << 21)).toThrow(expect.objectContaining({ code: 'OUT_OF_MEMORY' }));
  heap.free(heap.malloc(100));
  expect(listener).not.toHaveBeenCalled();
});
