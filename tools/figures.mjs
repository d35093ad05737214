// SPDX-License-Identifier: MIT
//
// node tools/figures.mjs [--check]: writes the tables of README.md from bench/results, or fails where
// they differ. A table stands between `<!-- figures: NAME -->` and `<!-- end -->`.

import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const path = (relative) => fileURLToPath(new URL(`../${relative}`, import.meta.url));
const readme = readFileSync(path('README.md'), 'utf8');
const current = readme.replace(
  /(<!-- figures: ([\w.-]+) -->\n)[\s\S]*?(<!-- end -->)/g,
  (_, begin, name, end) => `${begin}${table(name)}${end}`,
);

if (process.argv.includes('--check')) {
  if (current !== readme) {
    console.error('README.md differs from bench/results: run `node tools/figures.mjs`.');
    process.exit(1);
  }
} else {
  writeFileSync(path('README.md'), current);
}

function table(name) {
  const [bench, part] = name.split('.');
  const result = JSON.parse(readFileSync(path(`bench/results/${bench}.json`), 'utf8'));
  const { rows: figures } = part === undefined ? result : result.tables[part];
  const columns = Object.keys(figures[0]).filter((column) => column !== 'name');
  const rows = figures.map((row) => [row.name, ...columns.map((column) => format(row[column]))]);
  const lines = [['', ...columns], ['---', ...columns.map(() => '---:')], ...rows];
  const origin = `\`${result.command}\`, ${result.date}: ${result.machine}, Node ${result.node}, ${result.emscripten}.`;
  return `\n${lines.map((cells) => `| ${cells.join(' | ')} |`).join('\n')}\n\n${origin}\n\n`;
}

function format(figure) {
  return Number.isInteger(figure)
    ? figure.toLocaleString('en').replaceAll(',', ' ')
    : String(figure);
}
