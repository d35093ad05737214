// SPDX-License-Identifier: MIT
//
// npm run bench -- [calls | sizes] [--smoke]
//
// Prints a table and writes bench/results/NAME.json; --smoke runs all of it once and writes nothing.

import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import * as calls from './calls.mjs';
import * as sizes from './sizes.mjs';

const benches = { calls, sizes };
const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { smoke: { type: 'boolean', default: false } },
});
const unknown = positionals.filter((name) => !(name in benches));
if (unknown.length > 0) {
  console.error(
    `There is no bench ${unknown.join(', ')}; there are ${Object.keys(benches).join(', ')}.`,
  );
  process.exit(1);
}

for (const name of positionals.length > 0 ? positionals : Object.keys(benches)) {
  const rows = await benches[name].measure(values);
  console.log(`\n${benches[name].title}\n`);
  console.table(Object.fromEntries(rows.map(({ name: row, ...figures }) => [row, figures])));
  if (!values.smoke) save(name, rows);
}

function save(name, rows) {
  const folder = fileURLToPath(new URL('results', import.meta.url));
  mkdirSync(folder, { recursive: true });
  const result = { command: `npm run bench -- ${name}`, ...origin(), rows };
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
