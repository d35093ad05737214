// SPDX-License-Identifier: MIT

import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const script = fileURLToPath(new URL('case.mjs', import.meta.url));

/** A case that takes longer in one round than the limit ends there. */
const modes = {
  smoke: { rounds: 1, limitSeconds: 60 },
  medium: { rounds: 2, limitSeconds: 5 },
  heavy: { rounds: 5, limitSeconds: 30 },
};

const peers = ['dlmalloc', 'emmalloc', 'mimalloc'];
/** `bench/CMakeLists.txt` makes the modules; an allocator without one is left out. */
const ours = ['lite-alloc', 'segregated-fit', 'segregated-bump', 'free-list', 'bump-free-list'];

/**
 * The published design that `bump-free-list` is based on. On any other column it takes minutes or exhausts memory.
 */
const published = { name: 'published-bump', columns: ['cycle', 'seq'], rival: 'bump-free-list' };

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
    const names = malloc.length > 0 ? peers : [...peers, ...ours];
    const modules = names.map((name) => ({
      name,
      default: join(folder, `${name}.mjs`),
      exact: join(folder, `${name}.exact.mjs`),
    }));
    if (malloc.length === 0) {
      const { name, columns } = published;
      modules.push({ name, default: join(folder, `${name}.mjs`), columns });
    }
    for (const file of malloc) modules.push(linkOwn(file, folder, temporary));
    const bench = {
      smoke,
      allocators: modules.filter((module) => existsSync(module.default)),
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

/** Links a malloc of the user's with the workloads, with the flags of the build. */
function linkOwn(file, folder, temporary) {
  const flags = JSON.parse(readFileSync(join(folder, 'flags.json'), 'utf8'));
  const name = basename(file).replace(/\.\w+$/, '');
  const object = join(temporary, `${name}.o`);
  const module = join(temporary, `${name}.mjs`);
  emxx([...flags.compile, '-c', resolve(file), '-o', object]);
  emxx([object, ...flags.link, '-o', module]);
  return { name, default: module };
}

function emxx(options) {
  const done = spawnSync(join(root, 'tools', 'emscripten'), ['em++', ...options], {
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  if (done.status !== 0) throw new Error(`em++ ${options.join(' ')} failed`);
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
      rows: ratios(speed, bench.chosen),
    },
    losses: { title: 'Where a peer is faster', rows: losses(speed, bench.chosen) },
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

/**
 * The results of all rounds, by allocator and case. In a round the allocators take turns. A case that failed
 * is not tried again, and neither are the larger cases of its series.
 */
function runRounds(bench, tables, { mode, rounds, variant = 'default' }) {
  const series = tables.map((table) => table.flatMap(([, cases]) => cases));
  const results = bench.allocators
    .filter((allocator) => allocator[variant] !== undefined && existsSync(allocator[variant]))
    .map(({ name, columns, [variant]: module }) => {
      const failed = bench.failed?.get(name) ?? [];
      const possible = series
        .flat()
        .filter((one) => !failed.includes(one.replace(/:.*/, '')))
        .filter((one) => columns?.includes(one) ?? true);
      return { name, module, cases: new Map(possible.map((one) => [one, []])) };
    })
    .filter(({ cases }) => cases.size > 0);
  if (bench.smoke) {
    for (const { module, cases } of results) {
      const found = runCases(bench, module, 'smoke', [...cases.keys()]);
      for (const runs of cases.values()) runs.push(found.shift());
    }
    return results;
  }
  bench.progress.start(rounds * series.flat().length * results.length, 0, { now: '' });
  for (let round = 0; round < rounds; round++) {
    for (const names of series) {
      names.forEach((one, index) => {
        for (const { name, module, cases } of results) {
          bench.progress.increment(1, { now: `${name}: ${one}` });
          const runs = cases.get(one);
          if (runs === undefined || runs[0]?.failure !== undefined) continue;
          const [run] = runCases(bench, module, mode, [one]);
          if (runs.length === 0 || run.failure === undefined) runs.push(run);
          if (runs[0].failure === undefined || !/:\d/.test(one) || mode === 'memory') continue;
          for (const later of names.slice(index + 1)) cases.delete(later);
        }
      });
    }
  }
  bench.progress.stop();
  return results;
}

/** Runs cases in a fresh process. */
function runCases({ limitSeconds }, module, mode, names) {
  try {
    const output = execFileSync(process.execPath, [script, module, mode, ...names], {
      encoding: 'utf8',
      timeout: limitSeconds * 1000,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    return JSON.parse(output);
  } catch (error) {
    if (error.code === 'ETIMEDOUT') return names.map(() => ({ failure: `over ${limitSeconds} s` }));
    throw new Error(`${basename(module)}, ${names}: ${String(error.stderr).slice(-2000)}`);
  }
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
  const medians = runs.map((run) => run.median).sort((a, b) => a - b);
  return significant(medians[medians.length >> 1]);
}

function mean(runs, figure) {
  const sum = runs.reduce((total, run) => total + run[figure], 0);
  return Number((sum / runs.length).toFixed(figure === 'grownKb' ? 0 : 2));
}

/** The times of our allocators divided by those of each peer, and by the best of them. */
function ratios(speed, chosen) {
  return comparisons(speed, chosen).map(({ own, peer, ratio }) => {
    const known = chosen.map(ratio).filter(Number.isFinite);
    const logarithms = known.reduce((sum, one) => sum + Math.log(one), 0);
    const row = { name: `${own} / ${peer}` };
    for (const column of chosen) {
      row[column] = Number.isFinite(ratio(column)) ? significant(ratio(column)) : '-';
    }
    row.mean =
      known.length === chosen.length ? significant(Math.exp(logarithms / known.length)) : '-';
    return row;
  });
}

function losses(speed, chosen) {
  return comparisons(speed, chosen).map(({ own, peer, ratio }) => {
    const compared =
      peer === published.name
        ? chosen.filter((column) => published.columns.includes(column))
        : chosen;
    const lost = compared.filter((column) => !(ratio(column) <= 1));
    const words = lost.map((column) =>
      Number.isFinite(ratio(column)) ? `${column} ${significant(ratio(column))}` : column,
    );
    return { name: `${own} / ${peer}`, columns: words.join(', ') || 'nowhere' };
  });
}

function comparisons(speed, chosen) {
  const rivals = speed.filter(({ name }) => peers.includes(name));
  const best = { name: 'best peer' };
  for (const column of chosen) {
    best[column] = Math.min(...rivals.map((row) => row[column]).filter(Number.isFinite));
  }
  const origin = speed.filter(({ name }) => name === published.name);
  return speed
    .filter(({ name }) => !peers.includes(name) && name !== published.name)
    .flatMap((own) =>
      [...rivals, best, ...(own.name === published.rival ? origin : [])].map((peer) => ({
        own: own.name,
        peer: peer.name,
        ratio: (column) => own[column] / peer[column],
      })),
    );
}

/** Rounds to three digits: more would be noise. */
function significant(value) {
  return Number(value.toPrecision(3));
}
