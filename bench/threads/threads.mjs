// SPDX-License-Identifier: MIT
//
// Measures allocators that several threads share.

import { buildAll, buildFolder, floor, ownCandidates, peers } from './build.mjs';
import { chosenCases } from './cases.mjs';
import { latencyFaults, latencyTable, latencyTurns, measureLatency } from './latency.mjs';
import { faultsOf, runRounds, turnsOf } from './rounds.mjs';
import { describeLoad, tablesOf } from './tables.mjs';
import { inTemporaryFolder } from './temporary.mjs';

const modes = {
  smoke: { rounds: 1, warmUp: 1, milliseconds: 4, calls: 2000, isSmoke: true },
  medium: { rounds: 3, warmUp: 60, milliseconds: 200, calls: 300_000 },
  heavy: { rounds: 9, warmUp: 100, milliseconds: 400, calls: 1_000_000 },
};
const threads = [1, 2, 4];

export async function measure({ mode, progress, build = 'build/wasm-release', ...choice }) {
  const options = { ...modes[mode], threads };
  if (choice.rounds !== undefined && !options.isSmoke) options.rounds = Number(choice.rounds);
  const cases = chosenCases(choice.columns, '--columns');
  // Where Emscripten has not compiled its libraries for threads yet, that takes minutes.
  const chosenPeers = options.isSmoke ? [] : peers;
  const allocators = [...ownCandidates, floor, ...chosenPeers.map((name) => ({ name }))];
  return await inTemporaryFolder(async (folder) => {
    const programs = await buildAll(allocators, buildFolder(build), folder);
    return await measureAll(programs, cases, progress, options);
  });
}

async function measureAll(programs, cases, progress, options) {
  const turns = turnsOf(programs, cases, threads).length + latencyTurns(programs).length;
  progress.start(options.rounds * turns, 0, { now: '' });
  options.progress = (now, steps = 1) => progress.increment(steps, { now });
  const results = await runRounds(programs, cases, options);
  const latencies = await measureLatency(programs, options);
  progress.stop();
  requireNoFaults([...faultsOf(results), ...latencyFaults(latencies)]);
  return {
    ...tablesOf(results, cases, threads),
    latency: latencyTable(latencies),
    load: { title: 'The machine', rows: [{ name: 'load', found: describeLoad(results) }] },
  };
}

/** An allocator that crashes or mixes up blocks has no figures. */
function requireNoFaults(faults) {
  if (faults.length > 0) throw new Error(faults.join('\n'));
}
