// SPDX-License-Identifier: MIT

import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { repository } from '../support/sources.js';

function reportSizes(...options: string[]): { output: string; status: number | null } {
  const script = ['tools/size-report.mjs', ...options];
  const done = spawnSync(process.execPath, script, { cwd: repository, encoding: 'utf8' });
  return { output: done.stdout + done.stderr, status: done.status };
}

test('the default entry and the wasm stay within the limit, minified and gzipped', () => {
  const { output, status } = reportSizes();
  expect(output).toMatch(/gzipped: \d+ of \d+ bytes/);
  expect(status, output).toBe(0);
});

test('the size report fails where the limit is exceeded, and says by how much', () => {
  const { output, status } = reportSizes('--limit', '1000');
  expect(output).toMatch(/is \d+ bytes larger than it may be/);
  expect(status).toBe(1);
});

test('the size report lists every file that is shipped, raw and compressed', () => {
  const { output } = reportSizes();
  const files = [
    'index.js',
    'index.d.ts',
    'lite-alloc.wasm',
    'lite-alloc.strategies.wasm',
    'standalone/free-list.wasm',
  ];
  for (const file of files) {
    expect(output).toMatch(new RegExp(`'${file}' +│ \\d+ +│ \\d+ +│ \\d+`));
  }
});
