// SPDX-License-Identifier: MIT
//
// npm run bench:report
//
// Writes build/bench/report.html, one file with all tables and charts of bench/results. Also updates
// README.md, bench/RESULTS.md and the charts.

import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { installPeers } from '../install.mjs';

installPeers();
const { chartsOf } = await import('./charts.mjs');
const { lossesOf } = await import('./losses.mjs');
const { layOut, lossRows } = await import('./markdown.mjs');
const { originsOf, readResults } = await import('./results.mjs');

const { results, tables } = readResults();
const losses = lossRows(lossesOf(tables));
const folder = fileURLToPath(new URL('../../build/bench', import.meta.url));
mkdirSync(folder, { recursive: true });
writeFileSync(`${folder}/report.html`, page());
console.log(`${folder}/report.html`);
await import('./figures.mjs');

function page() {
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Benchmarks of lite-alloc</title>
<style>
body { font: 15px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem; color: #1f2328; background: #fff }
figure { margin: 1.5rem 0 }
figure > svg { max-width: 100%; height: auto }
.wide { overflow-x: auto }
table { border-collapse: collapse; font-size: 13px; font-variant-numeric: tabular-nums }
th, td { padding: .2rem .6rem; border-bottom: 1px solid #8884; text-align: right }
th:first-child, td:first-child { text-align: left; white-space: nowrap }
@media (prefers-color-scheme: dark) { body { color: #e6edf3; background: #0d1117 } }
@media print { body { max-width: none } figure, tr { break-inside: avoid } .wide { overflow: visible } table { font-size: 8px } }
</style>
<h1>Benchmarks of lite-alloc</h1>
${originsOf(results)
  .map((line) => `<p>${escapeHtml(line)}</p>`)
  .join('\n')}
<h2>Where a peer is ahead by more than a tenth</h2>
${losses.length === 0 ? '<p>Nowhere.</p>' : table(losses)}
${chartFigures()}
${Object.values(tables)
  .flatMap((ofBench) => Object.values(ofBench))
  .filter(({ rows }) => rows.length > 0)
  .map(({ title, rows }) => `<h2>${escapeHtml(title)}</h2>\n${table(rows)}`)
  .join('\n')}
</html>
`;
}

function chartFigures() {
  return Object.values(chartsOf({ results, tables }))
    .map(({ svg }) => `<figure>${svg}</figure>`)
    .join('\n');
}

function table(rows) {
  const { columns, cells, reasons } = layOut(rows);
  const row = (tag, texts) =>
    `<tr>${texts.map((text) => `<${tag}>${escapeHtml(text)}</${tag}>`).join('')}</tr>`;
  const body = cells.map((line) => row('td', line)).join('\n');
  const list = reasons.map((reason) => `<li>${escapeHtml(reason)}</li>`).join('');
  return `<div class="wide"><table>\n${row('th', ['', ...columns])}\n${body}\n</table></div>\n<ul>${list}</ul>`;
}

function escapeHtml(text) {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}
