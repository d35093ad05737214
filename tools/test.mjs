// SPDX-License-Identifier: MIT
//
// npm test [-- [--all] [SUITE ...]]
//
// Runs the test suites, or those that are named, and ends with one line, `N passed, N failed`, over all of
// them. A suite is left out if this machine lacks its tools, and a line says which. With --all that counts
// as a failure, the random tests run five or ten times as long, and C programs are also built with flags for
// which Emscripten compiles libraries of their own.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { findChromium, findFirefox, findWebKit } from './lib/browsers.mjs';
import {
  buildFuzzTargets,
  countStored,
  fuzzTargets,
  fuzzToolsMissing,
  runFuzzTarget,
} from './lib/fuzzing.mjs';
import { cores, root, run, runAtOnce } from './lib/processes.mjs';
import { step } from './lib/progress.mjs';

const reports = 'build/test-reports';

/**
 * The parts of each suite: what to call them in the output, and how to run them. They begin in this order, the long
 * ones first, so that in the end no processor is idle.
 */
const suites = {
  js: { 'wasm in Node': () => runVitest('node') },
  cpp: {
    native: () => runNative('native-debug', nativeToolsMissing),
    'native, AddressSanitizer and UndefinedBehaviorSanitizer': () =>
      runNative('native-asan', fuzzToolsMissing),
    'native, ThreadSanitizer': () => runNative('native-tsan', fuzzToolsMissing, ['thread_tests']),
    'fuzz targets': runFuzzTargets,
  },
  c: { 'C and C++ programs': () => runVitest('c') },
  package: { 'packed package': () => runVitest('package', chromiumMissing()) },
  browser: {
    'wasm in WebKitGTK': () => runInBrowser('webkit', webkitMissing()),
    'wasm in Firefox': () => runInBrowser('firefox', firefoxMissing()),
    'wasm in Chromium': () => runInBrowser('chromium', chromiumMissing()),
  },
  architecture: { 'sources and build': () => runVitest('architecture') },
  types: { types: () => runVitest('types') },
};

/** The GoogleTest programs. */
const nativePrograms = ['random_tests', 'tests', 'shared_tests', 'thread_tests'];

/** Seconds after which a test program, or a suite, is killed: a corrupted free list may make a heap loop for ever. */
const testTimeout = 900;
const suiteTimeout = 1800;

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { all: { type: 'boolean', default: false } },
});
const unknown = positionals.filter((name) => !Object.hasOwn(suites, name));
if (unknown.length > 0) {
  console.error(
    `There is no suite ${unknown.join(', ')}; the suites are ${Object.keys(suites).join(', ')}.`,
  );
  process.exit(1);
}
rmSync(`${root}${reports}`, { recursive: true, force: true });
mkdirSync(`${root}${reports}`, { recursive: true });

// Two parts at a time, for many of them use one processor alone; not more, because some need gigabytes.
const chosen = Object.keys(suites).filter(
  (name) => positionals.length === 0 || positionals.includes(name),
);
const parts = chosen.flatMap((name) => Object.entries(suites[name]));
close(await runAtOnce(parts, ([name, runPart]) => report(name, runPart), 2));

/** Configures and builds some GoogleTest programs with one preset, and runs each in one part per core. */
async function runNative(preset, missing, programs = nativePrograms) {
  const lacking = missing();
  if (lacking !== undefined) return { leftOut: lacking };
  for (const step of [
    ['--preset', preset],
    ['--build', `build/${preset}`, '--parallel', String(cores), '--target', ...programs],
  ]) {
    const { status, output } = await run('cmake', step);
    if (status !== 0) return failure(output);
  }
  const parts = programs.flatMap((program) =>
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
      environment: {
        GTEST_TOTAL_SHARDS: String(cores),
        GTEST_SHARD_INDEX: String(part),
        ...(values.all ? {} : { LITE_ALLOC_OPERATIONS: '50000' }),
      },
      timeout: testTimeout,
    },
  );
  const counts = googleTestCounts(file);
  // A crash leaves no report; a sanitizer may report a finding after the last test.
  if (counts === undefined || (status !== 0 && counts.failed === 0)) return failure(output);
  return { ...counts, output: counts.failed > 0 ? output : '' };
}

/** The counts in a report of GoogleTest; undefined if the program did not write one. */
function googleTestCounts(file) {
  if (!existsSync(file)) return undefined;
  const count = (name, element) =>
    [
      ...readFileSync(file, 'utf8').matchAll(
        new RegExp(`<${element} [^>]*\\b${name}="(\\d+)"`, 'g'),
      ),
    ]
      .map(([, number]) => Number(number))
      .reduce((total, number) => total + number, 0);
  const failed = count('failures', 'testsuites') + count('errors', 'testsuites');
  const skipped = count('skipped', 'testsuite') + count('disabled', 'testsuites');
  return { passed: count('tests', 'testsuites') - failed - skipped, failed, skipped };
}

/** Runs each fuzz target over its stored inputs and 2000 new ones, which are the same every time. */
async function runFuzzTargets() {
  const missing = fuzzToolsMissing();
  if (missing !== undefined) return { leftOut: missing };
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

function runInBrowser(browser, missing) {
  return missing === undefined ? runVitest(browser) : { leftOut: missing };
}

/** Runs one Vitest project. If `missing` names a tool, some of its tests are skipped. */
async function runVitest(project, missing) {
  const file = `${reports}/${project}.json`;
  const done = await run(
    process.execPath,
    [
      'node_modules/vitest/vitest.mjs',
      'run',
      '--project',
      project,
      '--reporter=default',
      '--reporter=json',
      `--outputFile.json=${file}`,
    ],
    { environment: values.all ? { LITE_ALLOC_ALL: '1' } : {}, timeout: suiteTimeout },
  );
  try {
    const json = JSON.parse(readFileSync(`${root}${file}`, 'utf8'));
    const failed = json.numFailedTests + (done.status !== 0 && json.numFailedTests === 0 ? 1 : 0);
    return {
      passed: json.numPassedTests,
      failed,
      skipped: json.numPendingTests + json.numTodoTests,
      output: failed > 0 ? done.output : '',
      leftOut: missing,
    };
  } catch {
    return failure(done.output);
  }
}

async function report(name, runPart) {
  const begin = performance.now();
  const result = await step(name, runPart, 30);
  const { passed = 0, failed = 0, skipped = 0, output = '', leftOut } = result;
  const seconds = ((performance.now() - begin) / 1000).toFixed(0);
  if (output !== '') console.log(output);
  const extra = skipped > 0 ? `, ${skipped} skipped` : '';
  console.log(`${name}: ${passed} passed, ${failed} failed${extra} (${seconds} s)`);
  return { name, passed, failed, skipped, leftOut };
}

function close(all) {
  const { passed, failed, skipped } = sum(all);
  const leftOut = all.filter((result) => result.leftOut !== undefined);
  for (const result of leftOut) console.log(`Left out of '${result.name}': ${result.leftOut}`);
  const incomplete = values.all ? leftOut.length + skipped : 0;
  if (incomplete > 0) console.log(`${incomplete} left out or skipped, which --all does not allow`);
  console.log(`${passed} passed, ${failed + incomplete} failed`);
  process.exitCode = failed + incomplete === 0 && passed > 0 ? 0 : 1;
}

function failure(output) {
  return { failed: 1, output };
}

/** Adds up several results. */
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

function firefoxMissing() {
  return findFirefox() === undefined
    ? 'no Firefox (Debian: firefox-esr; or set FIREFOX_PATH)'
    : undefined;
}

function webkitMissing() {
  return findWebKit() === undefined
    ? 'no MiniBrowser of WebKitGTK, or no Xvfb (Debian: webkit2gtk-driver, xvfb; or set MINIBROWSER_PATH)'
    : undefined;
}
