// SPDX-License-Identifier: MIT
//
// node tools/docs.mjs [folder]: makes the API reference from the comments in js/src, as HTML in docs/api or
// in a folder of your own. Fails where a comment refers to what is not there.

import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const cwd = fileURLToPath(new URL('../docs/reference', import.meta.url));
const [folder] = process.argv.slice(2);

if (!existsSync(`${cwd}/node_modules/typedoc`)) {
  run('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error']);
}
run(`${cwd}/node_modules/.bin/typedoc`, folder === undefined ? [] : ['--out', folder]);

function run(command, commandArguments) {
  const { status, error } = spawnSync(command, commandArguments, { cwd, stdio: 'inherit' });
  if (status === 0) return;
  console.error(`${command} failed: ${error?.message ?? `status ${status}`}`);
  process.exit(1);
}
