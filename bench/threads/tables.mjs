// SPDX-License-Identifier: MIT

import { median, significant } from '../wasm/ratios.mjs';
import { keyOf } from './rounds.mjs';

/**
 * The tables of a bench: one for each number of threads, with a row for each allocator.
 *
 * @param {{ name: string, runs: Map<string, import('./rounds.mjs').Run[]> }[]} results
 * @param {import('./cases.mjs').Case[]} cases
 * @param {number[]} counts numbers of threads
 * @returns {Record<string, { title: string, rows: Record<string, unknown>[], isDetail: boolean }>}
 */
export function tablesOf(results, cases, counts) {
  const minimum = figure((runs) => Math.min(...runs.map(({ nanoseconds }) => nanoseconds)));
  const middle = figure((runs) => median(runs.map(({ nanoseconds }) => nanoseconds)));
  const memory = figure((runs) => median(runs.map(({ grownKb }) => grownKb)));
  const remote = figure((runs) => median(runs.map(({ remoteShare }) => 100 * remoteShare)));
  const tables = {};
  for (const threads of counts) {
    const possible = cases.filter((one) => one.threads.includes(threads));
    if (possible.length === 0) continue;
    const words = threads === 1 ? '1 thread' : `${threads} threads`;
    const add = (key, title, take, isDetail = false) => {
      const rows = results.map(({ name, runs }) => rowOf(name, possible, (one) => take(runs, one)));
      tables[`${key}-${threads}`] = { title: `${words}: ${title}`, rows, isDetail };
    };
    const at = (take) => (runs, one) => take(runs.get(keyOf(one, threads)));
    add('speed', 'nanoseconds per operation of a thread, minimum', at(minimum));
    add('speed-median', 'nanoseconds per operation of a thread, median', at(middle));
    if (threads > 1 && counts.includes(1)) {
      add('scaling', 'throughput over that of 1 thread, from the medians', (runs, one) => {
        const single = middle(runs.get(keyOf(one, 1)));
        const several = middle(runs.get(keyOf(one, threads)));
        const ratio = (threads * single) / several;
        return Number.isFinite(ratio) ? significant(ratio) : '-';
      });
    }
    add('memory', 'KB grown, median', at(memory));
    if (threads > 1) {
      add('remote', 'blocks freed by another thread, in per cent', at(remote), true);
    }
  }
  return tables;
}

/** How busy other programs kept the machine meanwhile. */
export function describeLoad(results) {
  const shares = results.flatMap(({ runs }) =>
    [...runs.values()].flat().flatMap(({ othersShare }) => othersShare ?? []),
  );
  const percent = (share) => `${Math.round(100 * share)} %`;
  return `Other programs used ${percent(median(shares))} of the processors (median), ${percent(Math.max(...shares))} at most.`;
}

/** A figure of a case's runs: their failure, `-` if there are none, or what `take` makes of them. */
function figure(take) {
  return (runs = []) => {
    if (runs.length === 0) return '-';
    return runs[0].failure ?? significant(take(runs));
  };
}

function rowOf(name, cases, take) {
  return { name, ...Object.fromEntries(cases.map((one) => [one.name, take(one)])) };
}

export function printTables(tables) {
  for (const { title, rows, isDetail } of Object.values(tables)) {
    if (isDetail) continue;
    console.log(`\n${title}\n`);
    console.table(Object.fromEntries(rows.map(({ name, ...figures }) => [name, figures])));
  }
}
