// SPDX-License-Identifier: MIT
//
// Prepares a checkout so that its commands can run: installs the npm packages and the Emscripten toolchain,
// and builds the package. Needs Node and npm only, and does nothing when everything is up to date.

import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { installPackages } from './lib/packages.mjs';
import { cores, root } from './lib/processes.mjs';

const emscripten = join(root, 'tools', 'emscripten');
const presets = ['wasm-release'];

installPackages(root);
buildAll();

/** Builds the toolchain, the wasm and the JavaScript if a source has changed since the last build. */
function buildAll() {
  const sources = [
    'cpp',
    'js',
    'bench/CMakeLists.txt',
    'bench/cpp',
    // The command `lite-alloc bench` has these in it.
    'bench/javascript',
    'bench/peers',
    'tools/build-package.mjs',
    'tools/emscripten',
    'tools/emscripten-fetch',
    'tools/prepare.mjs',
    'CMakeLists.txt',
    'CMakePresets.json',
    'tsconfig.json',
    'package.json',
    'package-lock.json',
  ];
  const current = fingerprint(sources);
  const stamp = join(root, 'build', '.sources');
  if (existsSync(join(root, 'dist')) && readStamp(stamp) === current) return;

  requireTool('cmake', 'CMake 3.25 or newer');
  run(emscripten, ['--resolve']);
  for (const preset of presets) {
    console.log(`Building ${preset} ...`);
    run(emscripten, ['emcmake', 'cmake', '--preset', preset], { quiet: true });
    run(emscripten, ['cmake', '--build', join('build', preset), '--parallel', String(cores)], {
      quiet: true,
    });
  }
  console.log('Building the package ...');
  run(process.execPath, [join('tools', 'build-package.mjs')]);
  writeFileSync(stamp, current);
}

function fingerprint(paths) {
  const hash = createHash('sha256');
  for (const path of paths.flatMap(listFiles))
    hash
      .update(path)
      .update('\0')
      .update(readFileSync(join(root, path)));
  return hash.digest('hex');
}

function listFiles(path) {
  const full = join(root, path);
  if (!existsSync(full)) return [];
  if (statSync(full).isFile()) return [path];
  return readdirSync(full)
    .sort()
    .flatMap((name) => listFiles(join(path, name)));
}

function readStamp(file) {
  return existsSync(file) ? readFileSync(file, 'utf8') : undefined;
}

function requireTool(command, description) {
  if (spawnSync(command, ['--version']).error === undefined) return;
  console.error(
    `lite-alloc needs ${description} to build: install it and make sure that \`${command}\` is on PATH.`,
  );
  process.exit(1);
}

/** Runs a command in the root folder. If it fails, prints its output and exits. */
function run(command, commandArguments, { quiet = false } = {}) {
  const PATH = join(root, 'node_modules', '.bin') + delimiter + process.env.PATH;
  const done = spawnSync(command, commandArguments, {
    cwd: root,
    env: { ...process.env, PATH },
    stdio: quiet ? ['ignore', 'pipe', 'pipe'] : ['ignore', 'inherit', 'inherit'],
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });
  if (done.status === 0) return;
  if (quiet) console.error(done.stdout, done.stderr);
  console.error(
    `${command} ${commandArguments.join(' ')} failed: ${done.error?.message ?? `status ${done.status}`}`,
  );
  process.exit(1);
}
