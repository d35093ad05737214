// SPDX-License-Identifier: MIT

import {
  AllocationTrace,
  advise,
  createHeap,
  type Heap,
  type ReplayOptions,
  type ReplayResult,
  replay,
  type Strategy,
  strategies,
} from 'lite-alloc';
import { beforeAll, describe, expect, inject, test } from 'vitest';
import { rank } from '../../js/src/replay/ranking.js';
import { readPackagedWasm } from '../support/host.js';
import { describeStrategies } from '../support/strategies.js';
import { makeRandomCalls, record, toBytes } from '../support/traces.js';

const megabyte = 1 << 20;

/** Allocates 100 blocks of 1000 bytes, frees every other one, and allocates 20 blocks of 500 bytes. */
function makeHoles(heap: Heap): void {
  const blocks = Array.from({ length: 100 }, () => heap.malloc(1000));
  for (let index = 0; index < blocks.length; index += 2) heap.free(blocks[index] as number);
  for (let count = 0; count < 20; count++) heap.malloc(500);
}

/** Frees blocks that are too small for every later one, so that first fit looks through all of them each time. */
function makeFreeBlocks(heap: Heap): void {
  for (let round = 1; round <= 4000; round++) {
    const blocks = [heap.malloc(round * 16), heap.malloc(1)];
    heap.free(blocks[0] as number);
  }
}

describeStrategies((strategy) => {
  test('a replay reports the statistics of its heap', async () => {
    const result = await replay(await record(makeHoles), { strategy, rounds: 3 });
    const heap = await createHeap({ strategy });
    makeHoles(heap);
    const { memoryBytes, fragmentation, growths } = heap.stats();
    expect(result).toMatchObject({
      strategy,
      operations: 170,
      rounds: 3,
      peakLiveBytes: 100_000,
      peakMemoryBytes: memoryBytes,
      memoryOverPeakLive: memoryBytes / 100_000,
      growths,
      failures: 0,
      timedOut: false,
    });
    expect(result.fragmentation.atEnd).toBe(fragmentation);
    expect(result.fragmentation.atPeak).toBeGreaterThanOrEqual(0);
    expect(result.fragmentation.atPeak).toBeLessThan(1);
    expect(result.nanosecondsPerOperation.minimum).toBeGreaterThanOrEqual(0);
    expect(result.nanosecondsPerOperation.median).toBeGreaterThanOrEqual(
      result.nanosecondsPerOperation.minimum,
    );
  });

  test('two replays of random calls give the same result', async () => {
    const trace = await record((heap) => makeRandomCalls(heap, inject('seed'), 20_000));
    const [first, second] = [
      await replay(trace, { strategy, rounds: 1 }),
      await replay(await AllocationTrace.read(await toBytes(trace)), { strategy, rounds: 1 }),
    ];
    const time = { nanosecondsPerOperation: expect.anything() };
    expect(first).toEqual({ ...second, ...time });
    expect(first.operations).toBe(20_000);
    expect(first.failures).toBe(0);
  });

  test('a replay counts calls that run out of memory and goes on', async () => {
    const trace = await record((heap) => {
      const large = [heap.malloc(megabyte), heap.calloc(1, megabyte), heap.memalign(64, megabyte)];
      const sized = heap.reallocate(heap.allocate(megabyte), megabyte, 2 * megabyte);
      const small = heap.malloc(100);
      const grown = heap.realloc(small, 3 * megabyte);
      for (const address of [...large, grown]) heap.free(address);
      heap.deallocate(sized, 2 * megabyte);
      heap.free(heap.malloc(10));
    });
    const result = await replay(trace, { strategy, rounds: 1, maximumBytes: megabyte });
    expect(result).toMatchObject({ operations: 14, failures: 6, timedOut: false });
    expect(result.peakMemoryBytes).toBeLessThanOrEqual(megabyte);
  });
});

describe('replay', () => {
  let trace: AllocationTrace;
  beforeAll(async () => {
    trace = await record(makeHoles);
  });

  test('uses the default strategy and five rounds by default', async () => {
    expect(await replay(trace)).toMatchObject({ strategy: 'segregated-fit', rounds: 5 });
  });

  test('reports zeros for an empty trace', async () => {
    const result = await replay(await record(() => undefined));
    expect(result).toMatchObject({ operations: 0, peakLiveBytes: 0, memoryOverPeakLive: 0 });
    expect(result.nanosecondsPerOperation).toEqual({ minimum: 0, median: 0 });
  });

  test('leaves out frees of blocks from before the recording, and does not count them', async () => {
    const heap = await createHeap();
    const before = heap.malloc(10);
    const recorder = heap.record();
    heap.free(before);
    heap.free(heap.malloc(20));
    expect((await replay(recorder.stop())).operations).toBe(2);
  });

  test('starts with initialBytes of memory', async () => {
    const small = await replay(trace, { initialBytes: 65536 });
    const large = await replay(trace, { initialBytes: 4 * megabyte });
    expect(small.peakMemoryBytes).toBeLessThan(4 * megabyte);
    expect(large).toMatchObject({ peakMemoryBytes: 4 * megabyte, growths: 0 });
  });

  test('accepts the wasm as a Response, which can be read only once, for all rounds', async () => {
    const wasm = new Response(await readPackagedWasm());
    expect(await replay(trace, { wasm, rounds: 3 })).toMatchObject({ rounds: 3 });
  });

  test('cuts a round at the time limit and reports how many operations it ran', async () => {
    const slow = await record((heap) => {
      makeFreeBlocks(heap);
      // Some engines' clocks stand still for many calls.
      for (let count = 0; count < 200_000; count++) heap.free(heap.malloc(1));
    });
    const result = await replay(slow, { strategy: 'bump-free-list', timeLimit: 0.001 });
    expect(result).toMatchObject({ rounds: 1, timedOut: true });
    expect(result.operations).toBeGreaterThan(0);
    expect(result.operations).toBeLessThan(slow.operations);
  });

  describe('keeps its time limit within a factor of two and lets other tasks run', () => {
    const mebi = 2 ** 20;
    const slowCalls: readonly (readonly [string, Strategy, (heap: Heap) => void])[] = [
      [
        'if each call clears many bytes',
        'segregated-fit',
        (heap) => {
          for (let count = 0; count < 100; count++) heap.free(heap.calloc(1, 64 * mebi));
        },
      ],
      [
        'if each call moves many bytes',
        'free-list',
        (heap) => {
          const [low, high] = [heap.malloc(64 * mebi), heap.malloc(16)];
          for (let count = 0, address = low; count < 400; count++) {
            address = heap.realloc(address, (64 + (count % 2)) * mebi);
            heap.realloc(high, 16);
          }
        },
      ],
      [
        'if each call looks at many free blocks',
        'bump-free-list',
        (heap) => {
          const small = Array.from({ length: 300_000 }, () => [heap.malloc(16), heap.malloc(1)]);
          for (const [address] of small) heap.free(address as number);
          // Recorded on a strategy that finds room at once.
          for (let count = 0; count < 2000; count++) heap.malloc(10_000);
        },
      ],
      [
        'if there are many short calls',
        'segregated-fit',
        (heap) => {
          for (let count = 0; count < 1_500_000; count++) heap.free(heap.malloc(count % 1000));
        },
      ],
    ];

    test.each(slowCalls)(
      '%s',
      async (_, strategy, use) => {
        const slow = await record(use);
        const timeLimit = 400;
        let turns = 0;
        const begin = performance.now();
        const result = await replay(slow, {
          strategy,
          rounds: 1,
          timeLimit,
          // A task of this moment runs before the replay goes on, however busy the machine is.
          onProgress: () => setTimeout(() => turns++),
        });
        const milliseconds = performance.now() - begin;
        expect(result.operations).toBeGreaterThan(0);
        if (result.timedOut) expect(result.operations).toBeLessThan(slow.operations);
        else expect(result.operations).toBe(slow.operations);
        // A busy machine may take a while after the limit.
        expect(milliseconds).toBeLessThan(10 * timeLimit);
        if (result.timedOut) expect(turns).toBeGreaterThan(0);
      },
      60_000,
    );
  });

  test('accepts a signal of any class, and checks it first', async () => {
    const signal = { aborted: true, reason: 'enough' } as AbortSignal;
    await expect(replay(trace, { signal })).rejects.toBe('enough');
  });

  test('rejects soon after its signal was aborted, even between slow calls', async () => {
    const slow = await record((heap) => {
      for (let count = 0; count < 100; count++) heap.free(heap.calloc(1, 2 ** 26));
    });
    const reason = new Error('enough');
    const controller = new AbortController();
    let aborted = 0;
    setTimeout(() => {
      aborted = performance.now();
      controller.abort(reason);
    }, 100);
    await expect(replay(slow, { signal: controller.signal })).rejects.toBe(reason);
    expect(performance.now() - aborted).toBeLessThan(5000);
  }, 60_000);

  test('reports its progress and lets other tasks run meanwhile', async () => {
    const slow = await record((heap) => {
      makeFreeBlocks(heap);
      heap.reset();
      makeFreeBlocks(heap);
    });
    const shares: number[] = [];
    let turns = 0;
    await replay(slow, {
      strategy: 'bump-free-list',
      rounds: 4,
      onProgress: (share) => {
        shares.push(share);
        // A task of this moment runs before the replay goes on, however busy the machine is.
        setTimeout(() => turns++);
      },
    });
    expect(shares.at(-1)).toBe(1);
    expect(shares.toSorted((one, other) => one - other)).toEqual(shares);
    expect(turns).toBeGreaterThanOrEqual(shares.length - 1);
  });

  test('rejects with the reason of its signal', async () => {
    const reason = new Error('enough');
    await expect(replay(trace, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    const controller = new AbortController();
    const aborted = replay(trace, {
      rounds: 1_000_000,
      signal: controller.signal,
      onProgress: () => controller.abort(reason),
    });
    await expect(aborted).rejects.toBe(reason);
  });

  test.each([
    ['signal', /^signal must be an AbortSignal, got 5 \(number\)$/],
    ['onProgress', /^onProgress must be a function, got 5 \(number\)$/],
  ])('refuses a %s of another type', async (option, message) => {
    const options = { [option]: 5 } as ReplayOptions;
    await expect(replay(trace, options)).rejects.toThrow(TypeError);
    await expect(replay(trace, options)).rejects.toThrow(message);
  });

  test.each<[string, ReplayOptions, RegExp]>([
    ['rounds', { rounds: 0 }, /^rounds must be a positive integer, got 0 \(number\)$/],
    ['rounds', { rounds: 1.5 }, /^rounds .* got 1.5 \(number\)$/],
    ['timeLimit', { timeLimit: 0 }, /^timeLimit must be a positive number, got 0 \(number\)$/],
    ['timeLimit', { timeLimit: Number.NaN }, /^timeLimit .* got NaN \(number\)$/],
    ['initialBytes', { initialBytes: -1 }, /^initialBytes .* got -1 \(number\)$/],
    ['maximumBytes', { maximumBytes: 2 ** 40 }, /^maximumBytes .* got 1099511627776 \(number\)$/],
    ['strategy', { strategy: 'best-fit' as Strategy }, /^strategy .* got 'best-fit' \(string\)$/],
  ])('refuses a wrong %s', async (_, options, message) => {
    await expect(replay(trace, options)).rejects.toThrow(RangeError);
    await expect(replay(trace, options)).rejects.toThrow(message);
  });

  test('refuses unknown options, and a value that is not a trace', async () => {
    const options = { round: 2 } as ReplayOptions;
    await expect(replay(trace, options)).rejects.toThrow(/unknown option round/);
    await expect(advise(trace, { strategy: 'free-list' } as object)).rejects.toThrow(TypeError);
    const path = 'a.trace' as unknown as AllocationTrace;
    await expect(replay(path)).rejects.toThrow(
      "trace must be an AllocationTrace, got 'a.trace' (string)",
    );
    await expect(advise(path)).rejects.toThrow(TypeError);
  });

  test('is exported by the entry with the wasm inlined, too', async () => {
    const inline = await import('lite-alloc/inline');
    expect(await inline.replay(trace, { rounds: 1 })).toMatchObject({ operations: 170 });
    expect(await inline.advise(trace, { rounds: 1 })).toHaveLength(4);
  });
});

describe('advise', () => {
  test('ranks all strategies, each with its result and a reason', async () => {
    const advice = await advise(await record(makeHoles), { rounds: 2 });
    expect(advice.map(({ strategy }) => strategy).toSorted()).toEqual([...strategies].toSorted());
    const scores = advice.map(({ score }) => score);
    expect(scores.toSorted((one, other) => one - other)).toEqual(scores);
    for (const { strategy, reason, result } of advice) {
      expect(result).toMatchObject({ strategy, rounds: 2, operations: 170 });
      expect(reason).toMatch(/^It takes .*\.$/);
    }
  });

  test('ranks strategies last that exceed the time limit', async () => {
    const trace = await record((heap) => {
      for (let round = 0; round < 3; round++) makeFreeBlocks(heap);
    });
    const advice = await advise(trace, { rounds: 1, timeLimit: 20 });
    const cut = advice.filter(({ result }) => result.timedOut);
    expect(advice.slice(advice.length - cut.length)).toEqual(cut);
    for (const { score, reason } of cut) {
      expect(score).toBe(Number.POSITIVE_INFINITY);
      expect(reason).toMatch(/^It was cut after \d+ calls, at the time limit\.$/);
    }
  });
});

describe('the ranking', () => {
  function makeResult(
    strategy: Strategy,
    time: number,
    memory: number,
    more: Partial<ReplayResult> = {},
  ) {
    return {
      strategy,
      operations: 1000,
      rounds: 5,
      nanosecondsPerOperation: { minimum: time, median: time * 2 },
      peakLiveBytes: 1000,
      peakMemoryBytes: memory,
      memoryOverPeakLive: memory / 1000,
      fragmentation: { atPeak: 0, atEnd: 0 },
      growths: 0,
      failures: 0,
      timedOut: false,
      ...more,
    };
  }

  function orderOf(...results: ReplayResult[]): [Strategy, number][] {
    return rank(results).map(({ strategy, score }) => [strategy, score]);
  }

  test('weighs time and memory equally', () => {
    const results = [
      makeResult('bump-free-list', 10, 8000),
      makeResult('segregated-bump', 20, 1000),
      makeResult('free-list', 40, 2000),
      makeResult('segregated-fit', 10, 1000),
    ];
    const expected = [
      ['segregated-fit', 1],
      ['segregated-bump', 1.41],
      ['free-list', 2.83],
      ['bump-free-list', 2.83],
    ];
    expect(orderOf(...results)).toEqual(expected);
    expect(orderOf(...results.toReversed())).toEqual(expected);
    expect(rank(results).map(({ reason }) => reason)).toEqual([
      'It takes the least time and the least memory.',
      'It takes 2 times the time of the fastest and the least memory.',
      'It takes 4 times the time of the fastest and 2 times the least memory.',
      'It takes the least time and 8 times the least memory.',
    ]);
  });

  test('ranks the strategy with the better worst case first if scores are equal', () => {
    const results = strategies.map((strategy) => makeResult(strategy, 10, 1000));
    expect(orderOf(...results).map(([strategy]) => strategy)).toEqual([
      'segregated-fit',
      'free-list',
      'segregated-bump',
      'bump-free-list',
    ]);
  });

  test('treats scores that differ by less than a hundredth as equal', () => {
    const order = orderOf(
      makeResult('free-list', 10, 1000),
      makeResult('segregated-fit', 10.01, 1000),
    );
    expect(order).toEqual([
      ['segregated-fit', 1],
      ['free-list', 1],
    ]);
  });

  test('ranks strategies that failed last, by the number of operations that they ran', () => {
    const results = [
      makeResult('segregated-fit', 1, 100, { timedOut: true, operations: 10 }),
      makeResult('free-list', 1, 100, { timedOut: true, operations: 500 }),
      makeResult('segregated-bump', 1, 100, { failures: 1 }),
      makeResult('bump-free-list', 900, 90_000),
    ];
    expect(rank(results).map(({ strategy, reason }) => `${strategy}: ${reason}`)).toEqual([
      'bump-free-list: It takes the least time and the least memory.',
      'segregated-bump: It found no memory for 1 call.',
      'free-list: It was cut after 500 calls, at the time limit.',
      'segregated-fit: It was cut after 10 calls, at the time limit.',
    ]);
  });

  test('accepts any number of results', () => {
    expect(rank([])).toEqual([]);
    expect(orderOf(makeResult('free-list', 0, 65536))).toEqual([['free-list', 1]]);
  });
});
