// SPDX-License-Identifier: MIT

import { fileURLToPath } from 'node:url';
import { median, significant } from '../wasm/ratios.mjs';
import { runProcess } from './rounds.mjs';

const script = fileURLToPath(new URL('latency-case.mjs', import.meta.url));
const limitSeconds = 20;
const workerCounts = [0, 3];

export function latencyTurns(programs) {
  return programs
    .filter(({ isFloor }) => !isFloor)
    .flatMap(({ name, kind, module }) =>
      workerCounts.map((workers) => ({ name, kind, module, workers })),
    );
}

/**
 * Measures single calls of the main thread, alone and while three workers replace blocks of their own.
 *
 * @param {import('./rounds.mjs').Program[]} programs
 * @param {{ rounds: number, calls: number, progress: (now: string) => void }} options
 * @returns {Promise<{ name: string, workers: number, runs: object[] }[]>}
 */
export async function measureLatency(programs, { rounds, calls, progress }) {
  const results = latencyTurns(programs).map((turn) => ({ ...turn, runs: [] }));
  for (let round = 0; round < rounds; round++) {
    for (const { name, kind, module, workers, runs } of results) {
      progress(`${name}: main thread and ${workers} workers`);
      if (runs[0]?.failure !== undefined) continue;
      const run = await runProcess([script, kind, module, String(workers), String(calls)], {
        seconds: limitSeconds,
      });
      if (run.failure === undefined && run.wrongBlocks === 0) runs.push(run);
      else runs.splice(0, runs.length, wrongRun(run));
    }
  }
  return results;
}

function wrongRun(run) {
  if (run.failure !== undefined) return run;
  return { failure: `${run.wrongBlocks} blocks with wrong contents`, isFault: true };
}

export function latencyFaults(results) {
  return results
    .filter(({ runs }) => runs[0].isFault)
    .map(({ name, workers, runs }) => `${name}: latency, ${workers} workers: ${runs[0].failure}`);
}

/** A row for each allocator, alone and with workers: the median over the rounds of each quantile. */
export function latencyTable(results) {
  const columns = ['p50', 'p99', 'p99.9', 'max'];
  const rows = results.map(({ name, workers, runs }) => {
    const take = (column) =>
      runs[0].failure ?? significant(median(runs.map(({ quantiles }) => quantiles[column])));
    return {
      name: `${name}, ${workers === 0 ? 'alone' : `${workers} workers`}`,
      ...Object.fromEntries(columns.map((column) => [column, take(column)])),
      calls: runs[0].failure ?? median(runs.map((run) => run.calls)),
    };
  });
  return { title: 'Main thread: nanoseconds of a call, with the clock', rows };
}
