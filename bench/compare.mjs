// SPDX-License-Identifier: MIT
//
// npm run bench:compare -- A.json B.json
//
// Divides the figures of B by those of A and prints the ratios, for two files from bench/results or from
// `npm run bench -- --json`. Refuses files that were measured on different machines.

import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { referencePeer } from './peers/index.mjs';
import { tablesOf } from './tables.mjs';

/** The tables whose ratios to the reference should repeat from run to run, and how closely. */
const timed = /^(javascript addresses|javascript handles|wasm speed): /;
const agreement = 0.15;

const { positionals } = parseArgs({ allowPositionals: true, options: {} });
if (positionals.length !== 2)
  refuse('bench:compare requires two result files: bench:compare A.json B.json.');
const [before, after] = positionals.map(readRun);

const onlyIn = Object.keys(before).filter((bench) => !(bench in after));
const benches = Object.keys(before).filter((bench) => bench in after);
if (benches.length === 0) {
  refuse(
    `The files share no bench: ${positionals[0]} has ${Object.keys(before)}, ${positionals[1]} has ${Object.keys(after)}.`,
  );
}
for (const bench of benches) refuseDifferentOrigins(before[bench], after[bench]);
if (onlyIn.length > 0) console.log(`Only in ${positionals[0]}: ${onlyIn.join(', ')}.`);

for (const bench of benches) {
  const tables = { before: tablesOf(bench, before[bench]), after: tablesOf(bench, after[bench]) };
  for (const [name, { title, rows, isDetail }] of Object.entries(tables.after)) {
    const earlier = tables.before[name];
    if (earlier === undefined || isDetail) continue;
    const ratios = rows.map((row) => ratiosOf(earlier.rows, row)).filter(({ some }) => some);
    if (ratios.length === 0) continue;
    console.log(`\n${title}: B over A\n`);
    console.table(Object.fromEntries(ratios.map(({ name: row, columns }) => [row, columns])));
  }
}
printAgreement();

/** The results in a file, by bench. */
function readRun(file) {
  let content;
  try {
    content = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    return refuse(`${file}: ${error.message}`);
  }
  const results = content.command === undefined ? content : { [benchOf(content)]: content };
  for (const [bench, result] of Object.entries(results)) {
    if (typeof result?.machine !== 'string' || !isResult(result)) {
      refuse(`${file}: ${bench} is not a result of a bench`);
    }
  }
  return results;
}

function isResult({ cases, ships, tables }) {
  return (Array.isArray(cases) && Array.isArray(ships)) || typeof tables === 'object';
}

/** The name in the command `npm run bench -- NAME ...`. */
function benchOf({ command }) {
  return command.split(' ')[4];
}

function refuseDifferentOrigins(one, other) {
  for (const what of ['machine', 'node']) {
    if (one[what] === other[what]) continue;
    refuse(
      `The files differ in ${what}: ${one[what]} and ${other[what]}. Such figures cannot be compared.`,
    );
  }
}

function ratiosOf(earlierRows, { name, ...figures }) {
  const earlier = earlierRows.find((row) => row.name === name) ?? {};
  const columns = Object.fromEntries(
    Object.entries(figures).map(([column, figure]) => [column, ratio(figure, earlier[column])]),
  );
  return { name, columns, some: Object.values(columns).some((one) => typeof one === 'number') };
}

function ratio(later, earlier) {
  if (typeof later !== 'number' || typeof earlier !== 'number') return '-';
  return earlier === 0 ? (later === 0 ? 1 : '-') : Number((later / earlier).toPrecision(3));
}

/** Prints how many ratios to the reference are about the same in both runs. */
function printAgreement() {
  const [one, other] = [before, after].map(ratiosToReference);
  const shared = [...one.keys()].filter((key) => other.has(key));
  if (shared.length === 0) return;
  const close = shared.filter((key) => {
    const change = other.get(key) / one.get(key);
    return Math.max(change, 1 / change) <= 1 + agreement;
  });
  console.log(
    `\nRatios to ${referencePeer}: ${close.length} of ${shared.length} agree within ${agreement * 100} %.`,
  );
}

function ratiosToReference(run) {
  const ratios = new Map();
  for (const [bench, result] of Object.entries(run)) {
    for (const [table, { rows }] of Object.entries(tablesOf(bench, result))) {
      if (!timed.test(`${bench} ${table}: `)) continue;
      const reference = rows.find(({ name }) => name === referencePeer) ?? {};
      for (const { name, ...figures } of rows) {
        if (name === referencePeer) continue;
        for (const [column, figure] of Object.entries(figures)) {
          const known = typeof figure === 'number' && typeof reference[column] === 'number';
          if (known) ratios.set(`${bench} ${table} ${name} ${column}`, figure / reference[column]);
        }
      }
    }
  }
  return ratios;
}

function refuse(reason) {
  console.error(reason);
  process.exit(1);
}
