// SPDX-License-Identifier: MIT
//
// Installs the npm packages that the lock file of a folder names. Needs Node and npm only.

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from './processes.mjs';
import { say, step } from './progress.mjs';

/** Runs `npm ci` in a folder if its lock file has changed since the last run. */
export async function installPackages(folder) {
  const lock = readFileSync(join(folder, 'package-lock.json'), 'utf8');
  const stamp = join(folder, 'node_modules', '.lite-alloc-lock');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === lock) return;
  const options = ['ci', '--no-audit', '--no-fund', '--loglevel=error'];
  const { status, output } = await step('Installing npm packages', () =>
    run('npm', options, { folder }),
  );
  if (status !== 0) {
    throw new Error(`npm ${options.join(' ')} failed in ${folder} (status ${status}):\n${output}`);
  }
  say(`npm: ${output.trim()}`);
  writeFileSync(stamp, lock);
}
