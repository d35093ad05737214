// SPDX-License-Identifier: MIT
//
// Installs the npm packages that the lock file of a folder names. Needs Node and npm only.

import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Runs `npm ci` in a folder if its lock file has changed since the last run. */
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
