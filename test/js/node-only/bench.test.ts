// SPDX-License-Identifier: MIT
//
// How the benches make figures of measurements.

import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { requireSameResults } from '../../../bench/programs/programs.mjs';
import { causeOf, unknownCause } from '../../../bench/report/causes.mjs';
import { explainLosses } from '../../../bench/report/losses.mjs';
import { summaryRows } from '../../../bench/report/summary.mjs';
import { ownCosts, pairedRatios, ratios } from '../../../bench/wasm/ratios.mjs';

const root = fileURLToPath(new URL('../../..', import.meta.url));

interface CaseResult {
  readonly minimum?: number;
  readonly median?: number;
  readonly grownKb?: number;
  readonly failure?: string;
}

/** Measures cases of the bench inside wasm with an allocator. */
function measure(allocator: string, mode: string, ...cases: string[]): CaseResult[] {
  const script = 'bench/wasm/case.mjs';
  const module = `build/wasm-release/bench/wasm/${allocator}.mjs`;
  const output = execFileSync(process.execPath, [script, module, mode, ...cases], {
    cwd: root,
    encoding: 'utf8',
  });
  return JSON.parse(output) as CaseResult[];
}

const speed = [
  { name: 'dlmalloc', cycle: 6, rand: 30 },
  { name: 'emmalloc', cycle: 8, rand: 20 },
  { name: 'lite-alloc', cycle: 3, rand: 40 },
  { name: 'floor', cycle: 2, rand: 10 },
];

describe('inside wasm', () => {
  test('the floor replays recorded addresses in a history and in loops', () => {
    const results = measure('floor', 'full', 'cfrac', 'vectors', 'frag');
    for (const { minimum, failure } of results) {
      expect(failure).toBeUndefined();
      expect(minimum).toBeGreaterThan(0);
    }
    const [first] = measure('floor', 'memory', 'vectors');
    expect(results[1]?.grownKb).toBe(first?.grownKb); // later passes allocate nothing
  }, 30_000);

  test('a first pass is measured in instances of its own', () => {
    const [result] = measure('lite-alloc', 'fresh', 'cfrac');
    expect(result?.failure).toBeUndefined();
    expect(result?.minimum).toBeGreaterThan(0);
    expect(result?.median).toBeGreaterThanOrEqual(result?.minimum ?? Number.NaN);
  }, 30_000);

  test('phases that repeat need no more memory than one round', () => {
    const [once, repeated] = measure('lite-alloc', 'full', 'phases:1', 'phases:3');
    expect(once?.grownKb).toBeGreaterThan(8192);
    expect(repeated?.grownKb).toBeLessThan(1.1 * (once?.grownKb ?? 0));
  }, 30_000);

  test('the own cost of an allocator is its time without the floor', () => {
    expect(ownCosts(speed, ['cycle', 'rand'])).toEqual([
      { name: 'dlmalloc', cycle: 4, rand: 20 },
      { name: 'emmalloc', cycle: 6, rand: 10 },
      { name: 'lite-alloc', cycle: 1, rand: 30 },
    ]);
    const failed = [{ name: 'dlmalloc', cycle: 'over 5 s', rand: 30 }, speed[3]];
    expect(ownCosts(failed, ['cycle', 'rand'])).toEqual([
      { name: 'dlmalloc', cycle: '-', rand: 20 },
    ]);
    expect(ownCosts(speed.slice(0, 3), ['cycle'])).toEqual([]);
  });

  test('ratios compare with each peer and with the best peer of each column', () => {
    expect(ratios(speed, ['cycle', 'rand'], [])).toEqual([
      { name: 'lite-alloc / dlmalloc', cycle: 0.5, rand: 1.33, mean: 0.816 },
      { name: 'lite-alloc / emmalloc', cycle: 0.375, rand: 2, mean: 0.866 },
      { name: 'lite-alloc / best peer', cycle: 0.5, rand: 2, mean: 1 },
    ]);
  });

  test('paired ratios are the median over the rounds, so one slow round does not matter', () => {
    const rounds = (...times: number[]) =>
      new Map([['cycle', times.map((minimum) => ({ minimum }))]]);
    const runs = [
      { name: 'dlmalloc', cases: rounds(4, 8, 4) },
      { name: 'old', cases: rounds(4, 8, 40) },
      { name: 'new', cases: rounds(2, 4, 2) },
    ];
    expect(pairedRatios(runs, ['cycle'], ['old', 'new'])).toEqual([
      { name: 'old / dlmalloc', cycle: 1, mean: 1 },
      { name: 'new / old', cycle: 0.5, mean: 0.5 },
      { name: 'new / dlmalloc', cycle: 0.5, mean: 0.5 },
    ]);
  });
});

describe('whole programs', () => {
  const runs = (...results: number[]) =>
    results.map((result, index) => ({
      name: `malloc ${index}`,
      cases: new Map([['lua', [{ result: 7 }, { result }]]]),
    }));

  test('may give the same result with every malloc', () => {
    expect(() => requireSameResults('lua', runs(7, 7))).not.toThrow();
  });

  test('fail the bench if a result depends on the malloc', () => {
    expect(() => requireSameResults('lua', runs(7, 8))).toThrow(
      'lua gives 7 with malloc 0, but 8 with malloc 1.',
    );
  });
});

describe('the report', () => {
  test('gives the cause of a loss by its column, or says that it is not known', () => {
    expect(causeOf({ where: 'in wasm', column: 'frames' })).toContain('of similar size');
    expect(causeOf({ where: 'in wasm', column: 'cycle' })).toBe(unknownCause);
  });

  test('names the columns that each cause explains', () => {
    const rows = [
      { name: 'dlmalloc', cycle: 1, frames: 10, buffers: 10 },
      { name: 'lite-alloc', cycle: 3, frames: 20, buffers: 15 },
    ];
    const [line] = explainLosses({ wasm: { speed: { rows } } });
    expect(line).toContain('in 3 workloads: up to 3 times as much as dlmalloc');
    expect(line).toContain(`*cycle*: ${unknownCause} *frames, buffers*: `);
  });

  test('shows the median beside the minimum where there is one', () => {
    const table = (figure: number) => ({
      rows: [{ name: 'dlmalloc', 'pair 64 B': figure, lua: figure }],
    });
    const tables = {
      addresses: table(7.24),
      'addresses-median': table(7.45),
      handles: { rows: [] },
      memory: table(1.3),
      ships: { rows: [] },
    };
    const [pair, , , , memory] = summaryRows(tables);
    expect(pair).toMatchObject({ dlmalloc: '7.24 / 7.45' });
    expect(memory).toMatchObject({ dlmalloc: 1.3 });
  });
});
