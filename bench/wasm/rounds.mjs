// SPDX-License-Identifier: MIT
//
// Runs cases in fresh processes, in rounds in which the allocators take turns.

import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';

const script = fileURLToPath(new URL('case.mjs', import.meta.url));

/**
 * The results of all rounds, by allocator and case. In a round the allocators take turns. A case that failed
 * is not tried again, and neither are the larger cases of its series.
 */
export function runRounds(bench, tables, { mode, rounds, variant = 'default', nodeOptions = [] }) {
  const series = tables.map((table) => table.flatMap(([, cases]) => cases));
  const results = bench.allocators
    .filter((allocator) => allocator[variant] !== undefined && existsSync(allocator[variant]))
    .map(({ name, columns, [variant]: module }) => {
      const failed = bench.failed?.get(name) ?? [];
      const possible = series
        .flat()
        .filter((one) => !failed.includes(one.replace(/:.*/, '')))
        .filter((one) => columns?.includes(one) ?? true);
      return { name, module, cases: new Map(possible.map((one) => [one, []])) };
    })
    .filter(({ cases }) => cases.size > 0);
  if (bench.smoke) {
    for (const { module, cases } of results) {
      const found = runCases({ ...bench, nodeOptions }, module, 'smoke', [...cases.keys()]);
      for (const runs of cases.values()) runs.push(found.shift());
    }
    return results;
  }
  bench.progress.start(rounds * series.flat().length * results.length, 0, { now: '' });
  for (let round = 0; round < rounds; round++) {
    for (const names of series) {
      names.forEach((one, index) => {
        for (const { name, module, cases } of results) {
          bench.progress.increment(1, { now: `${name}: ${one}` });
          const runs = cases.get(one);
          if (runs === undefined || runs[0]?.failure !== undefined) continue;
          const [run] = runCases({ ...bench, nodeOptions }, module, mode, [one]);
          if (runs.length === 0 || run.failure === undefined) runs.push(run);
          if (runs[0].failure === undefined || !/:\d/.test(one) || mode === 'memory') continue;
          for (const later of names.slice(index + 1)) cases.delete(later);
        }
      });
    }
  }
  bench.progress.stop();
  return results;
}

/** Runs cases in a fresh process, on one processor if `bench.cpu` names one. */
function runCases({ limitSeconds, cpu, nodeOptions }, module, mode, names) {
  const command = [process.execPath, ...nodeOptions, script, module, mode, ...names];
  if (cpu !== undefined) command.unshift('taskset', '-c', cpu);
  try {
    const output = execFileSync(command[0], command.slice(1), {
      encoding: 'utf8',
      timeout: limitSeconds * 1000,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    return JSON.parse(output);
  } catch (error) {
    if (error.code === 'ETIMEDOUT') return names.map(() => ({ failure: `over ${limitSeconds} s` }));
    throw new Error(
      `${basename(module)}, ${names}: ${String(error.stderr ?? error.message).slice(-2000)}`,
    );
  }
}
