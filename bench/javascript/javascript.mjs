// SPDX-License-Identifier: MIT
//
// Measures what allocation costs in JavaScript, with this package and with its peers: see ../README.md.

import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { peers } from '../peers/index.mjs';
import { weigh } from '../weigh.mjs';
import { workloads } from './workloads.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
const script = fileURLToPath(new URL('case.mjs', import.meta.url));
const execute = promisify(execFile);

/** A process that takes longer than the limit is killed. */
const modes = {
  smoke: { rounds: 1, limitSeconds: 60 },
  medium: { rounds: 3, limitSeconds: 5 },
  heavy: { rounds: 9, limitSeconds: 60 },
};

/** Whether a pattern matches any case. */
export function hasCase(filter) {
  return peers.some((peer) =>
    workloads.some((workload) => filter.test(`${peer.name}: ${workload.name}`)),
  );
}

/** `progress` is a bar: start(total), increment(1, { now }), stop(). */
export async function measure({ mode, filter, progress }) {
  const cases = peers.flatMap((peer) =>
    workloads
      .filter((workload) => filter === undefined || filter.test(`${peer.name}: ${workload.name}`))
      .map((workload) => ({ peer: peer.name, workload, runs: [] })),
  );
  await (mode === 'smoke' ? runOnce(cases, progress) : runRounds(cases, mode, progress));
  return {
    mode,
    versions: versionsOf(cases),
    ships: await weighPeers(cases),
    cases: cases.map(({ workload, ...rest }) => ({ workload: workload.name, ...rest })),
  };
}

/** Runs all cases of a peer in one process, once. */
async function runOnce(cases, progress) {
  progress.start(peers.length, 0, { now: '' });
  for (const { name } of peers) {
    progress.increment(1, { now: name });
    const own = cases.filter(({ peer }) => peer === name);
    if (own.length === 0) continue;
    const results = await run(name, 'smoke', own, modes.smoke.limitSeconds);
    for (const [index, result] of results.entries()) keep(own[index], result);
  }
  progress.stop();
}

/** Runs rounds in which the peers take turns, workload by workload. */
async function runRounds(cases, mode, progress) {
  const { rounds, limitSeconds } = modes[mode];
  const turns = Array.from({ length: rounds }, (_, round) =>
    workloads.flatMap((workload) =>
      cases.filter((one) => one.workload === workload && (round === 0 || isRepeated(one, mode))),
    ),
  ).flat();
  progress.start(turns.length, 0, { now: '' });
  for (const one of turns) {
    progress.increment(1, { now: `${one.peer}: ${one.workload.name}` });
    if (one.failure !== undefined) continue;
    const smaller = failedSmaller(cases, one);
    if (smaller !== undefined) {
      one.failure = `${smaller.workload.name}: ${smaller.failure.replace(/^.*: /, '')}`;
      continue;
    }
    const [result] = await run(one.peer, mode, [one], limitSeconds);
    keep(one, result);
  }
  progress.stop();
}

/** Memory does not vary from round to round, and for debug heaps the order of magnitude is enough. */
function isRepeated({ peer, workload }, mode) {
  const isDebug = peers.find(({ name }) => name === peer).options?.debug === true;
  return workload.api !== 'memory' && (mode === 'heavy' || !isDebug);
}

/**
 * Returns a smaller case of the same series that this peer has failed, if there is one: the larger ones are then not
 * measured.
 */
function failedSmaller(cases, { peer, workload }) {
  if (workload.series === undefined) return undefined;
  return cases.find(
    (other) =>
      other.peer === peer &&
      other.workload.series === workload.series &&
      other.workload.live < workload.live &&
      other.failure !== undefined,
  );
}

function keep(one, { failure, ...figures }) {
  if (failure !== undefined) one.failure = failure;
  else one.runs.push(figures);
}

/** Runs cases of a peer in a fresh process. */
async function run(peer, mode, cases, limitSeconds) {
  const watched = cases.some(({ workload }) => workload.api === 'memory');
  const watching = watched ? ['--expose-gc', '--trace-gc'] : [];
  const names = cases.map(({ workload }) => workload.name);
  try {
    const { stdout } = await execute(
      process.execPath,
      [...watching, script, peer, mode, ...names],
      { timeout: limitSeconds * 1000, killSignal: 'SIGKILL', maxBuffer: 1 << 28 },
    );
    return readResults(stdout);
  } catch (error) {
    if (!error.killed) throw new Error(`${peer}, ${names}: ${String(error.stderr).slice(-2000)}`);
    return cases.map(() => ({ failure: `over ${limitSeconds} s` }));
  }
}

/** Reads the results. V8 prints a line for each collection, which are counted between the `steady` lines. */
function readResults(output) {
  const results = [];
  let collections;
  let counting = false;
  for (const line of output.split('\n')) {
    if (line === 'steady begin') [collections, counting] = [0, true];
    else if (line === 'steady end') counting = false;
    else if (counting && /(Scavenge|Mark-Compact)/.test(line)) collections++;
    if (!line.startsWith('result ')) continue;
    results.push({
      ...JSON.parse(line.slice('result '.length)),
      ...(collections === undefined ? {} : { collections }),
    });
    collections = undefined;
  }
  return results;
}

function versionsOf(cases) {
  const measured = peers.filter(({ name }) => cases.some(({ peer }) => peer === name));
  const packages = new Set(measured.flatMap((peer) => peer.package ?? []));
  return Object.fromEntries(
    [...packages].map((name) => {
      const file = `${root}bench/node_modules/${name}/package.json`;
      return [name, JSON.parse(readFileSync(file, 'utf8')).version];
    }),
  );
}

/** The bytes that a page loads for each peer, bundled, minified and compressed. */
async function weighPeers(cases) {
  const shipped = [];
  for (const { name, module, options, kind } of peers) {
    if (kind === 'floor' || options?.debug || !cases.some(({ peer }) => peer === name)) continue;
    const { ships } = await import(`../peers/${module}.mjs`);
    if (ships === undefined) continue;
    const { script, wasm } = ships(options);
    if (shipped.some((other) => (other.script ?? other.wasm) === (script ?? wasm))) continue;
    const peer = kind === 'own' ? 'lite-alloc' : name.replace(/ (heap|GC)$/, '');
    shipped.push({ peer, script, wasm });
  }
  const files = shipped.flatMap(({ script, wasm }) => [script, wasm]).filter(Boolean);
  const weights = weigh(files.map((file) => `${root}${file}`));
  const gzipOf = (file) => (file === undefined ? 0 : weights[files.indexOf(file)].gzip);
  return shipped.map(({ peer, script, wasm }) => ({
    peer,
    script: gzipOf(script),
    wasm: gzipOf(wasm),
  }));
}
