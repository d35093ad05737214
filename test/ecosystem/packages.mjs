// SPDX-License-Identifier: MIT
//
// The hosts that npm packages bring: `npm run ecosystem` installs them, and the tests use them if they are there.

import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** Where they are installed. */
export const toolsFolder = fileURLToPath(new URL('../../build/ecosystem', import.meta.url));

/** The versions of Node to try, besides the one that runs the tests. */
export const nodeVersions = [22, 24, 26];

/** What to install. The package of a Node without its name for a platform would download that one by itself. */
export const packages = [
  ...nodeVersions.map(
    (version) => `node${version}@npm:node-${process.platform}-${process.arch}@${version}`,
  ),
  'deno',
  'bun',
  'workerd',
];

/** The path of a program in an installed package; undefined if it is not there. */
export function inPackage(path) {
  const file = `${toolsFolder}/node_modules/${path}`;
  return existsSync(file) ? file : undefined;
}
