// SPDX-License-Identifier: MIT
//
// Times a workload, for the benches and for the command `lite-alloc bench`.

import { Bench } from 'tinybench';

/**
 * Nanoseconds per operation: minimum, quartiles and median of the samples that tinybench takes.
 *
 * @param {{ operations: number, run: (times: number) => void }} prepared one call of `run(times)` does
 *   `operations * times` operations
 * @param {{ time: number, warmupTime: number, sample: number }} limits milliseconds: of all samples, of the
 *   time before them, and the least of one sample
 */
export function measureTime({ operations, run }, { time, warmupTime, sample }) {
  repeatsOf(run, sample); // the engine compiles
  const repeats = repeatsOf(run, sample);
  const bench = new Bench({
    time,
    warmupTime,
    iterations: 3,
    warmupIterations: 1,
    retainSamples: true,
  });
  bench.add('case', () => run(repeats));
  const [{ result }] = bench.runSync();
  if (result.error !== undefined) throw result.error;
  const samples = result.latency.samples;
  const perOperation = (milliseconds) => significant((milliseconds * 1e6) / (repeats * operations));
  const quantile = (share) => perOperation(samples[Math.floor(share * (samples.length - 1))]);
  return {
    minimum: perOperation(result.latency.min),
    lower: quantile(0.25),
    median: quantile(0.5),
    upper: quantile(0.75),
    samples: samples.length,
  };
}

/** Returns the number of repeats in one sample: enough that the resolution of the clock does not matter. */
function repeatsOf(run, sample) {
  for (let repeats = 1; ; repeats *= 2) {
    const begin = performance.now();
    run(repeats);
    if (performance.now() - begin >= sample) return repeats;
  }
}

/** Rounds to four digits: more would be noise. */
export function significant(value) {
  return Number(value.toPrecision(4));
}

/** The middle one of some numbers. */
export function middle(numbers) {
  return [...numbers].sort((a, b) => a - b)[numbers.length >> 1];
}
