// SPDX-License-Identifier: MIT
//
// node bench/threads/case.mjs plain|pthread MODULE WORKLOAD THREADS LOW HIGH WARM_UP_MS MS
//
// Runs one case in this process, which is fresh, and prints what its threads found as JSON.

import { cpus } from 'node:os';
import { loadPlain } from './plain.mjs';
import { loadPthread } from './pthread.mjs';

const [, , kind, path, ...numbers] = process.argv;
const [workload, threads, low, high, warmUp, milliseconds] = numbers.map(Number);
const program = await (kind === 'plain' ? loadPlain(path) : loadPthread(path));
const { exports, memory } = program;
const pagesBefore = memory.buffer.byteLength;

exports.bench_choose(workload, threads, low, high, warmUp, milliseconds);
const before = processorTimes();
await program.run(threads);
const after = processorTimes();

const found = Array.from({ length: threads }, (_, index) => ({
  operations: exports.bench_operations(index),
  milliseconds: exports.bench_milliseconds(index),
  frees: exports.bench_frees(index),
  remoteFrees: exports.bench_remote_frees(index),
  wrongBlocks: exports.bench_wrong_blocks(index),
}));
const [own, busy, all] = after.map((time, index) => time - before[index]);
const othersShare = Math.max(0, busy - own) / all;
const grownKb = (memory.buffer.byteLength - pagesBefore) / 1024;
process.stdout.write(JSON.stringify({ threads: found, grownKb, othersShare }), () =>
  process.exit(0),
);

/** Milliseconds: of this process, of all processes, and of all processors whether they were used or not. */
function processorTimes() {
  const sum = (values) => values.reduce((total, one) => total + one, 0);
  const { user, system } = process.cpuUsage();
  const all = cpus().map(({ times }) => sum(Object.values(times)));
  const idle = cpus().map(({ times }) => times.idle);
  return [(user + system) / 1000, sum(all) - sum(idle), sum(all)];
}
