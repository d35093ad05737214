// SPDX-License-Identifier: MIT
//
// Brings the peers of the JavaScript benches, and what draws their pictures: they are dependencies of
// this folder alone. Does nothing when all is current.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { installPackages } from '../tools/packages.mjs';

const path = (relative) => fileURLToPath(new URL(relative, import.meta.url));

export function installPeers() {
  installPackages(path('.'));
  compileAssemblyScript();
}

/** Its runtime with its own collector, as its compiler makes it for speed. */
function compileAssemblyScript() {
  const source = path('peers/assemblyscript-heap.ts');
  const compiler = path('node_modules/assemblyscript/package.json');
  const module = path('../build/bench/assemblyscript.wasm');
  const isOlder = (file) => statSync(module).mtimeMs < statSync(file).mtimeMs;
  if (existsSync(module) && !isOlder(source) && !isOlder(compiler)) return;
  mkdirSync(path('../build/bench'), { recursive: true });
  const asc = path('node_modules/assemblyscript/bin/asc.js');
  const options = [source, '-o', module, '--exportRuntime', '--runtime', 'incremental', '-O3'];
  const done = spawnSync(process.execPath, [asc, ...options], { encoding: 'utf8' });
  if (done.status !== 0) throw new Error(`asc ${options.join(' ')}: ${done.stderr}`);
}
