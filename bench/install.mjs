// SPDX-License-Identifier: MIT
//
// Installs the peers of the JavaScript benches and the packages that draw the charts: dependencies of this
// folder alone. Does nothing when everything is up to date.

import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const path = (relative) => fileURLToPath(new URL(relative, import.meta.url));

export function installPeers() {
  execFileSync(process.execPath, [path('../tools/install-packages.mjs'), path('.')], {
    stdio: ['ignore', 2, 2],
  });
  compileAssemblyScript();
}

/** Compiles AssemblyScript's runtime with its own collector, optimised for speed. */
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
