// SPDX-License-Identifier: MIT
//
// Runs cases in fresh processes, in rounds in which the allocators take turns, case by case.

import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { significant } from '../wasm/ratios.mjs';

const execute = promisify(execFile);
const script = fileURLToPath(new URL('case.mjs', import.meta.url));

/** A process that takes longer than this beyond the time it measures for is stopped. */
const limitSeconds = 10;

/**
 * @typedef {{ name: string, kind: 'plain' | 'pthread', module: string }} Program an allocator, linked with the workloads
 * @typedef {{ nanoseconds: number, remoteShare: number, grownKb: number, othersShare: number } | { failure: string }} Run
 *
 * @param {Program[]} programs
 * @param {import('./cases.mjs').Case[]} cases
 * @param {{ rounds: number, warmUp: number, milliseconds: number, threads: number[], isSmoke?: boolean, progress: (now: string, steps?: number) => void }} options
 * @returns {Promise<{ name: string, runs: Map<string, Run[]> }[]>} the runs, by `keyOf(case, threads)`
 */
export async function runRounds(programs, cases, options) {
  const results = programs.map((program) => ({ ...program, runs: new Map() }));
  const turns = turnsOf(results, cases, options.threads);
  if (options.isSmoke) {
    for (const result of results) await runAllCases(result, turns, options);
    return results;
  }
  for (let round = 0; round < options.rounds; round++) {
    for (const { result, one, threads } of turns) {
      const key = keyOf(one, threads);
      options.progress(`${result.name}: ${key}`);
      const runs = result.runs.get(key) ?? [];
      if (runs[0]?.failure !== undefined) continue;
      const run = await runCase(result, one, threads, options);
      result.runs.set(key, run.failure === undefined ? [...runs, run] : [run]);
    }
  }
  return results;
}

/** The processes of one round, in their order. */
export function turnsOf(programs, cases, chosenThreads) {
  return cases.flatMap((one) =>
    one.threads
      .filter((threads) => chosenThreads.includes(threads))
      .flatMap((threads) =>
        programs
          .filter((program) => !program.isFloor || one.hasFloor)
          .map((result) => ({ result, one, threads })),
      ),
  );
}

export function keyOf({ name }, threads) {
  return `${name}, ${threads} ${threads === 1 ? 'thread' : 'threads'}`;
}

/** Runs all cases of an allocator in one process: quick, and only for seeing whether they run. */
async function runAllCases(result, turns, options) {
  const own = turns.filter((turn) => turn.result === result);
  options.progress(result.name, own.length);
  const found = await runCases(result, own, options);
  own.forEach(({ one, threads }, index) => {
    result.runs.set(keyOf(one, threads), [found[index]]);
  });
}

/** Runs one case in a fresh process. */
async function runCase(program, one, threads, options) {
  const [found] = await runCases(program, [{ one, threads }], options);
  return found;
}

/** Runs cases in one fresh process, each in the memory that the one before leaves. */
async function runCases({ kind, module }, turns, { warmUp, milliseconds }) {
  const times = [warmUp, milliseconds].map(String);
  const texts = turns.map(({ one: { workload, low, high }, threads }) =>
    [workload, threads, low, high].join(':'),
  );
  const seconds = limitSeconds + (turns.length * (warmUp + milliseconds)) / 1000;
  const found = await runProcess([script, kind, module, ...times, ...texts], { seconds });
  return found.failure === undefined ? found.map(runOf) : turns.map(() => found);
}

/** What a script prints as JSON, or why it failed. */
export async function runProcess(command, { seconds }) {
  try {
    const { stdout } = await execute(process.execPath, command, {
      timeout: seconds * 1000,
      killSignal: 'SIGKILL',
    });
    return JSON.parse(stdout);
  } catch (error) {
    if (error.killed) return { failure: `over ${significant(seconds)} s` };
    const [reason] = /\w*Error: .*|\w*Error\]: .*/.exec(String(error.stderr)) ?? [
      String(error.message),
    ];
    return { failure: reason, isFault: true };
  }
}

/** Makes the figures of what the threads of a process found. */
export function runOf({ threads, grownKb, othersShare }) {
  const sum = (take) => threads.reduce((total, one) => total + take(one), 0);
  const wrong = sum(({ wrongBlocks }) => wrongBlocks);
  if (wrong > 0) return { failure: `${wrong} blocks with wrong contents`, isFault: true };
  const operationsPerMillisecond = sum((one) => one.operations / one.milliseconds);
  return {
    nanoseconds: (threads.length * 1e6) / operationsPerMillisecond,
    remoteShare: sum((one) => one.remoteFrees) / sum((one) => one.frees),
    grownKb,
    othersShare,
  };
}

/** What only a faulty allocator does: a case that crashed, or whose blocks had wrong contents. */
export function faultsOf(results) {
  return results.flatMap(({ name, runs }) =>
    [...runs]
      .filter(([, [first]]) => first.isFault)
      .map(([key, [first]]) => `${name}: ${key}: ${first.failure}`),
  );
}
