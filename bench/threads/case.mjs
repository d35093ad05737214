// SPDX-License-Identifier: MIT
//
// node bench/threads/case.mjs plain|pthread MODULE WARM_UP_MS MS WORKLOAD:THREADS:LOW:HIGH ...
//
// Runs cases in this process, which is fresh, and prints what their threads found as JSON.

import { cpus } from 'node:os';
import { load } from './program.mjs';

const [, , kind, path, warmUp, milliseconds, ...texts] = process.argv;
const times = { warmUp: Number(warmUp), milliseconds: Number(milliseconds) };
const program = await load(kind, path);

const found = [];
for (const text of texts) {
  const [workload, threads, low, high] = text.split(':').map(Number);
  const bytes = program.memory.buffer.byteLength;
  const before = processorTimes();
  const results = await program.measure({ workload, threads, low, high }, times);
  const [own, busy, all] = processorTimes().map((time, index) => time - before[index]);
  found.push({
    threads: results,
    grownKb: (program.memory.buffer.byteLength - bytes) / 1024,
    othersShare: Math.max(0, busy - own) / all,
  });
}
process.stdout.write(JSON.stringify(found), () => process.exit(0));

/** Milliseconds: of this process, of all processes, and of all processors whether they were used or not. */
function processorTimes() {
  const sum = (values) => values.reduce((total, one) => total + one, 0);
  const { user, system } = process.cpuUsage();
  const all = cpus().map((processor) => sum(Object.values(processor.times)));
  const idle = cpus().map((processor) => processor.times.idle);
  return [(user + system) / 1000, sum(all) - sum(idle), sum(all)];
}
