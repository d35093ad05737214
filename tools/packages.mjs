// SPDX-License-Identifier: MIT
//
// npm packages of a folder, as its lock file names them. Needs nothing but Node and npm itself.

import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** `npm ci`, when the lock file is another than that of the last time. */
export function installPackages(folder) {
  const lock = readFileSync(join(folder, 'package-lock.json'), 'utf8');
  const stamp = join(folder, 'node_modules', '.lite-alloc-lock');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === lock) return;
  console.error(`Installing npm packages in ${folder} ...`);
  const options = ['ci', '--no-audit', '--no-fund', '--loglevel=error'];
  const done = spawnSync('npm', options, { cwd: folder, stdio: ['ignore', 2, 2] });
  if (done.status !== 0) {
    const reason = done.error?.message ?? `status ${done.status}`;
    throw new Error(`npm ${options.join(' ')} failed in ${folder}: ${reason}`);
  }
  writeFileSync(stamp, lock);
}
