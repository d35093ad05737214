// SPDX-License-Identifier: MIT
//
// node bench/threads/latency-case.mjs plain|pthread MODULE WORKERS CALLS
//
// Measures single calls of malloc and free on this process's main thread while workers replace their own blocks, and
// prints quantiles in nanoseconds as JSON. Without workers it measures the main thread alone.

import { cases } from './cases.mjs';
import { load } from './program.mjs';

/** The main thread makes fewer calls where these take too long. */
const limitMilliseconds = 2000;
const warmUpCalls = 20_000;
/** Blocks that the main thread keeps, first in, first out. */
const kept = 100;

const [, , kind, path, ...numbers] = process.argv;
const [workers, calls] = numbers.map(Number);
const program = await load(kind, path);
const { workload, low, high } = cases.find(({ name }) => name === 'own 16-511');

program.exports.candidate_thread_begin?.();
measureCalls(Math.min(calls, warmUpCalls));
const finished =
  workers === 0
    ? []
    : program.measure(
        { workload, threads: workers, low, high },
        { warmUp: 50, milliseconds: 10 * limitMilliseconds },
      );
while (program.exports.bench_measuring() < workers) {
  await new Promise((resolve) => setTimeout(resolve, 1));
}
const { times, wrongBlocks } = measureCalls(calls);
program.exports.bench_stop();
const threads = await finished;
program.exports.candidate_thread_end?.();

const result = {
  calls: times.length,
  quantiles: quantilesOf(times),
  wrongBlocks: threads.reduce((sum, one) => sum + one.wrongBlocks, wrongBlocks),
};
process.stdout.write(JSON.stringify(result), () => process.exit(0));

/** The times of calls in nanoseconds. Every second call frees the oldest block. */
function measureCalls(count) {
  const times = new Float64Array(count);
  const blocks = [];
  const end = performance.now() + limitMilliseconds;
  let made = 0;
  let wrongBlocks = 0;
  let seed = 1;
  let words = new Uint32Array(program.memory.buffer);
  const timed = (call, argument) => {
    const begin = performance.now();
    const value = call(argument);
    const time = performance.now() - begin;
    if (made < count) times[made++] = time * 1e6;
    return value;
  };
  const free = ({ address, stamp }) => {
    if (words[address / 4] !== stamp) wrongBlocks++;
    timed(program.free, address);
  };
  while (made < count && performance.now() < end) {
    seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
    const address = timed(program.malloc, low + ((seed >>> 8) % (high - low + 1))) >>> 0;
    if (address === 0) throw new Error('malloc returned 0');
    if (address / 4 >= words.length) words = new Uint32Array(program.memory.buffer);
    words[address / 4] = seed;
    blocks.push({ address, stamp: seed });
    if (blocks.length > kept) free(blocks.shift());
  }
  for (const block of blocks) free(block);
  return { times: times.subarray(0, made), wrongBlocks };
}

function quantilesOf(times) {
  const sorted = times.slice().sort();
  const at = (share) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
  return { p50: at(0.5), p99: at(0.99), 'p99.9': at(0.999), max: at(1) };
}
