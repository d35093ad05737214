// SPDX-License-Identifier: MIT
//
// The figures in which a peer is ahead. The report begins with them.

import { defaultPeer, peers } from '../peers/index.mjs';
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
  ['wasm', 'memory', 'lite-alloc', 'in wasm, memory grown', 'KB'],
  ['wasm', 'growth-live', 'lite-alloc', 'in wasm, live blocks', 'ns'],
  ['wasm', 'growth-hot', 'lite-alloc', 'in wasm, 256 hot blocks', 'ns'],
  ['wasm', 'growth-free', 'lite-alloc', 'in wasm, free blocks', 'ns'],
  ['wasm', 'worst', 'lite-alloc', 'in wasm, worst operation', 'ns'],
  ['wasm', 'size', 'lite-alloc', 'in wasm, code', 'bytes'],
];

const memoryOfSmallPrograms = [
  'Memory of a program that holds a few kilobytes',
  'A heap starts with 256 KiB. The option `initialBytes` lowers that to 64 KiB.',
];

/** For each `where`: what is compared, and why the peer is ahead. */
const explanations = {
  'addresses from JavaScript': [
    'Time of raw calls',
    'Every call checks its arguments, every free checks its address, and large free blocks are joined at once. Memory grows in smaller steps.',
  ],
  'typed arrays, strings, scopes': [
    'Time of handles',
    'The peers use bare typed arrays, which detect nothing. A handle checks at each use that its block is alive and its view is current.',
  ],
  'memory over live bytes': memoryOfSmallPrograms,
  'memory over live bytes, repeated': memoryOfSmallPrograms,
  "the engine's heap": [
    'JavaScript memory of a live handle',
    'A handle remembers its heap, its block and its view.',
  ],
  'from import to the first array': [
    'Time from import to the first array',
    'The engine has to compile the wasm first.',
  ],
  'size of what a page loads': [
    'Bytes that a page loads',
    'Handles, scopes, checks and error messages are code that a bare allocator does not have.',
  ],
  'in wasm': [
    'Time of calls inside wasm',
    'With large blocks of mixed sizes the heap searches for a free block that fits well. The search takes time, but saves memory.',
  ],
  'in wasm, worst operation': [
    'Time of the worst single call inside wasm',
    'The longest calls cut a slab of 4 KiB into blocks, or return unused slabs before memory grows.',
  ],
  'in wasm, code': [
    'Code of `malloc` in a C program',
    'Small blocks have an allocator of their own, which emmalloc does without.',
  ],
};

/** A line for each kind of loss, the worst first: by how much, behind whom, and why. */
export function explainLosses(tables) {
  const losses = lossesOf(tables);
  const titles = new Set(losses.map(({ where }) => explanationOf(where)[0]));
  return [...titles].map((title) => {
    const members = losses.filter(({ where }) => explanationOf(where)[0] === title);
    const [{ where, times, peer }] = members;
    const workloads = new Set(members.map(({ column }) => column)).size;
    const cases = workloads === 1 ? '' : ` in ${workloads} workloads`;
    const size = Number.isFinite(times) ? `up to ${format(times)} times as much as` : 'behind';
    const best = peer === 'engine' ? '`new Float32Array`' : peer;
    return `- **${title}**${cases}: ${size} ${best}. ${explanationOf(where)[1]}`;
  });
}

function explanationOf(where) {
  const explanation = explanations[where];
  if (explanation === undefined)
    throw new Error(`losses.mjs does not explain losses of '${where}'`);
  return explanation;
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
  return table === 'ships' ? ['together'] : columns;
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
