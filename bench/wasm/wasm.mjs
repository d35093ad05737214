// SPDX-License-Identifier: MIT

import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { findAllocators, floor, peers, root } from './allocators.mjs';
import { losses, median as middle, ownCosts, ratioTables, significant } from './ratios.mjs';
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
const more = [
  ['pair 64 B', ['pair:64']],
  ['pair 1 KiB', ['pair:1024']],
  ['pair 64 KiB', ['pair:65536']],
  ['double to 4 MiB', ['double:4194304']],
  ['queue 256 B', ['queue:256']],
  ['queue 1 KiB', ['queue:1024']],
  ['queue 16 KiB', ['queue:16384']],
  ['queue of batches', ['batches']],
];
const phases = [1, 3].map((rounds) => [
  rounds === 1 ? 'once' : `${rounds} times`,
  [`phases:${rounds}`],
]);
const memoryColumns = (chosen) => [
  ['first', ['first']],
  ...(chosen.includes('rand') ? [['rand', seeds.map((seed) => `rand:${seed}`)]] : []),
  ...same(chosen.filter(isHistory)),
];

/** A stored history, or the file of another one. */
function isHistory(column) {
  return histories.includes(column) || column.endsWith('.trace.gz');
}

function chosenColumns(text) {
  if (text === undefined) return columns;
  const chosen = text.split(',');
  const known = [...columns, ...more.map(([, [one]]) => one)];
  for (const column of chosen.filter((one) => !isHistory(one) && !known.includes(one))) {
    throw new Error(
      `--columns: there is no column ${column}; use ${known.join(', ')} or the path of a .trace.gz file.`,
    );
  }
  return chosen;
}

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
      allocators: allocators.filter(({ name }) => name !== floor),
      floors: allocators.filter(({ name }) => name === floor),
      ownMallocs: allocators.filter(({ isOwn }) => isOwn).map(({ name }) => name),
      cpu: choice.cpu,
      rounds: Number((smoke ? undefined : choice.rounds) ?? modes[mode].rounds),
      limitSeconds: modes[mode].limitSeconds,
      progress,
      chosen: chosenColumns(choice.columns),
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
  const { chosen, ownMallocs, rounds } = bench;
  const table = same(chosen);
  const everyone = { ...bench, allocators: [...bench.allocators, ...bench.floors] };
  const runs = runRounds(everyone, [table], { mode: 'full', rounds });
  const speed = rowsOf(table, runs, minimum);
  // A heap is not measured again on the workloads that it failed.
  bench.failed = new Map(
    speed.map(({ name, ...row }) => [
      name,
      chosen.filter((column) => typeof row[column] === 'string'),
    ]),
  );
  return {
    speed: { title: 'Nanoseconds per operation, minimum', rows: speed },
    'speed-median': {
      title: 'Nanoseconds per operation, median',
      rows: rowsOf(table, runs, median),
    },
    'own-cost': {
      title: 'Nanoseconds per operation without those of the floor, from the minima',
      rows: ownCosts(speed, chosen),
    },
    ...ratioTables(speed, runs, chosen, ownMallocs),
    losses: {
      title: 'Where a peer is faster',
      rows: losses(speed, chosen, ownMallocs),
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
  const rounds = Math.ceil(bench.rounds / 2);
  return {
    ...measureMemory(bench, 'exact', '-exact', 'growth by what is needed'),
    ...measureCode(bench, rounds),
    ...measureGrowth(bench, rounds),
    size: { title: 'Module with six functions of malloc, bytes', rows: sizes(folder) },
  };
}

/** First passes in fresh instances, and the code of the engine's baseline compiler. */
function measureCode(bench, rounds) {
  const fresh = same(bench.chosen.filter((column) => column === 'rand' || isHistory(column)));
  const all = same(bench.chosen);
  const first = runRounds(bench, [fresh], { mode: 'fresh', rounds });
  const nodeOptions = ['--liftoff-only'];
  const baseline = runRounds(bench, [all], { mode: 'full', rounds, nodeOptions });
  return {
    'first-pass': {
      title: 'First pass in a fresh heap: nanoseconds per operation, minimum',
      rows: rowsOf(fresh, first, minimum),
    },
    baseline: {
      title: 'Without the optimising compiler: nanoseconds per operation, minimum',
      rows: rowsOf(all, baseline, minimum),
    },
  };
}

function measureGrowth(bench, rounds) {
  const { live, hot, free } = growth;
  const worst = [['nanoseconds', ['worst']]];
  const tables = [more, live, hot, free, worst, phases];
  const runs = runRounds(bench, tables, { mode: 'full', rounds });
  const clock = runs.map(({ cases }) => cases.get('worst')?.[0]?.emptyNanoseconds ?? Infinity);
  const series = (title, table, take = minimum) => ({ title, rows: rowsOf(table, runs, take) });
  const named = (title) => `${title}: nanoseconds per operation, minimum`;
  return {
    phases: phaseTable(rowsOf(phases, runs, (found) => mean(found, 'grownKb'))),
    more: series('More workloads: nanoseconds per operation, minimum', more),
    'more-median': series('More workloads: nanoseconds per operation, median', more, median),
    'growth-live': series(named('One of N live blocks replaced'), live),
    'growth-hot': series(named('One of 256 replaced among N live blocks'), hot),
    'growth-free': series(named('Beside N free blocks'), free),
    worst: {
      title: `Worst single operation, of which the clock takes ${Math.round(Math.min(...clock))} ns`,
      rows: rowsOf(worst, runs, (found) =>
        Math.round(Math.min(...found.map((run) => run.nanoseconds))),
      ),
    },
  };
}

function phaseTable(rows) {
  const dlmalloc = rows.find(({ name }) => name === 'dlmalloc')?.once;
  return {
    title: 'KB grown in twelve phases of shifting sizes, growth by default',
    rows: rows.map((row) => ({
      ...row,
      'once, over dlmalloc': Number.isFinite(row.once) ? significant(row.once / dlmalloc) : '-',
    })),
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
