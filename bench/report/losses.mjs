// SPDX-License-Identifier: MIT
//
// The figures in which a peer is ahead. The report begins with them.

import { defaultPeer, peers } from '../peers/index.mjs';
import { causeOf, titleOf } from './causes.mjs';
import { format } from './markdown.mjs';

const ahead = 1.1;
const rivals = peers.filter(({ kind }) => kind === 'rival').map(({ name }) => name);

/** Tables in which less is better, our row in each, and how a figure is read. */
const compared = [
  ['javascript', 'addresses', defaultPeer, 'addresses from JavaScript', 'ns'],
  ['javascript', 'handles', defaultPeer, 'typed arrays, strings, scopes', 'ns'],
  ['javascript', 'memory', defaultPeer, 'memory over live bytes', ''],
  ['javascript', 'memory-repeated', defaultPeer, 'memory over live bytes, repeated', ''],
  ['javascript', 'handle-bytes', defaultPeer, "the engine's heap", 'bytes'],
  ['javascript', 'collections', defaultPeer, 'garbage collections in 10 000 frames', ''],
  ['javascript', 'start', defaultPeer, 'from import to the first array', 'ms'],
  ['javascript', 'ships', 'lite-alloc', 'size of what a page loads', 'bytes'],
  ['wasm', 'speed', 'lite-alloc', 'in wasm', 'ns'],
  ['wasm', 'first-pass', 'lite-alloc', 'in wasm, first pass', 'ns'],
  ['wasm', 'baseline', 'lite-alloc', 'in wasm, baseline compiler', 'ns'],
  ['wasm', 'more', 'lite-alloc', 'in wasm, more workloads', 'ns'],
  ['wasm', 'memory', 'lite-alloc', 'in wasm, memory grown', 'KB'],
  ['wasm', 'phases', 'lite-alloc', 'in wasm, phases', 'KB'],
  ['wasm', 'growth-live', 'lite-alloc', 'in wasm, live blocks', 'ns'],
  ['wasm', 'growth-hot', 'lite-alloc', 'in wasm, 256 hot blocks', 'ns'],
  ['wasm', 'growth-free', 'lite-alloc', 'in wasm, free blocks', 'ns'],
  ['wasm', 'worst', 'lite-alloc', 'in wasm, worst operation', 'ns'],
  ['wasm', 'size', 'lite-alloc', 'in wasm, code', 'bytes'],
  ['programs', 'speed', 'lite-alloc', 'whole programs', 'ms'],
];

/** A line for each kind of loss, the worst first: by how much, behind whom, and the cause in each workload. */
export function explainLosses(tables) {
  const losses = lossesOf(tables);
  const titles = new Set(losses.map(({ where }) => titleOf(where)));
  return [...titles].map((title) => {
    const members = losses.filter(({ where }) => titleOf(where) === title);
    const [{ times, peer }] = members;
    const count = columnsOfLosses(members).length;
    const cases = count === 1 ? '' : ` in ${count} workloads`;
    const size = Number.isFinite(times) ? `up to ${format(times)} times as much as` : 'behind';
    const best = peer === 'engine' ? '`new Float32Array`' : peer;
    const head = `- **${title}**${cases}: ${size} ${best}.`;
    const reasons = [...new Set(members.map(causeOf))];
    if (reasons.length === 1) return `${head} ${reasons[0]}`;
    const explained = reasons.map((reason) => {
      const alike = members.filter((member) => causeOf(member) === reason);
      return `*${columnsOfLosses(alike).join(', ')}*: ${reason}`;
    });
    return [head, ...explained].join(' ');
  });
}

function columnsOfLosses(losses) {
  return [...new Set(losses.map(({ column }) => column))];
}

/** Every figure of the default heap that a peer betters by more than a tenth, the worst first. */
export function lossesOf(tables) {
  return compared
    .flatMap(([bench, table, own, where, unit]) => {
      const { rows = [] } = tables[bench]?.[table] ?? {};
      const ours = rows.find(({ name }) => name === own);
      if (ours === undefined) return [];
      const others = rows.filter(({ name }) => isRival(name));
      return columnsOf(table, ours).flatMap((column) =>
        lossIn(others, ours, column, { column, where, unit }),
      );
    })
    .sort((a, b) => b.times - a.times);
}

function isRival(name) {
  return rivals.includes(name) || rivals.some((rival) => rival.startsWith(`${name} `));
}

function columnsOf(table, row) {
  const columns = Object.keys(row).filter((column) => column !== 'name');
  if (table === 'ships') return ['together'];
  return columns.filter((column) => !column.endsWith('over dlmalloc'));
}

function lossIn(others, ours, column, words) {
  const known = others.filter((row) => typeof row[column] === 'number');
  if (known.length === 0) return [];
  const best = known.reduce((a, b) => (b[column] < a[column] ? b : a));
  const own = ours[column];
  if (typeof own === 'number' && own <= best[column] * ahead) return [];
  return [
    {
      ...words,
      peer: best.name,
      theirs: best[column],
      ours: own,
      times: typeof own === 'number' ? own / best[column] : Number.POSITIVE_INFINITY,
    },
  ];
}
