// SPDX-License-Identifier: MIT
//
// node bench/threads/compare.mjs --candidate NAME=HEADER [--candidate ...] [--malloc NAME=FILE ...]
//   [--peers mimalloc,dlmalloc] [--own 'one lock,floor'] [--workloads own,larson] [--threads 1,2] [--rounds 3]
//   [--milliseconds 200]
//
// Compares allocators for several threads while they are developed. A candidate is a header as
// bench/cpp/threads/candidate.hpp describes: each thread is a worker without a runtime. A malloc is a C++ file, an object
// or a library that defines the malloc family, linked with -pthread as the peers are. All take turns in one run.

import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { root } from '../wasm/allocators.mjs';
import { buildCandidate, buildMalloc, floor, ownCandidates, peers } from './build.mjs';
import { chosenCases, maxThreads } from './cases.mjs';
import { faultsOf, runRounds, turnsOf } from './rounds.mjs';
import { describeLoad, printTables, tablesOf } from './tables.mjs';

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
  const threads = list(values.threads).map((one) => integer('--threads', one, maxThreads));
  const rounds = integer('--rounds', values.rounds, 1000);
  const milliseconds = integer('--milliseconds', values.milliseconds, 10_000);
  const programs = await buildAll(join(root, 'build', 'wasm-release', 'bench', 'threads'));
  const total = rounds * turnsOf(programs, cases, threads).length;
  let done = 0;
  const progress = (now) => {
    done++;
    if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${done}/${total} ${now}`);
  };
  const warmUp = Math.ceil(milliseconds / 3);
  const options = { rounds, warmUp, milliseconds, threads, progress };
  const results = await runRounds(programs, cases, options);
  if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
  printTables(tablesOf(results, cases, threads));
  console.log(`\n${describeLoad(results)}`);
  const faults = faultsOf(results);
  if (faults.length > 0) throw new Error(faults.join('\n'));
}

async function buildAll(folder) {
  const plain = [
    ...values.candidate.map((text) => named('--candidate', text, 'header')),
    ...chosen('--own', values.own, [...ownCandidates, floor]),
  ];
  const mallocs = [
    ...values.malloc.map((text) => named('--malloc', text, 'file')),
    ...chosen(
      '--peers',
      values.peers,
      peers.map((name) => ({ name })),
    ),
  ];
  const names = [...plain, ...mallocs].map(({ name }) => name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw new Error(`Two allocators are named ${twice}: rename one.`);
  if (names.length === 0) throw new Error('There is nothing to compare: name a --candidate.');
  const programs = [];
  for (const one of plain) programs.push(await buildCandidate(one, folder));
  for (const one of mallocs) programs.push(await buildMalloc(one, folder));
  return programs;
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
