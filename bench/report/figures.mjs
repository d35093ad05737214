// SPDX-License-Identifier: MIT
//
// node bench/report/figures.mjs [--check]
//
// Writes everything that is made from bench/results: the charts beside them, bench/RESULTS.md, and the parts of
// the documents below between `<!-- figures: NAME -->` and `<!-- end -->`. NAME is `origin`, `summary`, `losses` or
// `BENCH.TABLE`, with `: ROW, ROW` to select rows. With --check it writes nothing, and fails if a file differs.

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { installPeers } from '../install.mjs';

installPeers();
const { chartsOf } = await import('./charts.mjs');
const { causeOf, unknownCause } = await import('./causes.mjs');
const { explainLosses, lossesOf } = await import('./losses.mjs');
const { lossRows, markdownReasons, markdownTable } = await import('./markdown.mjs');
const { originsOf, readResults } = await import('./results.mjs');
const { summaryRows } = await import('./summary.mjs');

const path = (relative) => fileURLToPath(new URL(`../../${relative}`, import.meta.url));
const stored = readResults();
const { results, tables } = stored;

const documents = ['README.md', 'docs/c.md', 'docs/loading.md'];
const files = { 'bench/RESULTS.md': allResults() };
for (const document of documents) {
  files[document] = readFileSync(path(document), 'utf8').replace(
    /(<!-- figures: (.+?) -->\n)[\s\S]*?(<!-- end -->)/g,
    (_, begin, name, end) => `${begin}\n${block(name)}\n\n${end}`,
  );
}
for (const [name, { svg }] of Object.entries(chartsOf(stored))) {
  files[`bench/results/${name}.svg`] = svg;
}

for (const loss of lossesOf(tables).filter((one) => causeOf(one) === unknownCause)) {
  console.error(`bench/report/causes.mjs has no cause for ${loss.where}: ${loss.column}.`);
}

const different = Object.entries(files).filter(
  ([file, text]) => !existsSync(path(file)) || readFileSync(path(file), 'utf8') !== text,
);
if (!process.argv.includes('--check')) {
  for (const [file, text] of different) writeFileSync(path(file), text);
} else if (different.length > 0) {
  const names = different.map(([file]) => file).join(', ');
  console.error(`${names}: differs from bench/results. Run \`node bench/report/figures.mjs\`.`);
  process.exit(1);
}

function block(name) {
  if (name === 'origin') return originsOf(results).join(' ');
  if (name === 'losses') return explainLosses(tables).join('\n') || 'Nowhere.';
  if (name === 'summary') return markdownTable(summaryRows(tables.javascript));
  const [table, chosen] = name.split(': ');
  const [bench, part] = table.split('.');
  const rows = tables[bench]?.[part]?.rows;
  if (rows === undefined) throw new Error(`there is no table ${table}`);
  const names = chosen?.split(', ') ?? rows.map((row) => row.name);
  return markdownTable(rows.filter((row) => names.includes(row.name)));
}

function lossTable() {
  const losses = lossRows(lossesOf(tables));
  return losses.length === 0 ? 'Nowhere.' : markdownTable(losses);
}

function allResults() {
  const sections = Object.values(tables)
    .flatMap((ofBench) => Object.values(ofBench))
    .filter(({ rows }) => rows.length > 0)
    .map(({ title, rows }) => `## ${title}\n\n${markdownTable(rows)}\n\n${markdownReasons(rows)}`);
  return [
    '# All results',
    'Made by `node bench/report/figures.mjs` from `bench/results`; what they mean is in [README.md](README.md).',
    ...originsOf(results),
    '## Where a peer is ahead by more than a tenth',
    lossTable(),
    ...sections.map((section) => section.trimEnd()),
    '',
  ]
    .join('\n\n')
    .trimEnd()
    .concat('\n');
}
