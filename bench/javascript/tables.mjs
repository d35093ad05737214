// SPDX-License-Identifier: MIT
//
// Makes tables of the results of `javascript.mjs`: rows of figures, `{ name, column: figure }`, or of the reason
// why a figure is missing. A table with `isDetail` adds detail to another one.

import { middle } from './timing.mjs';
import { histories, workloads } from './workloads.mjs';

const of = (api) => workloads.filter((workload) => workload.api === api).map(({ name }) => name);
const short = (name) => name.replace(/^memory, |^10 000 frames, /, '');

export function javascriptTables({ cases, ships }) {
  const figures = {
    minimum: (runs) => Math.min(...runs.map((run) => run.minimum)),
    median: (runs) => middle(runs.map((run) => run.median)),
    /** The middle half of the samples, as a share of their median. */
    spread: (runs) => middle(runs.map((run) => (100 * (run.upper - run.lower)) / run.median)),
  };
  const timed = (api, figure) => rowsOf(cases, of(api), figures[figure]);
  const repeated = histories.map((history) => `memory, ${history}`);
  return {
    addresses: {
      title: 'Addresses: nanoseconds per operation, minimum',
      rows: timed('addresses', 'minimum'),
    },
    'addresses-median': {
      isDetail: true,
      title: 'Addresses: nanoseconds per operation, median',
      rows: timed('addresses', 'median'),
    },
    'addresses-spread': {
      isDetail: true,
      title: 'Addresses: quartiles apart, percent of the median',
      rows: timed('addresses', 'spread'),
    },
    handles: {
      title: 'Typed arrays, strings, scopes: nanoseconds per operation, minimum',
      rows: timed('handles', 'minimum'),
    },
    'handles-median': {
      isDetail: true,
      title: 'Typed arrays, strings, scopes: nanoseconds per operation, median',
      rows: timed('handles', 'median'),
    },
    'handles-spread': {
      isDetail: true,
      title: 'Typed arrays, strings, scopes: quartiles apart, percent of the median',
      rows: timed('handles', 'spread'),
    },
    memory: {
      title: 'Peak of memory over peak of live bytes',
      rows: rowsOf(cases, [...repeated, 'memory, all in turn'], ([run]) => run.overPeak),
    },
    'memory-repeated': {
      title: 'The same after the history ran three times',
      rows: rowsOf(cases, [...repeated, 'memory, all in turn'], ([run]) => run.overPeakRepeated),
    },
    steady: {
      title: '10 000 frames of 200 buffers: KB grown after the first 100 frames',
      rows: rowsOf(
        cases,
        ['10 000 frames, addresses', '10 000 frames, handles'],
        ([run]) => run.grownKb ?? 'no memory of its own',
      ),
    },
    collections: {
      title: '10 000 frames of 200 buffers: garbage collections after the first 100 frames',
      rows: rowsOf(
        cases,
        ['10 000 frames, addresses', '10 000 frames, handles'],
        ([run]) => run.collections,
      ),
    },
    'handle-bytes': {
      title: "Bytes of the engine's heap for a live typed array of 256 bytes",
      rows: rowsOf(cases, ['heap per handle'], ([run]) => run.bytes),
    },
    start: {
      title: 'From import to the first array, milliseconds',
      rows: rowsOf(cases, ['start'], (runs) => Math.min(...runs.map((run) => run.milliseconds))),
    },
    ships: {
      title: 'What a page loads, bytes after gzip',
      rows: ships.map(({ peer, script, wasm }) => ({
        name: peer,
        script,
        wasm,
        together: script + wasm,
      })),
    },
  };
}

/** A row for each peer that can do one of the columns at least. */
function rowsOf(cases, columns, take) {
  const rows = new Map();
  for (const { peer, workload, runs, failure } of cases) {
    if (!columns.includes(workload)) continue;
    const row = rows.get(peer) ?? { name: peer };
    rows.set(peer, row);
    const figure = failure ?? take(runs);
    row[short(workload)] = typeof figure === 'number' ? Number(figure.toPrecision(3)) : figure;
  }
  return [...rows.values()].filter((row) =>
    Object.entries(row).some(([column, figure]) => column !== 'name' && typeof figure === 'number'),
  );
}
