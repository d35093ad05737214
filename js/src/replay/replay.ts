// SPDX-License-Identifier: MIT
//
// Replays traces on fresh heaps and summarises the results. Loaded when it is first needed.

import { defaultStrategy, type Strategy, strategies } from '../core/strategies.js';
import { assertOptions, assertSignal, assertType, describeMismatch } from '../core/validate.js';
import type { HeapOptions } from '../heap/options.js';
import { loadModule } from '../module/wasm-module.js';
import type { Operations } from '../traces/operations.js';
import { Pacing } from './pacing.js';
import { findPeak, makePlan, type Peak } from './plan.js';
import { rank } from './ranking.js';
import { type Round, runRound } from './run.js';
import type { Advice, AdviseOptions, HeapMaker, ReplayOptions, ReplayResult } from './types.js';

const defaultRounds = 5;
const defaultTimeLimit = 10_000;

const adviseOptions = [
  'rounds',
  'timeLimit',
  'wasm',
  'initialBytes',
  'maximumBytes',
  'signal',
  'onProgress',
];

/** Implements `replay` with the `createHeap` of an entry. */
export async function replayTrace(
  trace: Operations,
  options: ReplayOptions = {},
  createHeap: HeapMaker,
): Promise<ReplayResult> {
  assertOptions(options, ['strategy', ...adviseOptions]);
  const { strategy = defaultStrategy } = options;
  return (await runRounds(trace, [strategy], options, createHeap))[0] as ReplayResult;
}

/** Implements `advise` with the `createHeap` of an entry. */
export async function adviseOnTrace(
  trace: Operations,
  options: AdviseOptions = {},
  createHeap: HeapMaker,
): Promise<Advice[]> {
  assertOptions(options, adviseOptions);
  return rank(await runRounds(trace, strategies, options, createHeap));
}

/** Replays a trace on several strategies. Their rounds alternate, so that none of them has the quieter machine. */
async function runRounds(
  trace: Operations,
  strategies: readonly Strategy[],
  options: AdviseOptions,
  createHeap: HeapMaker,
): Promise<ReplayResult[]> {
  if (!Array.isArray(trace?.chunks)) {
    throw new TypeError(describeMismatch('trace', 'an AllocationTrace', trace));
  }
  const { rounds, timeLimit, signal, onProgress, memory } = checkOptions(options);
  const pacing = new Pacing(signal, onProgress);
  pacing.throwIfAborted();
  // The wasm is compiled here, because a response can be read only once.
  const wasm =
    options.wasm === undefined ? {} : { wasm: await loadModule(await options.wasm, false) };
  const plan = await makePlan(trace, timeLimit / 2, pacing);
  const peak = await findPeak(plan, plan.operations, pacing);
  pacing.begin(plan.operations * rounds * strategies.length);
  const done = new Map<Strategy, Round[]>(strategies.map((strategy) => [strategy, []]));

  for (let round = 0; round < rounds; round++) {
    for (const [strategy, earlier] of done) {
      if (earlier.at(-1)?.timedOut !== true) {
        const heap = await createHeap({ strategy, ...wasm, ...memory });
        earlier.push(await runRound(plan, peak, heap, timeLimit, pacing));
      }
      pacing.finish(plan.operations);
    }
  }
  onProgress?.(1);
  const results: ReplayResult[] = [];
  for (const [strategy, rounds] of done) {
    const counted = selectRounds(rounds);
    const reached = counted[0]?.operations ?? 0;
    const live = reached < plan.operations ? await findPeak(plan, reached, pacing) : peak;
    results.push(summarize(strategy, counted, live));
  }
  return results;
}

function checkOptions(options: AdviseOptions) {
  const { rounds = defaultRounds, timeLimit = defaultTimeLimit, signal, onProgress } = options;
  if (!Number.isSafeInteger(rounds) || rounds < 1) {
    throw new RangeError(describeMismatch('rounds', 'a positive integer', rounds));
  }
  if (typeof timeLimit !== 'number' || !(timeLimit > 0)) {
    throw new RangeError(describeMismatch('timeLimit', 'a positive number', timeLimit));
  }
  assertSignal(signal);
  if (onProgress !== undefined) assertType('onProgress', onProgress, 'function');
  const { initialBytes, maximumBytes } = options;
  const memory: HeapOptions = {
    ...(initialBytes === undefined ? {} : { initialBytes }),
    ...(maximumBytes === undefined ? {} : { maximumBytes }),
  };
  return { rounds, timeLimit, signal, onProgress, memory };
}

/** Returns the rounds that the result is about: the complete ones or, where there are none, all. */
function selectRounds(rounds: readonly Round[]): readonly Round[] {
  const whole = rounds.filter(({ timedOut }) => !timedOut);
  return whole.length > 0 ? whole : rounds;
}

/** Returns the result of a strategy. `peak` is that of the operations which the counted rounds replayed. */
function summarize(strategy: Strategy, counted: readonly Round[], peak: Peak): ReplayResult {
  const { operations, memoryBytes, fragmentation, growths, failures, timedOut } =
    counted[0] as Round;
  const times = counted
    .map((round) => (round.milliseconds * 1e6) / Math.max(round.operations, 1))
    .sort((one, other) => one - other);
  const middle = times.length / 2;
  const peakLiveBytes = peak.bytes;
  return {
    strategy,
    operations,
    rounds: counted.length,
    nanosecondsPerOperation: {
      minimum: times[0] as number,
      median:
        ((times[Math.floor(middle)] as number) + (times[Math.ceil(middle) - 1] as number)) / 2,
    },
    peakLiveBytes,
    peakMemoryBytes: memoryBytes,
    memoryOverPeakLive: peakLiveBytes === 0 ? 0 : memoryBytes / peakLiveBytes,
    fragmentation,
    growths,
    failures,
    timedOut,
  };
}
