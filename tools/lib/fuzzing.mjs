// SPDX-License-Identifier: MIT
//
// The fuzz targets: what they need, how they are built and run.

import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { cores, root, run } from './processes.mjs';

/** Named as the allocators' headers. */
export const fuzzTargets = ['bump_free_list', 'segregated_bump', 'free_list', 'segregated_fit'];

/** What the targets cannot be built without; undefined if all is there. */
export function fuzzToolsMissing() {
  const compiles = (source, ...flags) =>
    spawnSync('clang++', ['-x', 'c++', '-', ...flags], { input: source }).status === 0;
  if (spawnSync('clang++', ['--version']).status !== 0) return 'no clang++ (Debian: clang)';
  const entry = 'extern "C" int LLVMFuzzerTestOneInput(const char*, unsigned long) { return 0; }';
  if (!compiles(entry, '-fsanitize=fuzzer,address,undefined', '-o', '/dev/null')) {
    return 'no libFuzzer for clang++ (Debian: libclang-rt-dev)';
  }
  return compiles('#include <gtest/gtest.h>', '-E', '-o', '/dev/null')
    ? undefined
    : 'no GoogleTest (Debian: libgtest-dev)';
}

/** Builds all targets. Resolves with the output if that fails. */
export async function buildFuzzTargets() {
  for (const step of [
    ['--preset', 'fuzz'],
    ['--build', 'build/fuzz', '--parallel', String(cores)],
  ]) {
    const { status, output } = await run('cmake', step);
    if (status !== 0) return output;
  }
  return undefined;
}

/**
 * Runs a target over what is stored and goes on from there as libFuzzer's `flags` say. With `keep`
 * it starts from what it found before, too, and keeps what it finds. Resolves with the output, and
 * the file that broke the target if one did.
 */
export function runFuzzTarget(target, flags, { keep = false, onOutput = () => {} } = {}) {
  const inputs = `build/fuzz/${keep ? 'inputs' : 'passing'}/${target}`;
  const failures = `build/fuzz/failures/${target}`;
  if (!keep) rmSync(`${root}${inputs}`, { recursive: true, force: true });
  for (const folder of [inputs, failures]) mkdirSync(`${root}${folder}`, { recursive: true });
  const child = spawn(
    `build/fuzz/targets/${target}`,
    [
      '-max_len=512', // longer ones are cut off
      '-timeout=25',
      '-detect_leaks=0', // a heap's memory is mapped: nothing for the leak checker to see
      `-artifact_prefix=${failures}/`,
      ...flags,
      inputs, // the first folder is the one that is written to
      ...['corpus', 'regressions'].map((kind) => storedFolder(kind, target)).filter(isThere),
    ],
    { cwd: root },
  );
  return new Promise((resolve) => {
    let output = '';
    const collect = (data) => {
      output += data;
      onOutput(String(data));
    };
    child.stdout.on('data', collect);
    child.stderr.on('data', collect);
    child.on('error', (error) => collect(error.message));
    child.on('close', (status) => {
      const failure = output.match(/Test unit written to (\S+)/)?.[1];
      resolve({ passed: status === 0, output, failure });
    });
  });
}

/** How many inputs are stored for a target. */
export function countStored(target) {
  const folder = storedFolder('corpus', target);
  return isThere(folder) ? readdirSync(`${root}${folder}`).length : 0;
}

function storedFolder(kind, target) {
  return `test/fuzz/${kind}/${target}`;
}

function isThere(folder) {
  return existsSync(`${root}${folder}`);
}
