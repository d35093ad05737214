// SPDX-License-Identifier: MIT
//
// npm run ecosystem [-- NAME ...]
//
// Runs the probe in every host, then makes, builds and runs the applications, and records the versions in
// recorded.json. Each NAME is `hosts` or begins the name of an application. It first installs the hosts that npm
// packages bring. With LITE_ALLOC_ECOSYSTEM_APPS=FOLDER the applications stay in that folder, and a later run only
// builds them.

import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { packages, toolsFolder } from './packages.mjs';

const repository = fileURLToPath(new URL('../..', import.meta.url));

const names = process.argv.slice(2);
mkdirSync(toolsFolder, { recursive: true });
writeFileSync(`${toolsFolder}/package.json`, '{ "private": true }\n');
const options = ['--no-audit', '--no-fund', '--prefer-offline', '--no-save'];
let failed = run('npm', ['install', ...options, ...packages], { cwd: toolsFolder });
if (!failed && (names.length === 0 || names.includes('hosts'))) failed = runTests('hosts.test.ts');
const apps = names.filter((name) => name !== 'hosts');
const filter = apps.length > 0 ? ['-t', `of (${apps.join('|')})`] : [];
if (names.length === 0 || apps.length > 0) failed = runTests('apps.test.ts', ...filter) || failed;
process.exitCode = failed ? 1 : 0;

function runTests(file, ...filters) {
  const config = ['--config', 'test/ecosystem/vitest.config.ts'];
  const vitest = ['node_modules/vitest/vitest.mjs', 'run', ...config, file, ...filters];
  const env = { ...process.env, LITE_ALLOC_RECORD: '1' };
  return run(process.execPath, vitest, { cwd: repository, env });
}

/** Runs a program, and returns whether it failed. */
function run(command, options, settings) {
  return spawnSync(command, options, { stdio: 'inherit', ...settings }).status !== 0;
}
