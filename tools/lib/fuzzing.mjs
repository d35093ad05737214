// SPDX-License-Identifier: MIT
//
// Builds and runs the fuzz targets.

import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { cores, root, run } from './processes.mjs';

/** The targets have the names of the allocators' headers. */
export const fuzzTargets = ['bump_free_list', 'segregated_bump', 'free_list', 'segregated_fit'];

/** Names the tool that is missing to build the targets; undefined if none is. */
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
 * Runs a target over its stored inputs, and then as libFuzzer's `flags` say. With `keep` it also starts from
 * the inputs that earlier runs found, and keeps the new ones. Resolves with the output and, if the target
 * failed, the file that made it fail.
 */
export function runFuzzTarget(target, flags, { keep = false, onOutput = () => {} } = {}) {
  const inputs = `build/fuzz/${keep ? 'inputs' : 'passing'}/${target}`;
  const failures = `build/fuzz/failures/${target}`;
  if (!keep) rmSync(`${root}${inputs}`, { recursive: true, force: true });
  for (const folder of [inputs, failures]) mkdirSync(`${root}${folder}`, { recursive: true });
  const child = spawn(
    `build/fuzz/targets/${target}`,
    [
      '-max_len=512', // libFuzzer cuts longer ones
      '-timeout=25',
      '-detect_leaks=0', // the heaps map their memory, which the leak checker does not see
      `-artifact_prefix=${failures}/`,
      ...flags,
      inputs, // libFuzzer writes to the first folder
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

/** The count of inputs that are stored for a target. */
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
