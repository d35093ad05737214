// SPDX-License-Identifier: MIT

import type { Strategy } from '../core/strategies.js';
import type { Advice, ReplayResult } from './types.js';

/**
 * The order of strategies whose scores are equal. The first has bounded time, the second coalesces, the third has bins,
 * the last has one first-fit list.
 */
const preference: readonly Strategy[] = [
  'segregated-fit',
  'free-list',
  'segregated-bump',
  'bump-free-list',
];

/** Ranks the results of the strategies on one trace, the best first, as `advise` documents. */
export function rank(results: readonly ReplayResult[]): Advice[] {
  const whole = results.filter(isWhole);
  const leastTime = Math.min(...whole.map(timeOf));
  const leastMemory = Math.min(...whole.map((result) => result.peakMemoryBytes));
  return results
    .map((result) => {
      const time = ratio(timeOf(result), leastTime);
      const memory = ratio(result.peakMemoryBytes, leastMemory);
      const score = isWhole(result) ? round(Math.sqrt(time * memory)) : Number.POSITIVE_INFINITY;
      const reason = isWhole(result) ? explain(time, memory) : explainFailure(result);
      return { strategy: result.strategy, score, reason, result };
    })
    .sort(compare);
}

function compare(one: Advice, other: Advice): number {
  if (one.score !== other.score) return one.score - other.score;
  return (
    Number(one.result.timedOut) - Number(other.result.timedOut) ||
    one.result.failures - other.result.failures ||
    other.result.operations - one.result.operations ||
    one.result.peakMemoryBytes - other.result.peakMemoryBytes ||
    preference.indexOf(one.strategy) - preference.indexOf(other.strategy)
  );
}

function isWhole({ timedOut, failures }: ReplayResult): boolean {
  return !timedOut && failures === 0;
}

function timeOf({ nanosecondsPerOperation }: ReplayResult): number {
  return nanosecondsPerOperation.minimum;
}

/** Returns `value / least`; 1 where both are 0, since an empty trace takes no time. */
function ratio(value: number, least: number): number {
  return value === least ? 1 : value / least;
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}

function explain(time: number, memory: number): string {
  const timeText =
    round(time) === 1 ? 'the least time' : `${round(time)} times the time of the fastest`;
  const memoryText =
    round(memory) === 1 ? 'the least memory' : `${round(memory)} times the least memory`;
  return `It takes ${timeText} and ${memoryText}.`;
}

function explainFailure({ timedOut, failures, operations }: ReplayResult): string {
  return timedOut
    ? `It was cut after ${operations} calls, at the time limit.`
    : `It found no memory for ${failures} ${failures === 1 ? 'call' : 'calls'}.`;
}
