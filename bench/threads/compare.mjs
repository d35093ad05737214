// SPDX-License-Identifier: MIT
//
// node bench/threads/compare.mjs --candidate NAME=HEADER [--candidate ...] [--malloc NAME=FILE ...]
//   [--peers mimalloc,dlmalloc] [--own 'one lock,floor'] [--workloads own,larson] [--threads 1,2] [--rounds 3]
//   [--milliseconds 200] [--latency 300000]
//
// Compares allocators for several threads while they are developed. A candidate is a header as
// bench/cpp/threads/candidate.hpp describes: each thread is a worker without a runtime. A malloc is a C++ file, an object
// or a library that defines the malloc family, linked with -pthread as the peers are. All take turns in one run.

import { parseArgs } from 'node:util';
import { buildAll, buildFolder, floor, ownCandidates, peers } from './build.mjs';
import { chosenCases, maxThreads } from './cases.mjs';
import { latencyFaults, latencyTable, latencyTurns, measureLatency } from './latency.mjs';
import { faultsOf, runRounds, turnsOf } from './rounds.mjs';
import { describeLoad, printTables, tablesOf } from './tables.mjs';
import { inTemporaryFolder } from './temporary.mjs';

const { values } = parseArgs({
  options: {
    candidate: { type: 'string', multiple: true, default: [] },
    malloc: { type: 'string', multiple: true, default: [] },
    peers: { type: 'string', default: '' },
    own: { type: 'string', default: '' },
    workloads: { type: 'string' },
    threads: { type: 'string', default: '1,2' },
    rounds: { type: 'string', default: '3' },
    milliseconds: { type: 'string', default: '200' },
    latency: { type: 'string' },
  },
});

try {
  await compare();
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}

async function compare() {
  const cases = chosenCases(values.workloads, '--workloads');
  const milliseconds = integer('--milliseconds', values.milliseconds, 10_000);
  const options = {
    threads: list(values.threads).map((one) => integer('--threads', one, maxThreads)),
    rounds: integer('--rounds', values.rounds, 1000),
    warmUp: Math.ceil(milliseconds / 3),
    milliseconds,
    calls: values.latency === undefined ? 0 : integer('--latency', values.latency, 10_000_000),
  };
  const allocators = chosenAllocators();
  await inTemporaryFolder(async (folder) => {
    const programs = await buildAll(allocators, buildFolder('build/wasm-release'), folder);
    await measure(programs, cases, options);
  });
}

async function measure(programs, cases, options) {
  const { threads, rounds, calls } = options;
  const latencies = calls === 0 ? 0 : latencyTurns(programs).length;
  const total = rounds * (turnsOf(programs, cases, threads).length + latencies);
  const isSeen = process.stderr.isTTY;
  let done = 0;
  options.progress = (now) => {
    done++;
    if (isSeen) process.stderr.write(`\r\x1b[K${done}/${total} ${now}`);
  };
  const results = await runRounds(programs, cases, options);
  const latency = calls === 0 ? [] : await measureLatency(programs, options);
  if (isSeen) process.stderr.write('\r\x1b[K');
  printTables(tablesOf(results, cases, threads));
  if (calls > 0) printTables({ latency: latencyTable(latency) });
  console.log(`\n${describeLoad(results)}`);
  const faults = [...faultsOf(results), ...latencyFaults(latency)];
  if (faults.length > 0) throw new Error(faults.join('\n'));
}

function chosenAllocators() {
  const allocators = [
    ...values.candidate.map((text) => named('--candidate', text, 'header')),
    ...chosen('--own', values.own, [...ownCandidates, floor]),
    ...values.malloc.map((text) => named('--malloc', text, 'file')),
    ...chosen(
      '--peers',
      values.peers,
      peers.map((name) => ({ name })),
    ),
  ];
  const names = allocators.map(({ name }) => name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw new Error(`Two allocators are named ${twice}: rename one.`);
  if (names.length === 0) throw new Error('There is nothing to compare: name a --candidate.');
  return allocators;
}

function list(text) {
  return text.split(',').filter((one) => one !== '');
}

function chosen(option, text, known) {
  return list(text).map((name) => {
    const found = known.find((one) => one.name === name);
    if (found !== undefined) return found;
    const names = known.map((one) => one.name).join(', ');
    throw new Error(`${option}: there is no ${name}; there are ${names}.`);
  });
}

function named(option, text, key) {
  const [, name, path] = /^([\w. -]+)=(.+)$/.exec(text) ?? [];
  if (name === undefined) throw new Error(`${option} takes NAME=FILE, got ${text}.`);
  return { name, [key]: path };
}

function integer(option, text, most) {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1 && value <= most) return value;
  throw new Error(`${option} takes integers from 1 to ${most}, got ${text}.`);
}
