// SPDX-License-Identifier: MIT
//
// Runs every suite and closes with one line, `N passed, N failed`, over all of them. What a machine
// lacks the tools for is left out and said; with --all that counts as a failure.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { findChromium } from './chromium.mjs';
import {
  buildFuzzTargets,
  countStored,
  fuzzTargets,
  fuzzToolsMissing,
  runFuzzTarget,
} from './fuzzing.mjs';
import { cores, root, run, runAtOnce } from './processes.mjs';

const reports = 'build/test-reports';
const requireAll = process.argv.includes('--all');

const nativeSuites = [
  { name: 'native', preset: 'native-debug', missing: nativeToolsMissing },
  {
    name: 'native, AddressSanitizer and UndefinedBehaviorSanitizer',
    preset: 'native-asan',
    missing: fuzzToolsMissing,
  },
];
const vitestSuites = [
  { name: 'sources and build', project: 'architecture' },
  { name: 'types', project: 'types' },
  { name: 'wasm in Node', project: 'node' },
  { name: 'wasm in Chromium', project: 'browser', needs: chromiumMissing },
  { name: 'packed package', project: 'package', needs: chromiumMissing },
  { name: 'C and C++ programs', project: 'c' },
];

/** After so many seconds a test program hangs: a heap whose links run in a circle never answers. */
const testTimeout = 900;

rmSync(`${root}${reports}`, { recursive: true, force: true });
mkdirSync(`${root}${reports}`, { recursive: true });

// Native and wasm suites side by side: many are single threaded. Those of Vitest in turn: some need
// gigabytes.
const results = await Promise.all([
  inTurn([
    ...nativeSuites.map((suite) => [suite.name, () => runNative(suite)]),
    ['fuzz targets', runFuzzTargets],
  ]),
  inTurn(vitestSuites.map((suite) => [suite.name, () => runVitest(suite)])),
]);
close(results.flat());

async function inTurn(suites) {
  const done = [];
  for (const [name, suite] of suites) done.push(await report(name, suite));
  return done;
}

/** Configures and builds the GoogleTest programs of one preset; runs each in as many parts as there are cores. */
async function runNative({ preset, missing }) {
  const lacking = missing();
  if (lacking !== undefined) return { left_out: lacking };
  for (const step of [
    ['--preset', preset],
    ['--build', `build/${preset}`, '--parallel', String(cores)],
  ]) {
    const { status, output } = await run('cmake', step);
    if (status !== 0) return failure(output);
  }
  const parts = ['random_tests', 'tests'].flatMap((program) =>
    Array.from({ length: cores }, (_, part) => ({ program, part })),
  );
  return sum(await runAtOnce(parts, (part) => runNativePart(preset, part)));
}

async function runNativePart(preset, { program, part }) {
  const file = `${root}${reports}/${preset}-${program}-${part}.xml`;
  const { status, output } = await run(
    `build/${preset}/tests/${program}`,
    [`--gtest_output=xml:${file}`],
    {
      environment: { GTEST_TOTAL_SHARDS: String(cores), GTEST_SHARD_INDEX: String(part) },
      timeout: testTimeout,
    },
  );
  const counts = googleTestCounts(file);
  // What ends a program leaves no report, or is a finding at its end.
  if (counts === undefined || (status !== 0 && counts.failed === 0)) return failure(output);
  return { ...counts, output: counts.failed > 0 ? output : '' };
}

/** Of GoogleTest's report; undefined where the program ended before it was written. */
function googleTestCounts(file) {
  if (!existsSync(file)) return undefined;
  const count = (name, suites) =>
    [...readFileSync(file, 'utf8').matchAll(new RegExp(`<${suites} [^>]*\\b${name}="(\\d+)"`, 'g'))]
      .map(([, number]) => Number(number))
      .reduce((total, number) => total + number, 0);
  const failed = count('failures', 'testsuites') + count('errors', 'testsuites');
  const skipped = count('skipped', 'testsuite') + count('disabled', 'testsuites');
  return { passed: count('tests', 'testsuites') - failed - skipped, failed, skipped };
}

/** Runs each fuzz target over its stored inputs and so many more, the same every time. */
async function runFuzzTargets() {
  const missing = fuzzToolsMissing();
  if (missing !== undefined) return { left_out: missing };
  const problem = await buildFuzzTargets();
  if (problem !== undefined) return failure(problem);
  return sum(
    await runAtOnce(fuzzTargets, async (target) => {
      const { passed, output } = await runFuzzTarget(target, ['-runs=2000', '-seed=1']);
      if (!passed) return failure(output);
      return countStored(target) === 0 ? failure(`${target} has no stored inputs`) : { passed: 1 };
    }),
  );
}

async function runVitest({ project, needs }) {
  const missing = needs?.();
  const file = `${reports}/${project}.json`;
  if (missing !== undefined && project === 'browser') return { left_out: missing };
  const done = await run(process.execPath, [
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
  const { passed, failed, skipped } = sum(all);
  const leftOut = all.filter((result) => result.left_out !== undefined);
  for (const { name, left_out } of leftOut) console.log(`Left out of '${name}': ${left_out}`);
  const incomplete = requireAll ? leftOut.length + skipped : 0;
  if (incomplete > 0) console.log(`${incomplete} left out or skipped, and --all was asked for`);
  console.log(`${passed} passed, ${failed + incomplete} failed`);
  process.exitCode = failed + incomplete === 0 && passed > 0 ? 0 : 1;
}

function failure(output) {
  return { failed: 1, output };
}

/** One result of several. */
function sum(all) {
  const total = (key) => all.reduce((sum, result) => sum + (result[key] ?? 0), 0);
  const outputs = all.map(({ output }) => output).filter(Boolean);
  return {
    passed: total('passed'),
    failed: total('failed'),
    skipped: total('skipped'),
    output: outputs.join('\n'),
  };
}

function nativeToolsMissing() {
  const compiler = process.env.CXX ?? 'c++';
  const works = (...options) => spawnSync(compiler, options, { stdio: 'ignore' }).status === 0;
  if (!works('--version')) return `no C++ compiler (${compiler})`;
  return works('-E', '-x', 'c++', '-include', 'gtest/gtest.h', '/dev/null')
    ? undefined
    : 'no GoogleTest (Debian: libgtest-dev)';
}

function chromiumMissing() {
  return findChromium() === undefined
    ? 'no Chromium (Debian: chromium; or set CHROMIUM_PATH)'
    : undefined;
}
