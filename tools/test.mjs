// SPDX-License-Identifier: MIT
//
// Runs every suite and closes with one line, `N passed, N failed`, over all of them. What a machine
// lacks the tools for is left out and said; with --all that counts as a failure.

import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { findChromium } from './chromium.mjs';
import {
  buildFuzzTargets,
  countStored,
  fuzzTargets,
  fuzzToolsMissing,
  runFuzzTarget,
} from './fuzzing.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const reports = 'build/test-reports';
const requireAll = process.argv.includes('--all');

const nativeSuites = [
  { name: 'native', preset: 'native-debug' },
  { name: 'native, AddressSanitizer and UndefinedBehaviorSanitizer', preset: 'native-asan' },
];
const vitestSuites = [
  { name: 'sources and build', project: 'architecture' },
  { name: 'types', project: 'types' },
  { name: 'wasm in Node', project: 'node' },
  { name: 'wasm in Chromium', project: 'browser', needs: chromiumMissing },
  { name: 'packed package', project: 'package', needs: chromiumMissing },
  { name: 'C and C++ programs', project: 'c' },
];

rmSync(`${root}${reports}`, { recursive: true, force: true });
mkdirSync(`${root}${reports}`, { recursive: true });

const results = [];
for (const suite of nativeSuites) results.push(await report(suite.name, () => runNative(suite)));
results.push(await report('fuzz targets', runFuzzTargets));
for (const suite of vitestSuites) results.push(await report(suite.name, () => runVitest(suite)));
close(results);

/** Configures, builds and runs the GoogleTest suites of one preset. */
function runNative({ preset }) {
  const missing = nativeToolsMissing();
  if (missing !== undefined) return { left_out: missing };
  for (const step of [
    ['cmake', ['--preset', preset]],
    ['cmake', ['--build', `build/${preset}`, '--parallel', String(availableParallelism())]],
  ]) {
    const done = run(...step);
    if (done.status !== 0) return failure(done.output);
  }
  const file = `${root}${reports}/${preset}.xml`;
  const tests = run('ctest', [
    '--test-dir',
    `build/${preset}`,
    '--output-on-failure',
    '--output-junit',
    file,
  ]);
  const counts = junitCounts(file);
  return counts ?? failure(tests.output);

  function junitCounts(path) {
    try {
      const attributes = readFileSync(path, 'utf8').match(/<testsuite [^>]*>/)?.[0] ?? '';
      const count = (name) => Number(attributes.match(new RegExp(`\\b${name}="(\\d+)"`))?.[1] ?? 0);
      const failed = count('failures') + count('errors');
      const skipped = count('skipped') + count('disabled');
      return {
        passed: count('tests') - failed - skipped,
        failed,
        skipped,
        output: failed ? tests.output : '',
      };
    } catch {
      return undefined;
    }
  }
}

/** Runs each fuzz target over its stored inputs and so many more, the same every time. */
async function runFuzzTargets() {
  const missing = fuzzToolsMissing();
  if (missing !== undefined) return { left_out: missing };
  const problem = buildFuzzTargets();
  if (problem !== undefined) return failure(problem);
  const waiting = [...fuzzTargets];
  const outputs = [];
  const runWaiting = async () => {
    for (let target = waiting.pop(); target !== undefined; target = waiting.pop()) {
      const { passed, output } = await runFuzzTarget(target, ['-runs=2000', '-seed=1']);
      if (!passed) outputs.push(output);
      else if (countStored(target) === 0) outputs.push(`${target} has no stored inputs`);
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, runWaiting));
  const failed = outputs.length;
  return { passed: fuzzTargets.length - failed, failed, output: outputs.join('\n') };
}

function runVitest({ project, needs }) {
  const missing = needs?.();
  const file = `${reports}/${project}.json`;
  if (missing !== undefined && project === 'browser') return { left_out: missing };
  const done = run(process.execPath, [
    'node_modules/vitest/vitest.mjs',
    'run',
    '--project',
    project,
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${file}`,
  ]);
  try {
    const json = JSON.parse(readFileSync(`${root}${file}`, 'utf8'));
    const failed = json.numFailedTests + (done.status !== 0 && json.numFailedTests === 0 ? 1 : 0);
    return {
      passed: json.numPassedTests,
      failed,
      skipped: json.numPendingTests + json.numTodoTests,
      output: failed > 0 ? done.output : '',
      left_out: missing,
    };
  } catch {
    return failure(done.output);
  }
}

async function report(name, suite) {
  const begin = performance.now();
  const { passed = 0, failed = 0, skipped = 0, output = '', left_out } = await suite();
  const seconds = ((performance.now() - begin) / 1000).toFixed(0);
  if (output !== '') console.log(output);
  const extra = skipped > 0 ? `, ${skipped} skipped` : '';
  console.log(`${name}: ${passed} passed, ${failed} failed${extra} (${seconds} s)`);
  return { name, passed, failed, skipped, left_out };
}

function close(all) {
  const sum = (key) => all.reduce((total, result) => total + result[key], 0);
  const leftOut = all.filter((result) => result.left_out !== undefined);
  for (const { name, left_out } of leftOut) console.log(`Left out of '${name}': ${left_out}`);
  const incomplete = requireAll ? leftOut.length + sum('skipped') : 0;
  if (incomplete > 0) console.log(`${incomplete} left out or skipped, and --all was asked for`);
  const failed = sum('failed') + incomplete;
  console.log(`${sum('passed')} passed, ${failed} failed`);
  process.exitCode = failed === 0 && sum('passed') > 0 ? 0 : 1;
}

function failure(output) {
  return { failed: 1, output };
}

function run(command, commandArguments) {
  const done = spawnSync(command, commandArguments, {
    cwd: root,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    maxBuffer: 1 << 28,
  });
  return {
    status: done.status,
    output: `${done.stdout ?? ''}${done.stderr ?? ''}${done.error?.message ?? ''}`,
  };
}

function nativeToolsMissing() {
  const compiler = process.env.CXX ?? 'c++';
  if (run(compiler, ['--version']).status !== 0) return `no C++ compiler (${compiler})`;
  const header = run(compiler, ['-E', '-x', 'c++', '-include', 'gtest/gtest.h', '/dev/null']);
  return header.status === 0 ? undefined : 'no GoogleTest (Debian: libgtest-dev)';
}

function chromiumMissing() {
  return findChromium() === undefined
    ? 'no Chromium (Debian: chromium; or set CHROMIUM_PATH)'
    : undefined;
}
