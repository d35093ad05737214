// SPDX-License-Identifier: MIT

import {
  createHeap,
  type GrowthOptions,
  type Heap,
  OutOfMemoryError,
  type Subscription,
  UseAfterFreeError,
} from 'lite-alloc';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import { describeStrategies } from '../support/strategies.js';

const page = 65536;

describeStrategies((strategy) => {
  let heap: Heap;
  let growths: [memoryBytes: number, previousBytes: number][];
  const listen = (options?: GrowthOptions): Subscription =>
    heap.onGrow((...sizes) => growths.push(sizes), options);
  const growByHand = (): void => void heap.memory.grow(1);

  beforeEach(async () => {
    heap = await createHeap({ strategy, initialBytes: 4 * page, maximumBytes: 512 * page });
    growths = [];
  });

  describe('a listener for growth', () => {
    test('gets the new and the old size after the call that grew memory', () => {
      listen();
      const address = heap.malloc(20 * page);
      const { memoryBytes } = heap.stats();
      expect(address).toBeGreaterThan(0);
      expect(growths).toEqual([[memoryBytes, 4 * page]]);
      heap.malloc(memoryBytes);
      expect(growths).toHaveLength(2);
      expect(growths[1]?.[1]).toBe(memoryBytes);
    });

    test.each<[string, () => unknown]>([
      ['calloc', () => heap.calloc(20, page)],
      ['memalign', () => heap.memalign(4096, 20 * page)],
      ['realloc', () => heap.realloc(heap.malloc(100), 20 * page)],
      ['allocate', () => heap.allocate(20 * page)],
      ['reallocate', () => heap.reallocate(heap.allocate(100), 100, 20 * page)],
      ['array', () => heap.array(Uint8Array, 20 * page).free()],
    ])('is called when %s grows memory', (_name, grow) => {
      listen();
      grow();
      expect(growths).toEqual([[heap.stats().memoryBytes, 4 * page]]);
    });

    test('is not called while memory does not grow', () => {
      listen();
      for (let count = 0; count < 100; count++) heap.free(heap.malloc(1000));
      expect(growths).toEqual([]);
    });

    test('is called for growth by other code at the next call of the heap', () => {
      listen();
      growByHand();
      expect(growths).toEqual([]);
      heap.free(0);
      expect(growths).toEqual([[5 * page, 4 * page]]);
    });

    test('is called for growth by other code when the heap is reset', () => {
      listen();
      growByHand();
      heap.reset();
      expect(growths).toEqual([[5 * page, 4 * page]]);
    });

    test('is called for growth by other code when a view is read', () => {
      const array = heap.array(Uint8Array, 10);
      expect(heap.u8.length).toBe(4 * page);
      listen();
      growByHand();
      expect(heap.u8.length).toBe(5 * page);
      expect(growths).toEqual([[5 * page, 4 * page]]);
      growByHand();
      expect(array.view.length).toBe(10);
      expect(growths).toHaveLength(2);
      array.free();
    });

    test('is not called for growth before it was added', () => {
      growByHand();
      listen();
      heap.free(heap.malloc(1));
      expect(growths).toEqual([]);
    });

    test('may check the heap and allocate from it', () => {
      const blocks: number[] = [];
      heap.onGrow(() => {
        heap.check();
        blocks.push(heap.malloc(100));
      });
      heap.malloc(20 * page);
      expect(blocks).toHaveLength(1);
      expect(heap.stats().liveBlocks).toBe(2);
      heap.check();
    });

    test('may grow memory itself and is called again', () => {
      heap.onGrow((bytes) => {
        growths.push([bytes, 0]);
        if (growths.length < 3) heap.malloc(bytes);
      });
      heap.malloc(20 * page);
      expect(growths).toHaveLength(3);
      heap.check();
    });

    test('is called as often as it was added, and is removed by the subscription of each call', () => {
      const first = listen();
      const second = listen();
      heap.malloc(20 * page);
      expect(growths).toHaveLength(2);
      first.remove();
      first.remove();
      heap.malloc(100 * page);
      expect(growths).toHaveLength(3);
      second.remove();
      heap.malloc(100 * page);
      expect(growths).toHaveLength(3);
    });

    test('is removed when its signal is aborted', () => {
      const controller = new AbortController();
      listen({ signal: controller.signal });
      listen({ signal: controller.signal });
      listen();
      heap.malloc(20 * page);
      expect(growths).toHaveLength(3);
      controller.abort();
      heap.malloc(100 * page);
      expect(growths).toHaveLength(4);
    });

    test('may be removed by its signal while growth is reported', () => {
      const controller = new AbortController();
      heap.onGrow(() => controller.abort());
      listen({ signal: controller.signal });
      heap.malloc(20 * page);
      heap.malloc(100 * page);
      expect(growths).toEqual([]);
    });

    test('is not added if its signal is already aborted', () => {
      const signal = AbortSignal.abort();
      const added = vi.spyOn(signal, 'addEventListener');
      const subscription = listen({ signal });
      heap.malloc(20 * page);
      expect(growths).toEqual([]);
      expect(added).not.toHaveBeenCalled();
      subscription.remove();
    });

    test.each<[string, (subscription: Subscription) => void]>([
      ['remove', (subscription) => subscription.remove()],
      ['dispose', () => heap.dispose()],
    ])('leaves no listener on its signal after %s', (_, end) => {
      const { signal } = new AbortController();
      const added = vi.spyOn(signal, 'addEventListener');
      const removed = vi.spyOn(signal, 'removeEventListener');
      const subscriptions = [listen({ signal }), listen({ signal })];
      expect(added).toHaveBeenCalledTimes(2);
      subscriptions.forEach(end);
      for (const [type, listener] of added.mock.calls) {
        expect(removed.mock.calls).toContainEqual([type, listener]);
      }
    });

    test('is not called for a failed allocation', () => {
      listen();
      expect(() => heap.malloc(1000 * page)).toThrow(OutOfMemoryError);
      expect(growths).toEqual([]);
    });

    test('is called in a debug heap that is recorded', async () => {
      const debugHeap = await createHeap({ strategy, debug: true, initialBytes: 4 * page });
      const recorder = debugHeap.record();
      debugHeap.onGrow((...sizes) => growths.push(sizes));
      debugHeap.free(debugHeap.malloc(20 * page));
      expect(growths).toEqual([[debugHeap.stats().memoryBytes, 4 * page]]);
      expect(recorder.stop().operations).toBe(2);
      debugHeap.malloc(debugHeap.stats().memoryBytes);
      expect(growths).toHaveLength(2);
    });

    test('harms neither the heap nor other listeners when it throws', () => {
      const queued: (() => void)[] = [];
      vi.stubGlobal('queueMicrotask', (task: () => void) => queued.push(task));
      try {
        heap.onGrow(() => {
          throw new Error('of a listener');
        });
        listen();
        const address = heap.malloc(20 * page);
        expect(heap.usableSize(address)).toBeGreaterThanOrEqual(20 * page);
        expect(growths).toHaveLength(1);
        expect(queued).toHaveLength(1);
        expect(queued[0]).toThrow('of a listener');
      } finally {
        vi.unstubAllGlobals();
      }
    });
  });
});

test('onGrow refuses a listener that is not a function', async () => {
  const heap = await createHeap();
  expect(() => heap.onGrow('log' as never)).toThrow(
    new TypeError("listener must be a function, got 'log' (string)"),
  );
});

test.each([
  null,
  7,
  'abort',
  {},
  new AbortController(),
  () => undefined,
])('onGrow refuses the signal %s and adds no listener', async (signal) => {
  const heap = await createHeap();
  let calls = 0;
  expect(() => heap.onGrow(() => calls++, { signal: signal as AbortSignal })).toThrow(
    expect.objectContaining({
      name: 'TypeError',
      message: expect.stringMatching(/^signal must be an AbortSignal, got /),
    }),
  );
  heap.malloc(1 << 20);
  expect(calls).toBe(0);
});

test('onGrow refuses options that are not an object, and unknown ones', async () => {
  const heap = await createHeap();
  for (const options of [null, 5, { once: true }]) {
    expect(() => heap.onGrow(() => undefined, options as GrowthOptions)).toThrow(TypeError);
  }
});

test('a disposed heap refuses new listeners, and removing an old one does nothing', async () => {
  const heap = await createHeap();
  const listening = heap.onGrow(() => undefined);
  heap.dispose();
  listening.remove();
  expect(() => heap.malloc(1)).toThrow(UseAfterFreeError);
  expect(() => heap.onGrow(() => undefined)).toThrow(UseAfterFreeError);
});
