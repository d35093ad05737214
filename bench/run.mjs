// SPDX-License-Identifier: MIT
//
// npm run bench -- [calls | sizes | wasm] [--smoke]
//
// Prints tables and writes bench/results/NAME.json; --smoke runs all of it once and writes nothing.
//
// npm run bench -- wasm --malloc FILE.cpp [--malloc ...] [--columns cycle,lua] [--rounds 5] [--all]
//
// Compares a malloc of your own with Emscripten's, and writes nothing; see bench/README.md.

import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import * as calls from './calls.mjs';
import * as sizes from './sizes.mjs';
import * as wasm from './wasm.mjs';

const benches = { calls, sizes, wasm };
const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    smoke: { type: 'boolean', default: false },
    malloc: { type: 'string', multiple: true },
    columns: { type: 'string' },
    all: { type: 'boolean' },
    rounds: { type: 'string' },
    build: { type: 'string' },
  },
});
const unknown = positionals.filter((name) => !(name in benches));
if (unknown.length > 0) {
  console.error(
    `There is no bench ${unknown.join(', ')}; there are ${Object.keys(benches).join(', ')}.`,
  );
  process.exit(1);
}

/** What is not the whole bench, as it is by default, is no result to keep. */
const isPartial = Object.entries(values).some(
  ([option, value]) => !['build', 'rounds'].includes(option) && value,
);

for (const name of positionals.length > 0 ? positionals : Object.keys(benches)) {
  const measured = await benches[name].measure(values);
  const tables = Array.isArray(measured)
    ? [{ title: benches[name].title, rows: measured }]
    : Object.values(measured);
  for (const { title, rows } of tables) {
    console.log(`\n${title}\n`);
    console.table(Object.fromEntries(rows.map(({ name: row, ...figures }) => [row, figures])));
  }
  if (!isPartial) save(name, Array.isArray(measured) ? { rows: measured } : { tables: measured });
}

function save(name, figures) {
  const folder = fileURLToPath(new URL('results', import.meta.url));
  mkdirSync(folder, { recursive: true });
  const rounds = values.rounds === undefined ? '' : ` --rounds ${values.rounds}`;
  const result = { command: `npm run bench -- ${name}${rounds}`, ...origin(), ...figures };
  writeFileSync(`${folder}/${name}.json`, `${JSON.stringify(result, null, 2)}\n`);
}

/** Where figures are from: machine, versions, state of the sources. */
function origin() {
  const root = fileURLToPath(new URL('..', import.meta.url));
  const emscripten = execFileSync(`${root}tools/emscripten`, ['--resolve'], { encoding: 'utf8' });
  return {
    date: new Date().toISOString().slice(0, 10),
    machine: `${cpus()[0]?.model.trim() ?? process.arch}, ${cpus().length} cores, ${process.platform}`,
    node: process.version,
    emscripten: emscripten.trim().replace(/ \(.*/, ''),
    version: JSON.parse(readFileSync(`${root}package.json`, 'utf8')).version,
  };
}
