// SPDX-License-Identifier: MIT

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { strategies } from 'lite-alloc';
import { beforeAll, describe, expect, test } from 'vitest';

const root = fileURLToPath(new URL('../../..', import.meta.url));

function run(script: string, ...scriptArguments: string[]): string {
  return execFileSync(process.execPath, [script, ...scriptArguments], {
    cwd: root,
    encoding: 'utf8',
  });
}

/** Runs `work` with a temporary folder below `build`, where programs can import the package by its name. */
function inTemporaryFolder(work: (folder: string) => void): void {
  const folder = mkdtempSync(join(root, 'build', 'commands-'));
  try {
    work(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

interface StoredResult {
  readonly machine: string;
  readonly tables?: Record<string, { readonly rows: readonly Record<string, unknown>[] }>;
  readonly cases?: readonly {
    readonly peer: string;
    readonly workload: string;
    readonly runs: readonly { readonly minimum?: number }[];
    readonly failure?: string;
  }[];
}

test('the tour prints verified contents, live arrays, figures and a heap map', () => {
  const output = run('examples/tour/tour.mjs');
  expect(output).toContain('All 151476 blocks held what was written to them');
  expect(output).toContain('typed arrays made before it still read and write');
  expect(output).toMatch(/operations +300000/);
  expect(output).toMatch(/time per operation +\d+ ns/);
  expect(output).toMatch(/fragmentation +0\.\d+/);
  expect(output.match(/^│.{64}│$/gm)?.length).toBeGreaterThan(3);
});

describe('the benches', () => {
  let output = '';
  let results: Record<string, StoredResult> = {};

  beforeAll(() => {
    inTemporaryFolder((folder) => {
      const file = join(folder, 'smoke.json');
      output = run('bench/run.mjs', '--smoke', '--json', file);
      results = JSON.parse(readFileSync(file, 'utf8')) as Record<string, StoredResult>;
    });
  }, 900_000);

  test('run in smoke mode and print their tables', () => {
    expect(output).toMatch(/dlmalloc[ │]+[\d.]+[ │]+[\d.]+/);
    expect(output).toMatch(/lite-alloc\.wasm[ │]+\d+[ │]+\d+/);
    expect(Object.keys(results)).toEqual(['javascript', 'programs', 'sizes', 'threads', 'wasm']);
  });

  test('run every workload of several threads on the heaps of the project', () => {
    const tables = results['threads']?.tables ?? {};
    const allocators = ['lite-alloc', 'one lock', 'floor'];
    for (const name of ['speed-1', 'speed-2', 'speed-4', 'scaling-2', 'memory-4', 'remote-2']) {
      const rows = tables[name]?.rows ?? [];
      expect(rows.map((row) => row['name'])).toEqual(allocators);
      for (const row of rows.filter((one) => one['name'] !== 'floor')) {
        const { name: _, 'producer-consumer 16-256': passed, ...figures } = row;
        expect(Object.keys(figures)).toHaveLength(9);
        for (const figure of Object.values(figures)) expect(figure).toBeTypeOf('number');
        if (name !== 'scaling-2' && name !== 'speed-1') expect(passed).toBeTypeOf('number');
      }
    }
    const latencies = tables['latency']?.rows ?? [];
    expect(latencies).toHaveLength(4);
    for (const { p50, max } of latencies) expect(Number(max)).toBeGreaterThanOrEqual(Number(p50));
  });

  test('run the whole programs whose sources are here, and name those that are left out', () => {
    const { speed, sources } = results['programs']?.tables ?? {};
    const present = (sources?.rows ?? []).filter(({ version }) => !/left out/.test(`${version}`));
    expect(present.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['sqlite', 'tree-sitter', 'stl']),
    );
    expect(speed?.rows.map(({ name }) => name)).toEqual(['dlmalloc', 'lite-alloc']);
    for (const row of speed?.rows ?? []) {
      for (const { name } of present) expect(row[`${name}`], `${name}`).toBeGreaterThan(0);
    }
  });

  test('measure every peer, or report why they cannot', () => {
    const cases = results['javascript']?.cases ?? [];
    const peers = new Set(cases.map(({ peer }) => peer));
    expect([...peers]).toEqual(
      expect.arrayContaining([
        'engine',
        'dlmalloc',
        '@thi.ng/malloc',
        'sqlite-wasm',
        ...strategies,
      ]),
    );
    for (const { peer, workload, runs, failure } of cases) {
      const place = `${peer}: ${workload}`;
      expect(runs.length > 0 || (failure ?? '').length > 0, place).toBe(true);
      for (const figure of runs.flatMap((figures) => figures.minimum ?? [])) {
        expect(figure, place).toBeGreaterThan(0);
      }
    }
  });

  test('run every workload on the default heap and on dlmalloc', () => {
    const failures = (results['javascript']?.cases ?? [])
      .filter(({ peer }) => ['segregated-fit', 'dlmalloc'].includes(peer))
      .filter(({ failure }) => failure !== undefined);
    expect(failures).toEqual([]);
  });

  test('measure no growth of memory and no garbage when frames allocate by address', () => {
    const cases = results['javascript']?.cases ?? [];
    const steady = cases.find(
      ({ peer, workload }) => peer === 'segregated-fit' && workload === '10 000 frames, addresses',
    );
    expect(steady?.runs).toEqual([{ grownKb: 0, collections: 0 }]);
  });

  test('compare results of the same machine and refuse those of another', () => {
    inTemporaryFolder((folder) => {
      const [own, other] = ['own.json', 'other.json'].map((name) => join(folder, name)) as [
        string,
        string,
      ];
      writeFileSync(own, JSON.stringify(results));
      const elsewhere = Object.entries(results).map(([name, result]) => [
        name,
        { ...result, machine: 'a pocket calculator' },
      ]);
      writeFileSync(other, JSON.stringify(Object.fromEntries(elsewhere)));
      const compared = run('bench/compare.mjs', own, own);
      expect(compared).toMatch(/Ratios to dlmalloc: (\d+) of \1 agree within 15 %/);
      expect(() => run('bench/compare.mjs', own, other)).toThrow(/a pocket calculator/);
    });
  });

  test("compare the user's mallocs with each other and with the peers", () => {
    const module = 'build/wasm-release/bench/wasm/lite-alloc.mjs';
    const mallocs = ['--malloc', `old=${module}`, '--malloc', `new=${module}`];
    const options = ['wasm', '--smoke', '--columns', 'cycle', ...mallocs];
    const compared = run('bench/run.mjs', ...options);
    for (const pair of ['new / old', 'new / dlmalloc', 'old / best peer']) {
      expect(compared).toMatch(new RegExp(`${pair} +│ [\\d.]+ +│ [\\d.]+ +│`));
    }
    expect(() => run('bench/run.mjs', ...options, '--malloc', module, '--malloc', module)).toThrow(
      /two allocators are named lite-alloc; write --malloc NAME=/,
    );
    expect(() => run('bench/run.mjs', ...options, '--malloc', 'nowhere.mjs')).toThrow(
      /--malloc nowhere\.mjs: there is no such file/,
    );
    expect(() => run('bench/run.mjs', ...options, '--malloc', 'no-such-commit')).toThrow(
      /neither a file, a folder nor a commit/,
    );
  });

  test('refuse unknown benches, options and filters with an error that names them', () => {
    expect(() => run('bench/run.mjs', 'nothing')).toThrow(/There is no bench nothing/);
    expect(() => run('bench/run.mjs', '--smok')).toThrow(/--smok/);
    expect(() => run('bench/run.mjs', '--filter', '(')).toThrow(/--filter \(/);
    expect(() => run('bench/run.mjs', '--filter', 'nobody')).toThrow(/nobody/);
  });
});

test('tables and charts are those of the stored results', () => {
  expect(() => run('bench/report/figures.mjs', '--check')).not.toThrow();
});
