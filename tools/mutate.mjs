// SPDX-License-Identifier: MIT
//
// npm run mutate -- cpp|typescript [--count N] [--seed TEXT] [--only PATH]
//
// Changes the sources in small ways and runs the tests on each change. A change that no test notices shows
// a hole in the tests. Works in a copy of the checkout, build/mutants, after `npm run build`. Ends with
// status 1 where a mutant survives that tools/mutants-explained.json does not explain.

import { spawnSync } from 'node:child_process';
import {
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
import { findMutants, instrument, sample } from './lib/mutants.mjs';
import { cores, root, run, runAtOnce } from './lib/processes.mjs';

const copy = join(root, 'build', 'mutants');

/** How each language is searched, switched, built and tested. */
const campaigns = {
  cpp: {
    sources: /^cpp\/lite_alloc\/(core|memory|heap|inspect|adaptors)\/.*\.hpp$/,
    // These need WebAssembly or are not compiled natively.
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
    tests: ['tests', 'random_tests'].map((program) => [
      `build/native-debug/tests/${program}`,
      ['--gtest_brief=1', '--gtest_fail_fast'],
    ]),
  },
  typescript: {
    sources: /^js\/src\/.*\.ts$/,
    leaveOut: /\/(generated\.d|api|index|index\.node|inline|wasm-file)\.ts$/,
    switchOf: (number) => `(activeMutant === ${number})`,
    addSwitch: (text) =>
      `// @ts-nocheck\nconst activeMutant = Number(globalThis.process?.env?.LITE_ALLOC_MUTANT);\n${text}`,
    files: {},
    build: [[process.execPath, ['tools/build-package.mjs']]],
    namedInErrors: /activeMutant === (\d+)/g,
    tests: [
      [
        process.execPath,
        [
          'node_modules/vitest/vitest.mjs',
          'run',
          '--project',
          'node',
          '--bail',
          '1',
          '--maxWorkers',
          '1',
        ],
      ],
    ],
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

const files = listFiles();
makeCopy();
const mutants = await buildMutants();

const begin = performance.now();
const unchanged = await runTests(0, 0);
if (unchanged.killedBy !== undefined) fail(`The tests fail without a mutant:\n${unchanged.output}`);
// A mutant may run for ever.
const timeout = Math.ceil(((performance.now() - begin) / 1000) * 4) + 20;

let done = 0;
const results = await runAtOnce(mutants, async (mutant) => {
  const { killedBy } = await runTests(mutant.number, timeout);
  const verdict = killedBy === undefined ? 'SURVIVED' : `killed by ${killedBy}`;
  console.log(
    `${++done}/${mutants.length} ${mutant.file}:${mutant.line} ${verdict}\n    ${mutant.what}`,
  );
  return { ...mutant, killedBy };
});
report(results);

/** What git tracks or would track. */
function listFiles() {
  const listed = spawnSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
    cwd: root,
    encoding: 'utf8',
  });
  return listed.stdout.split('\n').filter((file) => file !== '' && existsSync(join(root, file)));
}

function makeCopy() {
  rmSync(copy, { recursive: true, force: true });
  mkdirSync(join(copy, 'build'), { recursive: true });
  for (const file of files) cpSync(join(root, file), join(copy, file));
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
  symlinkSync(join(root, 'build', 'wasm-release'), join(copy, 'build', 'wasm-release'));
}

/** Chooses mutants and builds them; those that do not compile make way for others. */
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

/** What the compiler says where it fails. */
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

/** The first test program that fails with a mutant; undefined where all pass. */
async function runTests(number, seconds) {
  for (const [command, commandArguments] of campaign.tests) {
    const { status, output } = await runInCopy(command, commandArguments, {
      environment: {
        LITE_ALLOC_MUTANT: String(number),
        LITE_ALLOC_OPERATIONS: '20000',
        LITE_ALLOC_RANDOM_OPERATIONS: '20000',
      },
      timeout: seconds,
    });
    if (status === 0) continue;
    const name = /FAILED {2}\] ([^\s,]+)|FAIL +(.+)$/m.exec(stripColours(output));
    const reason = status === null ? 'no answer in time' : 'a crash';
    return { killedBy: name?.[1] ?? name?.[2] ?? reason, output };
  }
  return {};
}

function runInCopy(command, commandArguments, options) {
  return run(command, commandArguments, { ...options, folder: copy });
}

function report(all) {
  const explained = JSON.parse(readFileSync(join(root, 'tools', 'mutants-explained.json'), 'utf8'));
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
