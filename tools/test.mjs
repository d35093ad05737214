// SPDX-License-Identifier: MIT
//
// npm test [-- [--all] [SUITE ...]]
//
// Runs the test suites, or those that are named, and ends with one line, `N passed, N failed`, over all of
// them. A suite is left out if this machine lacks its tools, and a line says which. With --all that counts
// as a failure, the random tests run ten times as long, and C programs are also built with flags for which
// Emscripten compiles libraries of their own.

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

/** Seconds after which a test program or a suite is killed: a corrupted free list may make a heap loop for ever. */
const testTimeout = 900;

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
