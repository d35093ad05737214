// SPDX-License-Identifier: MIT

import { spawnSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { repository } from '../support/sources.js';

/** The time limit in ms: the report bundles and minifies, which takes seconds on a busy machine. */
const patience = 60_000;

function reportSizes(...options: string[]): { output: string; status: number | null } {
  const script = ['tools/size-report.mjs', ...options];
  const done = spawnSync(process.execPath, script, { cwd: repository, encoding: 'utf8' });
  return { output: done.stdout + done.stderr, status: done.status };
}

let report: ReturnType<typeof reportSizes>;
beforeAll(() => {
  report = reportSizes();
}, patience);

test('the default entry and the wasm stay within the limit, minified and gzipped', () => {
  expect(report.output).toMatch(/gzipped: \d+ of \d+ bytes/);
  expect(report.status, report.output).toBe(0);
});

test(
  'the size report fails where the limit is exceeded, and says by how much',
  () => {
    const { output, status } = reportSizes('--limit', '1000');
    expect(output).toMatch(/is \d+ bytes larger than it may be/);
    expect(status).toBe(1);
  },
  patience,
);

test('the size report lists every file that is shipped, raw and compressed', () => {
  const files = [
    'index.js',
    'index.d.ts',
    'lite-alloc.wasm',
    'lite-alloc.strategies.wasm',
    'standalone/free-list.wasm',
  ];
  for (const file of files) {
    expect(report.output).toMatch(new RegExp(`'${file}' +│ \\d+ +│ \\d+ +│ \\d+`));
  }
});

test.each([
  ['lite-alloc', 4096],
  ['lite-alloc-hardened', 4352],
])('six functions of malloc in a C program, as %s, take at most %i bytes', (name, limit) => {
  const bytesOf = (module: string): number =>
    statSync(join(repository, 'build', 'wasm-release', 'bench', 'size', `${module}.wasm`)).size;
  const bytes = bytesOf(name) - bytesOf('empty');
  console.log(`${name}: ${bytes} bytes`);
  expect(bytes).toBeGreaterThan(0);
  expect(bytes).toBeLessThanOrEqual(limit);
});
