// SPDX-License-Identifier: MIT

import {
  AllocationTrace,
  createHeap,
  type Heap,
  InvalidFreeError,
  OutOfMemoryError,
  type Recorder,
  type Strategy,
  UseAfterFreeError,
} from 'lite-alloc';
import { beforeEach, describe, expect, inject, test } from 'vitest';
import * as built from '../../dist/replay.js';
import type { replayTrace } from '../../js/src/replay/replay.js';
import type { Operations } from '../../js/src/traces/operations.js';
import { describeStrategies } from '../support/strategies.js';
import { makeRandomCalls, record, toBytes } from '../support/traces.js';

/** The file of the package, whose types lie elsewhere. */
const replayBuilt = built.replayTrace as typeof replayTrace;

const megabyte = 1 << 20;

/** Records the calls that a replay makes. */
async function recordReplay(trace: AllocationTrace, strategy: Strategy): Promise<AllocationTrace> {
  const recorders: Recorder[] = [];
  const makeHeap: typeof createHeap = async (options) => {
    const heap = await createHeap(options);
    recorders.push(heap.record());
    return heap;
  };
  // A trace has its operations, though the published types hide them.
  const operations = trace as unknown as Operations;
  await replayBuilt(operations, { strategy, rounds: 1 }, makeHeap);
  expect(recorders).toHaveLength(1);
  return (recorders[0] as Recorder).stop();
}

describeStrategies((strategy) => {
  let heap: Heap;
  beforeEach(async () => {
    heap = await createHeap({ strategy });
  });

  test('every call that allocates, resizes or frees is one operation', () => {
    const recorder = heap.record();
    const blocks = [heap.malloc(10), heap.tryMalloc(20), heap.calloc(3, 10), heap.memalign(64, 40)];
    expect(recorder.operations).toBe(4);
    blocks[0] = heap.realloc(blocks[0] as number, 5000);
    blocks.push(heap.realloc(0, 7));
    for (const block of blocks) heap.free(block);
    const sized = heap.reallocate(heap.allocate(50, 32), 50, 70, 32);
    heap.deallocate(sized, 70, 32);
    heap.reset();
    expect(recorder.operations).toBe(15);
    expect(recorder.stop().operations).toBe(15);
    heap.check();
  });

  test('calls of handles are recorded', () => {
    const recorder = heap.record();
    const array = heap.array(Float32Array, 100, { alignment: 64 });
    array.resize(10_000);
    array.free();
    heap.from(new Uint8Array(5)).free();
    expect(recorder.stop().operations).toBe(5);
    expect(heap.stats().liveBlocks).toBe(0);
  });

  test('calls that fail or do nothing are not recorded', async () => {
    const small = await createHeap({ strategy, maximumBytes: megabyte });
    const recorder = small.record();
    const block = small.malloc(100);
    expect(small.tryMalloc(2 * megabyte)).toBe(0);
    expect(() => small.malloc(2 * megabyte)).toThrow(OutOfMemoryError);
    expect(() => small.calloc(2, megabyte)).toThrow(OutOfMemoryError);
    expect(() => small.memalign(64, 2 * megabyte)).toThrow(OutOfMemoryError);
    expect(() => small.allocate(2 * megabyte)).toThrow(OutOfMemoryError);
    expect(() => small.realloc(block, 2 * megabyte)).toThrow(OutOfMemoryError);
    expect(() => small.malloc(-1)).toThrow(RangeError);
    expect(() => small.free(block + 16)).toThrow(InvalidFreeError);
    small.free(0);
    small.free(block);
    expect(() => small.free(block)).toThrow();
    expect(recorder.stop().operations).toBe(2);
  });

  test('the same calls make the same file with every strategy', async () => {
    const seed = inject('seed');
    console.log(`random calls with LITE_ALLOC_SEED=${seed}`);
    const use = (used: Heap) => makeRandomCalls(used, seed, 5000);
    const [trace, reference] = [await record(use, strategy), await record(use, 'free-list')];
    expect(trace.operations).toBe(5000);
    expect(await toBytes(trace)).toEqual(await toBytes(reference));
  });

  test('a debug heap records the calls of its user, not the larger blocks that it allocates', async () => {
    const debugged = await createHeap({ strategy, debug: true });
    const recorders = [debugged, heap].map((used) => {
      const recorder = used.record();
      makeRandomCalls(used, 5, 1000);
      return recorder;
    });
    const [first, second] = recorders.map((recorder) => toBytes(recorder.stop()));
    expect(await first).toEqual(await second);
    debugged.check();
  });

  test('a replay makes the calls that were recorded', async () => {
    const trace = await record((used) => makeRandomCalls(used, inject('seed'), 5000));
    for (const replayed of [trace, await AllocationTrace.read(await toBytes(trace))]) {
      const seen = await recordReplay(replayed, strategy);
      expect(seen.operations).toBe(5000);
      expect(await toBytes(seen)).toEqual(await toBytes(trace));
    }
  });

  test('a replay allocates blocks from before the recording at their first resize, and ignores their frees', async () => {
    const [freed, resized, sized] = [heap.malloc(10), heap.malloc(20), heap.allocate(30)];
    const sizedToo = heap.allocate(40);
    const recorder = heap.record();
    heap.free(freed);
    heap.free(heap.realloc(resized, 400));
    heap.deallocate(heap.reallocate(sized, 30, 500), 500);
    heap.deallocate(sizedToo, 40);
    const trace = recorder.stop();
    expect(trace.operations).toBe(6);

    const expected = await record((used) => {
      used.free(used.malloc(400));
      used.deallocate(used.allocate(500), 500);
    });
    const seen = await recordReplay(trace, strategy);
    expect(await toBytes(seen)).toEqual(await toBytes(expected));
  });

  test('a heap with a recorder returns the same addresses as one without', async () => {
    const other = await createHeap({ strategy });
    heap.record();
    makeRandomCalls(heap, 1, 2000);
    makeRandomCalls(other, 1, 2000);
    expect([...heap.blocks()]).toEqual([...other.blocks()]);
  });
});

describe('a recorder', () => {
  let heap: Heap;
  beforeEach(async () => {
    heap = await createHeap();
  });

  test('returns the same trace each time it is stopped, and records no later calls', () => {
    const recorder = heap.record();
    heap.malloc(1);
    const trace = recorder.stop();
    heap.malloc(1);
    expect(recorder.stop()).toBe(trace);
    expect([trace.operations, recorder.operations, trace.truncated]).toEqual([1, 1, false]);
    expect(trace).toBeInstanceOf(AllocationTrace);
  });

  test('stops when it is disposed', () => {
    const recorder = heap.record();
    recorder[Symbol.dispose]();
    heap.malloc(1);
    expect(recorder.operations).toBe(0);
  });

  test('runs beside other recorders, whichever stops first', () => {
    const first = heap.record();
    heap.malloc(1);
    const second = heap.record();
    heap.malloc(1);
    expect(first.stop().operations).toBe(2);
    heap.malloc(1);
    const third = heap.record();
    heap.malloc(1);
    expect(second.stop().operations).toBe(3);
    expect(third.stop().operations).toBe(1);
    heap.malloc(1);
    expect(heap.stats().liveBlocks).toBe(5);
  });

  test('leaves out operations beyond its maximum and marks the trace as truncated', async () => {
    const recorder = heap.record({ maximumOperations: 3 });
    const blocks = [1, 2, 3, 4].map((size) => heap.malloc(size));
    for (const block of blocks) heap.free(block);
    const trace = recorder.stop();
    expect([trace.operations, trace.truncated]).toEqual([3, true]);
    const read = await AllocationTrace.read(await toBytes(trace));
    expect([read.operations, read.truncated]).toEqual([3, true]);
    expect(heap.stats().liveBlocks).toBe(0);
  });

  test('stops when the engine has no memory for it, and every call still returns its result', () => {
    const size = 10_000;
    const before = heap.malloc(size);
    // The heap records which blocks belong to handles: this makes its table reach up to these high addresses.
    const filler = heap.malloc(1 << 19);
    heap.array(Uint8Array, 5).free();
    heap.free(filler);
    const recorder = heap.record();
    const real = globalThis.Uint32Array;
    const refuse = class {
      constructor() {
        throw new RangeError('Array buffer allocation failed');
      }
    };
    const addresses: number[] = [];
    const fillBuffer = (): void => {
      for (let count = 0; count < 16_384; count++) heap.free(addresses.pop() ?? 0);
      for (let count = 0; count < 16_384; count++) addresses.push(heap.malloc(1));
    };
    fillBuffer();
    const { operations } = recorder;
    globalThis.Uint32Array = refuse as unknown as Uint32ArrayConstructor;
    try {
      const live = heap.stats().liveBlocks;
      const made = [
        heap.malloc(1),
        heap.calloc(1, 1),
        heap.memalign(64, 1),
        heap.realloc(before, 2 * size),
      ];
      const array = heap.array(Uint8Array, 5);
      array.resize(500);
      const sized = heap.reallocate(heap.allocate(16), 16, 32);
      expect(heap.stats().liveBlocks).toBe(live + 5);
      heap.deallocate(sized, 32);
      array.free();
      for (const address of made) heap.free(address);
      expect(heap.stats().liveBlocks).toBe(live - 1);
    } finally {
      globalThis.Uint32Array = real;
    }
    heap.free(heap.malloc(1));
    const trace = recorder.stop();
    expect([operations, trace.operations, trace.truncated]).toEqual([16_384, 16_384, true]);
    heap.check();
  });

  test('does not mark a trace of exactly its maximum as truncated', () => {
    const recorder = heap.record({ maximumOperations: 2 });
    heap.free(heap.malloc(1));
    expect(recorder.stop().truncated).toBe(false);
  });

  test('records more calls than fit in one of its buffers', async () => {
    const recorder = heap.record();
    for (let count = 0; count < 20_000; count++) heap.free(heap.malloc(count));
    const trace = recorder.stop();
    expect(trace.operations).toBe(40_000);
    expect((await AllocationTrace.read(await toBytes(trace))).operations).toBe(40_000);
  });

  test.each([
    [-1, '-1 (number)'],
    [1.5, '1.5 (number)'],
    [Number.NaN, 'NaN (number)'],
    [Number.POSITIVE_INFINITY, 'Infinity (number)'],
    ['9' as unknown as number, "'9' (string); convert it with Number()"],
  ])('is refused with a maximum of %s', (maximumOperations, shown) => {
    expect(() => heap.record({ maximumOperations })).toThrow(
      new RangeError(`maximumOperations must be a non-negative integer, got ${shown}`),
    );
    heap.free(heap.malloc(1));
  });

  test('is refused with an unknown option', () => {
    const options = { maxOperations: 5 } as object;
    expect(() => heap.record(options)).toThrow(/unknown option maxOperations/);
    expect(() => heap.record(options)).toThrow(TypeError);
  });

  test('can be stopped after its heap was disposed, and the heap stays unusable', () => {
    const recorder = heap.record();
    heap.malloc(1);
    heap.dispose();
    expect(() => heap.malloc(1)).toThrow(UseAfterFreeError);
    expect(recorder.stop().operations).toBe(1);
    expect(() => heap.malloc(1)).toThrow(UseAfterFreeError);
    expect(() => heap.record()).toThrow(UseAfterFreeError);
  });
});
