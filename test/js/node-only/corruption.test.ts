// SPDX-License-Identifier: MIT
//
// A short run of `npm run corrupt`.

import { spawnSync } from 'node:child_process';
import { strategies } from 'lite-alloc';
import { expect, test } from 'vitest';
import { repository } from '../../support/sources.js';

test('no overwritten word hangs a call, harms blocks without a report by check(), or lets calls succeed after a trap', () => {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ['tools/corrupt.mjs', '--count', '150'],
    { cwd: repository, encoding: 'utf8' },
  );
  const lines = stdout.trimEnd().split('\n');
  expect(lines, stdout + stderr).toHaveLength(strategies.length);
  strategies.forEach((strategy, index) => {
    expect(lines[index]).toMatch(
      new RegExp(`^${strategy}: 150 words overwritten, \\d+ seen by check\\(\\), \\d+ did harm, `),
    );
    expect(lines[index]).toMatch(/; 0 missed, 0 calls succeeded after a trap, 0 hung$/);
  });
  expect(status).toBe(0);
});
