// SPDX-License-Identifier: MIT

import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { findAllocators, peers, root } from './allocators.mjs';
import { losses, median as middle, pairedRatios, ratios, significant } from './ratios.mjs';
import { runRounds } from './rounds.mjs';

/** A case that takes longer in one round than the limit ends there. */
const modes = {
  smoke: { rounds: 1, limitSeconds: 60 },
  medium: { rounds: 2, limitSeconds: 5 },
  heavy: { rounds: 5, limitSeconds: 30 },
};

const histories = ['cfrac', 'lua', 'buffers', 'vectors', 'frames'];
const columns = ['cycle', 'seq', 'frag', 'rand', ...histories];
const seeds = [1, 2, 3, 4, 5, 6];
const powers = (from, to) =>
  Array.from({ length: to - from + 1 }, (_, index) => [`10^${from + index}`, 10 ** (from + index)]);

/** Columns of a table, and the cases in each: see `case.mjs`. More than one are averaged. */
const same = (names) => names.map((name) => [name, [name]]);
const growth = {
  live: powers(3, 6).map(([title, count]) => [title, [`live:${count}:${count}`]]),
  hot: powers(3, 6).map(([title, count]) => [title, [`live:${count}:256`]]),
  free: powers(2, 5).map(([title, count]) => [title, [`free:${count}`]]),
};
const memoryColumns = (chosen) => [
  ['first', ['first']],
  ...(chosen.includes('rand') ? [['rand', seeds.map((seed) => `rand:${seed}`)]] : []),
  ...same(histories.filter((history) => chosen.includes(history))),
];

export async function measure({
  mode,
  progress,
  malloc = [],
  build = 'build/wasm-release',
  ...choice
}) {
  const smoke = mode === 'smoke';
  const folder = resolve(root, build, 'bench', 'wasm');
  const temporary = mkdtempSync(join(tmpdir(), 'lite-alloc-bench-'));
  try {
    const allocators = findAllocators(folder, malloc, temporary);
    const bench = {
      smoke,
      allocators,
      ownMallocs: allocators.filter(({ isOwn }) => isOwn).map(({ name }) => name),
      cpu: choice.cpu,
      rounds: Number((smoke ? undefined : choice.rounds) ?? modes[mode].rounds),
      limitSeconds: modes[mode].limitSeconds,
      progress,
      chosen: choice.columns?.split(',') ?? columns,
    };
    const quick = !smoke && !choice.all && (malloc.length > 0 || choice.columns !== undefined);
    return {
      ...measureSpeed(bench),
      ...measureMemory(bench, 'default', '', 'growth by default'),
      ...(quick ? {} : measureRest(bench, folder)),
    };
  } finally {
    rmSync(temporary, { recursive: true });
  }
}

function measureSpeed(bench) {
  const table = same(bench.chosen);
  const runs = runRounds(bench, [table], { mode: 'full', rounds: bench.rounds });
  const speed = rowsOf(table, runs, minimum);
  // A heap is not measured again on the workloads that it failed.
  bench.failed = new Map(
    speed.map(({ name, ...row }) => [
      name,
      bench.chosen.filter((column) => typeof row[column] === 'string'),
    ]),
  );
  return {
    speed: { title: 'Nanoseconds per operation, minimum', rows: speed },
    'speed-median': {
      title: 'Nanoseconds per operation, median',
      rows: rowsOf(table, runs, median),
    },
    ratios: {
      title: "Minimum over that of a peer: under 1 is faster; 'mean' is the geometric one",
      rows: ratios(speed, bench.chosen, bench.ownMallocs),
    },
    ...(bench.ownMallocs.length === 0
      ? {}
      : {
          'ratios-paired': {
            title: `Ratio of the minima of each round, median over ${bench.rounds} rounds`,
            rows: pairedRatios(runs, bench.chosen, bench.ownMallocs),
          },
        }),
    losses: {
      title: 'Where a peer is faster',
      rows: losses(speed, bench.chosen, bench.ownMallocs),
    },
  };
}

/** Measures memory in one pass, since it does not vary. */
function measureMemory(bench, variant, suffix, words) {
  const table = memoryColumns(bench.chosen);
  const runs = runRounds(bench, [table], { mode: 'memory', rounds: 1, variant });
  return {
    [`memory${suffix}`]: {
      title: `KB grown, ${words}; rand: mean of ${seeds.length} seeds`,
      rows: rowsOf(table, runs, (run) => mean(run, 'grownKb')),
    },
    [`memory${suffix}-over-peak`]: {
      title: `Heap over peak live bytes, ${words}`,
      rows: rowsOf(table.slice(1), runs, (run) => mean(run, 'overPeak')),
    },
  };
}

function measureRest(bench, folder) {
  const { live, hot, free } = growth;
  const worst = [['nanoseconds', ['worst']]];
  const shift = [['grown', ['shift']]];
  const rounds = Math.ceil(bench.rounds / 2);
  const runs = runRounds(bench, [live, hot, free, worst, shift], { mode: 'full', rounds });
  const clock = runs.map(({ cases }) => cases.get('worst')?.[0]?.emptyNanoseconds ?? Infinity);
  const shifted = rowsOf(shift, runs, (found) => mean(found, 'grownKb'));
  const { grown: dlmalloc } = shifted.find(({ name }) => name === 'dlmalloc');
  const series = (title, table) => ({
    title: `${title}: nanoseconds per operation, minimum`,
    rows: rowsOf(table, runs, minimum),
  });
  return {
    ...measureMemory(bench, 'exact', '-exact', 'growth by what is needed'),
    shift: {
      title: 'KB grown in ten rounds of shifting sizes',
      rows: shifted.map((row) => ({
        ...row,
        'over dlmalloc': Number.isFinite(row.grown) ? significant(row.grown / dlmalloc) : '-',
      })),
    },
    'growth-live': series('One of N live blocks replaced', live),
    'growth-hot': series('One of 256 replaced among N live blocks', hot),
    'growth-free': series('Beside N free blocks', free),
    worst: {
      title: `Worst single operation, of which the clock takes ${Math.round(Math.min(...clock))} ns`,
      rows: rowsOf(worst, runs, (found) =>
        Math.round(Math.min(...found.map((run) => run.nanoseconds))),
      ),
    },
    size: { title: 'Module with six functions of malloc, bytes', rows: sizes(folder) },
  };
}

function sizes(folder) {
  return ['empty', ...peers, 'lite-alloc']
    .map((name) => ({ name, file: join(folder, '..', 'size', `${name}.wasm`) }))
    .filter(({ file }) => existsSync(file))
    .map(({ name, file }) => ({ name, bytes: statSync(file).size }));
}

/** A row for each allocator; `take` makes a figure of all runs of a column's cases. */
function rowsOf(table, results, take) {
  return results.map(({ name, cases }) => {
    const row = { name };
    for (const [column, names] of table) {
      const runs = names.flatMap((one) => cases.get(one) ?? []);
      const failure = runs.find((run) => run.failure !== undefined)?.failure;
      row[column] = runs.length === 0 ? '-' : (failure ?? take(runs));
    }
    return row;
  });
}

function minimum(runs) {
  return significant(Math.min(...runs.map((run) => run.minimum)));
}

function median(runs) {
  return significant(middle(runs.map((run) => run.median)));
}

function mean(runs, figure) {
  const sum = runs.reduce((total, run) => total + run[figure], 0);
  return Number((sum / runs.length).toFixed(figure === 'grownKb' ? 0 : 2));
}
