// SPDX-License-Identifier: MIT
//
// node tools/install-packages.mjs FOLDER
//
// Installs the npm packages that FOLDER/package-lock.json names, unless they are installed already.

import { installPackages } from './lib/packages.mjs';

const [folder] = process.argv.slice(2);
if (folder === undefined) {
  console.error('install-packages requires a folder: node tools/install-packages.mjs FOLDER');
  process.exit(1);
}
await installPackages(folder);
