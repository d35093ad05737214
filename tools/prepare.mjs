// SPDX-License-Identifier: MIT
//
// node tools/prepare.mjs [--all]
//
// Prepares a checkout so that its commands can run: installs the npm packages and the Emscripten toolchain, and builds
// the package. With --all it also builds the modules that only tests and benches use. Needs Node and npm only, and
// does nothing when everything is up to date.

import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { parseArgs } from 'node:util';
import { installPackages } from './lib/packages.mjs';
import { cores, root, run } from './lib/processes.mjs';
import { say, step } from './lib/progress.mjs';

const emscripten = join(root, 'tools', 'emscripten');
const preset = 'wasm-release';
const { values } = parseArgs({ options: { all: { type: 'boolean', default: false } } });
const PATH = join(root, 'node_modules', '.bin') + delimiter + process.env.PATH;

/** What is built, each with the file that holds the fingerprint of the sources it was last built from. */
const stamps = {
  package: join(root, 'build', '.sources'),
  everything: join(root, 'build', '.sources-of-everything'),
};

try {
  await prepare();
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}

/** The npm packages, the toolchain and the wasm need each other only in the end, and the first two mostly wait. */
async function prepare() {
  const current = fingerprint();
  const upToDate = (stamp) =>
    existsSync(join(root, 'dist')) && existsSync(stamp) && readFileSync(stamp, 'utf8') === current;
  const build = !upToDate(stamps.package);
  const buildMore = values.all && !upToDate(stamps.everything);
  const modules = build ? buildModules() : undefined;
  await Promise.all([installPackages(root), modules]);
  if (build) {
    await step('Building the package', () =>
      runTool(process.execPath, [join('tools', 'build-package.mjs')]),
    );
    writeFileSync(stamps.package, current);
  }
  if (buildMore) {
    await makeTarget('Building the modules for tests and benches', 'everything');
    writeFileSync(stamps.everything, current);
  }
}

async function buildModules() {
  requireTool('cmake', 'CMake 3.25 or newer');
  const { status } = await run(emscripten, ['--resolve'], {
    onText: (text) => say(text.trimEnd()),
  });
  if (status !== 0) throw new Error('There is no Emscripten to build with.');
  await makeTarget("Building the package's modules", 'all');
}

async function makeTarget(name, target) {
  await step(name, async (reportDone) => {
    await runTool(emscripten, ['emcmake', 'cmake', '--preset', preset]);
    const options = ['--parallel', String(cores), '--target', target];
    const progress = /^\[ *(\d+%)\]|generating system library: .*\/(\w+)/gm;
    let [built, library] = ['0%', ''];
    await runTool(emscripten, ['cmake', '--build', join('build', preset), ...options], (text) => {
      for (const [, percentage, lib] of text.matchAll(progress)) {
        [built, library] = [percentage ?? built, lib ?? ''];
        reportDone(library === '' ? built : `${built}, Emscripten compiles its ${library}`);
      }
    });
  });
}

/** Runs a command in the root folder. Throws its output if it fails. */
async function runTool(command, commandArguments, onText) {
  const options = { environment: { PATH }, ...(onText === undefined ? {} : { onText }) };
  const { status, output } = await run(command, commandArguments, options);
  if (status === 0) return;
  throw new Error(`${output}\n${command} ${commandArguments.join(' ')} failed: status ${status}`);
}

function fingerprint() {
  const hash = createHash('sha256');
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
    'tools/lib/debian.sh',
    'tools/prepare.mjs',
    'CMakeLists.txt',
    'CMakePresets.json',
    'tsconfig.json',
    'package.json',
    'package-lock.json',
  ];
  for (const path of sources.flatMap(listFiles))
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

function requireTool(command, description) {
  if (spawnSync(command, ['--version']).error === undefined) return;
  console.error(
    `lite-alloc needs ${description} to build: install it and make sure that \`${command}\` is on PATH.`,
  );
  process.exit(1);
}
