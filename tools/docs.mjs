// SPDX-License-Identifier: MIT
//
// node tools/docs.mjs [FOLDER]
//
// Generates the API reference from the comments in js/src, as HTML in docs/api or in FOLDER. Fails where a
// public item has no comment, or where a comment refers to an item that does not exist.

import { spawnSync } from 'node:child_process';
import { join, resolve } from 'node:path';
import { installPackages } from './lib/packages.mjs';
import { root } from './lib/processes.mjs';

const reference = join(root, 'docs', 'reference');
const [folder] = process.argv.slice(2);

await installPackages(reference);
const typedoc = join(reference, 'node_modules', '.bin', 'typedoc');
const out = folder === undefined ? [] : ['--out', resolve(folder)];
const { status, error } = spawnSync(typedoc, out, { cwd: reference, stdio: 'inherit' });
if (status !== 0) {
  console.error(`typedoc failed: ${error?.message ?? `status ${status}`}`);
  process.exit(1);
}
