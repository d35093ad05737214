// SPDX-License-Identifier: MIT
//
// npm run bench -- [javascript | programs | sizes | threads | wasm] [--heavy | --smoke] [--json FILE]
//
// Runs the benches, prints tables and writes bench/results/NAME.json. --heavy takes longer and varies less.
// --smoke runs everything once and writes nothing. --json writes to FILE instead.
//
// npm run bench -- --filter 'dlmalloc|replace'
//
// Runs the cases of the JavaScript bench whose `PEER: WORKLOAD` matches. Writes a file only with --json.
//
// npm run bench -- wasm --malloc [NAME=]MALLOC [--malloc ...] [--columns cycle,lua] [--rounds 5] [--cpu 1] [--all]
//
// Compares mallocs of your own with each other and with Emscripten's. MALLOC is a C++ file, a library, a checkout or a
// commit of this repository, or a linked module. Writes a file only with --json. See bench/README.md. The bench programs
// takes --malloc, --columns, --rounds and --cpu, too.

import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { installPeers } from './install.mjs';

installPeers();
const { Presets, SingleBar } = (await import('cli-progress')).default;
const benches = {
  javascript: await import('./javascript/javascript.mjs'),
  programs: await import('./programs/programs.mjs'),
  sizes: await import('./sizes.mjs'),
  threads: await import('./threads/threads.mjs'),
  wasm: await import('./wasm/wasm.mjs'),
};
const { tablesOf } = await import('./tables.mjs');
const ownOptions = {
  javascript: ['filter'],
  programs: ['malloc', 'columns', 'rounds', 'cpu', 'build'],
  threads: ['columns', 'rounds', 'build'],
  wasm: ['malloc', 'columns', 'all', 'rounds', 'cpu', 'build'],
};

const { positionals, values } = readArguments();
const mode = values.smoke ? 'smoke' : values.heavy ? 'heavy' : 'medium';
const filter = values.filter === undefined ? undefined : toPattern(values.filter);
const names = namesOf();
/** Only the results of a whole bench are stored. */
const isPartial = ['smoke', 'filter', 'malloc', 'columns'].some((option) => values[option]);

/** Each result is written as soon as it is complete, since the user may stop the benches after it. */
const keepsResults = values.json === undefined && !isPartial;
const resultsFolder = fileURLToPath(new URL('results', import.meta.url));
if (keepsResults) mkdirSync(resultsFolder, { recursive: true });

const origin = describeOrigin();
const results = {};
for (const name of names) {
  const progress = new SingleBar(
    { format: '{bar} {value}/{total}, {eta_formatted} left  {now}', clearOnComplete: true },
    Presets.shades_classic,
  );
  const measured = await benches[name].measure({ ...values, mode, filter, progress });
  const content = name === 'javascript' ? measured : { tables: measured };
  results[name] = { ...origin, command: commandOf(name), ...content };
  if (keepsResults) write(`${resultsFolder}/${name}.json`, results[name]);
  for (const { title, rows, isDetail } of Object.values(tablesOf(name, results[name]))) {
    if (rows.length === 0 || isDetail) continue;
    console.log(`\n${title}\n`);
    console.table(Object.fromEntries(rows.map(({ name: row, ...figures }) => [row, figures])));
  }
}
if (values.json !== undefined) write(values.json, results);

function readArguments() {
  try {
    const read = parseArgs({
      allowPositionals: true,
      options: {
        smoke: { type: 'boolean', default: false },
        heavy: { type: 'boolean', default: false },
        json: { type: 'string' },
        filter: { type: 'string' },
        malloc: { type: 'string', multiple: true },
        columns: { type: 'string' },
        all: { type: 'boolean' },
        rounds: { type: 'string' },
        cpu: { type: 'string' },
        build: { type: 'string' },
      },
    });
    const unknown = read.positionals.filter((name) => !(name in benches));
    if (unknown.length > 0) {
      const known = Object.keys(benches).join(', ');
      refuse(`There is no bench ${unknown.join(', ')}; there are ${known}.`);
    }
    if (read.values.smoke && read.values.heavy) refuse('--smoke and --heavy exclude each other.');
    if (!/^[1-9]\d*$/.test(read.values.rounds ?? '1')) {
      refuse(`--rounds takes a positive integer, got ${read.values.rounds}.`);
    }
    if (!/^\d+$/.test(read.values.cpu ?? '0')) {
      refuse(`--cpu takes the number of a processor, got ${read.values.cpu}.`);
    }
    return read;
  } catch (error) {
    return refuse(error.message);
  }
}

/** The benches to run. Without names, options that only one bench has select that bench. */
function namesOf() {
  const given = [...new Set(Object.values(ownOptions).flat())].filter(
    (option) => values[option] !== undefined,
  );
  const lacks = (name) => given.filter((option) => !ownOptions[name]?.includes(option));
  if (positionals.length === 0) {
    if (given.length === 0) return Object.keys(benches);
    const fitting = Object.keys(benches).filter((name) => lacks(name).length === 0);
    if (fitting.length === 1) return fitting;
    const choice = fitting.length === 0 ? 'No bench has' : `Name one of ${fitting.join(', ')} for`;
    refuse(`${choice} the options --${given.join(', --')}.`);
  }
  for (const name of positionals.filter((one) => lacks(one).length > 0)) {
    refuse(`The bench ${name} does not have the options --${lacks(name).join(', --')}.`);
  }
  return positionals;
}

function toPattern(text) {
  try {
    const pattern = new RegExp(text, 'i');
    return benches.javascript.hasCase(pattern)
      ? pattern
      : refuse(`--filter ${text} matches no peer and workload.`);
  } catch (error) {
    return refuse(`--filter ${text}: ${error.message}`);
  }
}

function refuse(reason) {
  console.error(reason);
  process.exit(1);
}

function commandOf(name) {
  const options = [
    ...(mode === 'medium' ? [] : [`--${mode}`]),
    ...(values.rounds === undefined ? [] : [`--rounds ${values.rounds}`]),
    ...(values.cpu === undefined ? [] : [`--cpu ${values.cpu}`]),
    ...(values.filter === undefined ? [] : [`--filter '${values.filter}'`]),
  ];
  return ['npm run bench --', name, ...options].join(' ');
}

/** The origin of the figures: the run's name, the machine, the versions and the commit. */
function describeOrigin() {
  const root = fileURLToPath(new URL('..', import.meta.url));
  const emscripten = execFileSync(`${root}tools/emscripten`, ['--resolve'], { encoding: 'utf8' });
  const date = new Date().toISOString();
  const commit = describeCommit(root);
  const gigabytes = Math.round(totalmem() / 2 ** 30);
  return {
    run: `${date.slice(0, 16).replace(/[-:]/g, '').replace('T', '-')}-${commit}`,
    date: date.slice(0, 10),
    commit,
    machine: `${cpus()[0]?.model.trim() ?? process.arch}, ${cpus().length} cores, ${gigabytes} GB, ${process.platform}`,
    node: process.version,
    emscripten: emscripten.trim().replace(/ \(.*/, ''),
    version: JSON.parse(readFileSync(`${root}package.json`, 'utf8')).version,
  };
}

/** The commit, with a `+` if sources differ from it. Stored results are not sources. */
function describeCommit(root) {
  const git = (...options) => spawnSync('git', options, { cwd: root, encoding: 'utf8' });
  const commit = git('rev-parse', '--short', 'HEAD');
  if (commit.status !== 0) return 'no git';
  const isClean = git('diff', '--quiet', 'HEAD', '--', '.', ':!bench/results').status === 0;
  return `${commit.stdout.trim()}${isClean ? '' : '+'}`;
}

/** Writes JSON, with each list of numbers on one line. */
function write(file, content) {
  const text = JSON.stringify(content, null, 1);
  const numbers = /\[[\s\d.,-]+\]/g;
  writeFileSync(file, `${text.replace(numbers, (list) => list.replace(/\s+/g, ''))}\n`);
}
