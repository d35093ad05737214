// SPDX-License-Identifier: MIT
//
// npm run mutate -- cpp|typescript [--count N] [--seed TEXT] [--only PATH]
//
// Makes small changes in the sources and runs the tests on each change. A change that no test notices shows a
// gap in the tests. Works in a copy of the checkout, build/mutants, and requires that `npm run build` has been
// run. Exits with status 1 where a mutant survives that tools/mutants-explained.json does not explain, or
// where that file explains a mutant that no longer exists.
//
// TypeScript: a first run without a mutant records which test files reach which mutants. For each mutant it then runs
// the quickest test files that reach it, then all other files that reach it, then the rest, until one fails.

import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { findMutants, instrument, sample, staleExplanations } from './lib/mutants.mjs';
import { cores, listFiles, root, run, runAtOnce } from './lib/processes.mjs';

const copy = join(root, 'build', 'mutants');

/** Where the recording run writes a line of JSON for each test file. */
const hitsFile = join(copy, 'build', 'hits.jsonl');

/** The number of test files in the first stage of a mutant. Most mutants are killed there, within seconds. */
const firstFiles = 3;

/** The functions that find, switch, build and test the mutants of each language. */
const campaigns = {
  cpp: {
    sources: /^cpp\/lite_alloc\/(core|memory|heap|inspect|adaptors)\/.*\.hpp$/,
    // These need WebAssembly: no native program includes them.
    leaveOut: /\/(wasm_memory|program_memory)\.hpp$/,
    switchOf: (number) => `lite_alloc::is_mutant(${number})`,
    addSwitch: (text) =>
      text.replace('#pragma once\n', '#pragma once\n#include "lite_alloc/mutant.hpp"\n'),
    files: {
      'cpp/lite_alloc/mutant.hpp': `#pragma once
#include <cstdlib>
namespace lite_alloc {
inline const int active_mutant = [] {
  const char* number = std::getenv("LITE_ALLOC_MUTANT");
  return number == nullptr ? 0 : std::atoi(number);
}();
constexpr bool is_mutant(int number) noexcept {
  return !__builtin_is_constant_evaluated() && number == active_mutant;
}
}  // namespace lite_alloc
`,
    },
    build: [
      ['cmake', ['--preset', 'native-debug', '-DLITE_ALLOC_WARNING_FLAGS=-w']],
      // Goes on after an error, so that one build shows all mutants that do not compile.
      ['cmake', ['--build', 'build/native-debug', '--parallel', String(cores), '--', '-k']],
    ],
    namedInErrors: /\| .*is_mutant\((\d+)\)/g,
    prepareTests() {},
    stagesOf: () =>
      ['tests', 'random_tests'].map((program) => [
        `build/native-debug/tests/${program}`,
        ['--gtest_brief=1', '--gtest_fail_fast'],
      ]),
  },
  typescript: {
    sources: /^js\/src\/.*\.ts$/,
    leaveOut: /\/(generated\.d|api|index|index\.node|inline|wasm-file)\.ts$/,
    switchOf: (number) => `isMutant(${number})`,
    addSwitch: (text) => `// @ts-nocheck
const activeMutant = Number(globalThis.process?.env?.LITE_ALLOC_MUTANT);
const mutantHits = globalThis.mutantHits;
const isMutant = (number) => {
  if (mutantHits !== undefined) mutantHits[number] = 1;
  return number === activeMutant;
};
${text}`,
    files: {},
    build: [[process.execPath, ['tools/build-package.mjs']]],
    namedInErrors: /isMutant\((\d+)\)/g,
    prepareTests: recordHits,
    stagesOf: vitestStages,
  },
};

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    count: { type: 'string', default: '120' },
    seed: { type: 'string', default: '1' },
    only: { type: 'string', default: '' },
  },
});
const [language] = positionals;
const campaign = campaigns[language];
if (campaign === undefined || positionals.length !== 1) {
  fail(`Name one of ${Object.keys(campaigns).join(', ')}, got "${positionals.join(' ')}".`);
}
if (!/^[1-9]\d*$/.test(values.count))
  fail(`--count needs a whole number above 0, got ${values.count}.`);

const explained = JSON.parse(readFileSync(join(root, 'tools', 'mutants-explained.json'), 'utf8'));
const files = listFiles();
refuseStaleExplanations();
makeCopy();
const mutants = await buildMutants();

campaign.prepareTests();
const begin = performance.now();
const unchanged = await runTests(0, 0);
if (unchanged.killedBy !== undefined) fail(`The tests fail without a mutant:\n${unchanged.output}`);
const reached = readHits();
// A mutant may loop for ever. Processor time ends it, because other work on the machine does not change that.
const limit = Math.ceil(((performance.now() - begin) / 1000) * 4) + 20;

let done = 0;
const results = await runAtOnce(mutants, async (mutant) => {
  const { killedBy } = await runTests(mutant.number, limit);
  const verdict = killedBy === undefined ? 'SURVIVED' : `killed by ${killedBy}`;
  console.log(
    `${++done}/${mutants.length} ${mutant.file}:${mutant.line} ${verdict}\n    ${mutant.what}`,
  );
  return { ...mutant, killedBy };
});
report(results);

/** If an explanation outlived its mutant, it could later excuse another one. */
function refuseStaleExplanations() {
  const stale = staleExplanations(explained, (file) =>
    existsSync(join(root, file)) ? readFileSync(join(root, file), 'utf8') : undefined,
  );
  if (stale.length === 0) return;
  fail(
    `tools/mutants-explained.json explains mutants that do not exist. Move each entry to the file that has ` +
      `the line now, or delete it:\n${stale.join('\n')}`,
  );
}

function makeCopy() {
  rmSync(copy, { recursive: true, force: true });
  mkdirSync(join(copy, 'build'), { recursive: true });
  for (const file of files) cpSync(join(root, file), join(copy, file));
  // Without the private toolchain, tests that need one would fetch another.
  for (const folder of ['node_modules', 'build/wasm-release', '.toolchain']) {
    if (existsSync(join(root, folder))) symlinkSync(join(root, folder), join(copy, folder));
  }
}

/** Chooses mutants and builds them; replaces those that do not compile. */
async function buildMutants() {
  const refused = new Set();
  for (;;) {
    const chosen = placeMutants(refused);
    console.log(`${chosen.length} mutants with the seed ${values.seed}; building ...`);
    const output = await build();
    if (output === undefined) return chosen;
    const named = [...output.matchAll(campaign.namedInErrors)].map(([, number]) => Number(number));
    if (named.length === 0) fail(`The mutants do not build:\n${output}`);
    for (const number of named) refused.add(keyOf(chosen[number - 1]));
  }
}

/** Builds the copy. Resolves with the compiler's output if it fails. */
async function build() {
  for (const [command, commandArguments] of campaign.build) {
    const { status, output } = await runInCopy(command, commandArguments, {});
    if (status !== 0) return output;
  }
  return undefined;
}

function keyOf({ file, line, what }) {
  return `${file}:${line} ${what}`;
}

/** Writes the sources with the mutants of the sample in them. */
function placeMutants(refused) {
  const textOf = (file) => readFileSync(join(root, file), 'utf8');
  const all = files
    .filter((file) => campaign.sources.test(file) && !campaign.leaveOut.test(file))
    .filter((file) => file.includes(values.only))
    .flatMap((file) => findMutants(textOf(file), language).map((mutant) => ({ ...mutant, file })))
    .filter((mutant) => !refused.has(keyOf(mutant)));
  const chosen = sample(all, Number(values.count), values.seed).map((mutant, index) => ({
    ...mutant,
    number: index + 1,
  }));
  for (const file of new Set(chosen.map((mutant) => mutant.file))) {
    const own = chosen.filter((mutant) => mutant.file === file);
    const text = campaign.addSwitch(instrument(textOf(file), own, campaign.switchOf));
    writeFileSync(join(copy, file), text);
  }
  for (const [file, text] of Object.entries(campaign.files)) {
    mkdirSync(dirname(join(copy, file)), { recursive: true });
    writeFileSync(join(copy, file), text);
  }
  return chosen;
}

/**
 * The first test program that fails with a mutant; undefined where all pass. Each process may use `seconds` of
 * processor time, unless that is 0.
 */
async function runTests(number, seconds) {
  for (const [command, commandArguments] of campaign.stagesOf(number)) {
    const limited = [seconds === 0 ? 'unlimited' : String(seconds), command, ...commandArguments];
    const { status, output } = await runInCopy(
      'sh',
      ['-c', 'ulimit -t "$0" && exec "$@"', ...limited],
      {
        environment: {
          LITE_ALLOC_MUTANT: String(number),
          LITE_ALLOC_OPERATIONS: '20000',
          LITE_ALLOC_RANDOM_OPERATIONS: '20000',
          ...(number === 0 ? { LITE_ALLOC_MUTANT_HITS: hitsFile } : {}),
        },
        // A mutant may also wait for ever.
        timeout: seconds * 6,
      },
    );
    if (status === 0) continue;
    const name = /FAILED {2}\] ([^\s,]+)|FAIL +(.+)$/m.exec(stripColours(output));
    const reason = /was killed by SIG(XCPU|KILL)$/m.test(output) ? 'no answer in time' : 'a crash';
    return { killedBy: name?.[1] ?? name?.[2] ?? reason, output };
  }
  return {};
}

/** Lets each test file of the copy write down how long it took and which mutants it reached. */
function recordHits() {
  appendFileSync(
    join(copy, 'test/support/lost-handles.ts'),
    `
import { appendFileSync } from 'node:fs';
import { afterAll as afterFile, expect as state } from 'vitest';
const hitsFile = process.env['LITE_ALLOC_MUTANT_HITS'];
if (hitsFile !== undefined) {
  const begin = performance.now();
  const hits = (globalThis.mutantHits = new Uint8Array(${mutants.length + 1}));
  afterFile(() => {
    const file = state.getState().testPath;
    const milliseconds = performance.now() - begin;
    appendFileSync(hitsFile, JSON.stringify({ file, milliseconds, hits: [...hits.keys()].filter((number) => hits[number] === 1) }) + '\\n');
  });
}
`,
  );
}

/** Each test file with the mutants that it reached, the quickest first; none in C++. */
function readHits() {
  if (!existsSync(hitsFile)) return [];
  const lines = readFileSync(hitsFile, 'utf8').trim().split('\n');
  return lines.map((line) => JSON.parse(line)).sort((a, b) => a.milliseconds - b.milliseconds);
}

/** Runs of Vitest that together have all test files; one run of all while the hits are not known. */
function vitestStages(number) {
  const vitest = [
    'node_modules/vitest/vitest.mjs',
    ...['run', '--project', 'node', '--bail', '1', '--maxWorkers', '1'],
  ];
  if (number === 0) return [[process.execPath, vitest]];
  const reaching = reached.filter(({ hits }) => hits.includes(number));
  const others = reached.filter(({ hits }) => !hits.includes(number));
  return [reaching.slice(0, firstFiles), reaching.slice(firstFiles), others]
    .filter((stage) => stage.length > 0)
    .map((stage) => [process.execPath, [...vitest, ...stage.map(({ file }) => file)]]);
}

function runInCopy(command, commandArguments, options) {
  return run(command, commandArguments, { ...options, folder: copy });
}

function report(all) {
  const survivors = all.filter(({ killedBy }) => killedBy === undefined);
  const open = survivors.filter(
    ({ file, what }) => !explained.some((entry) => entry.file === file && entry.change === what),
  );
  console.log(
    `\n${all.length} mutants: ${all.length - survivors.length} killed, ${survivors.length} survived,` +
      ` ${survivors.length - open.length} of them explained`,
  );
  for (const { file, line, what } of open) console.log(`survived: ${file}:${line}\n    ${what}`);
  process.exitCode = open.length === 0 ? 0 : 1;
}

function stripColours(text) {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences begin with one.
  return text.replace(/\u001b\[[\d;]*m/g, '');
}

function fail(message) {
  console.error(message);
  process.exit(1);
}
