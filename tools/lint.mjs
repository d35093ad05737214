// SPDX-License-Identifier: MIT
//
// node tools/lint.mjs [--write]
//
// Runs the formatters and linters over all sources that git lists. With --write the formatters fix the files.

import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { cores, listFiles, root, run, runAtOnce } from './lib/processes.mjs';
import { planTidy } from './lib/tidy-plan.mjs';

const { values } = parseArgs({
  options: {
    write: { type: 'boolean', default: false },
  },
});

/** Checks that judge a source for wasm wrongly: its names and headers belong to the linker and the C library. */
const wasmUnfit = [
  'bugprone-dynamic-static-initializers',
  'bugprone-reserved-identifier',
  'cert-dcl37-c',
  'cert-dcl51-cpp',
  'cert-err33-c',
  'modernize-use-auto',
  'readability-inconsistent-declaration-parameter-name',
];

const files = listFiles();
const cpp = files.filter((file) => /\.(cpp|hpp|c|h)$/.test(file));
const biome = join(root, 'node_modules/.bin/biome');
const glue = writeGlue();

const checks = [
  ['Biome', biome, ['check', ...(values.write ? ['--write'] : ['--error-on-warnings'])]],
  ['Biome, glue', biome, ['lint', '--error-on-warnings'], { folder: glue }],
  [
    'TypeScript',
    'node_modules/.bin/tsc',
    ['-p', '.', '--noEmit', '--emitDeclarationOnly', 'false'],
  ],
  [
    'clang-format',
    'clang-format',
    values.write ? ['-i', ...cpp] : ['--dry-run', '-Werror', ...cpp],
  ],
  ...tidyChecks(),
];

const results = await runAtOnce(checks, async ([name, command, commandArguments, options]) => {
  const { status, output } = await run(command, commandArguments, options);
  if (status !== 0) console.log(output);
  console.log(`${name}: ${status === 0 ? 'clean' : 'failed'}`);
  return status;
});
rmSync(glue, { recursive: true });
process.exitCode = results.every((status) => status === 0) ? 0 : 1;

/**
 * Biome cannot parse the glue as it is: begin.js and end.js are the two ends of one function, and embind.js has lines
 * for Emscripten's preprocessor. This makes parsable files of them, in a folder of its own with the project's rules.
 * Names that Emscripten passes or inserts look unused there.
 */
function writeGlue() {
  const folder = mkdtempSync(join(tmpdir(), 'lite-alloc-glue-'));
  const read = (file) => readFileSync(join(root, 'cpp/bindings/glue', file), 'utf8');
  const config = JSON.parse(readFileSync(join(root, 'biome.json'), 'utf8'));
  const { rules } = config.linter;
  const unused = { noUnusedVariables: 'off', noUnusedFunctionParameters: 'off' };
  // Emscripten waits for a promise; begin.js gives it an object with a `then` that is called at once.
  const thenable = { noThenProperty: 'off' };
  config.linter.rules = {
    ...rules,
    correctness: { ...rules.correctness, ...unused },
    suspicious: { ...rules.suspicious, ...thenable },
  };
  delete config.$schema;
  config.files = { includes: ['**'] };
  writeFileSync(join(folder, 'biome.json'), JSON.stringify(config));
  writeFileSync(join(folder, 'begin-end.js'), read('begin.js') + read('end.js'));
  writeFileSync(join(folder, 'embind.js'), read('embind.js').replace(/^#/gm, '//#'));
  return folder;
}

/** clang-tidy takes longer than all other checks together, so each core runs a share of its files. */
function tidyChecks() {
  const { native, wasm } = planTidy(files, (file) => readFileSync(join(root, file), 'utf8'));
  return [
    ...tidyShares('headers', native, [], []),
    ...tidyShares('wasm', wasm, wasmUnfit, wasmOptions()),
  ];
}

function tidyShares(name, all, unfit, options) {
  return Array.from({ length: cores }, (_, share) => [
    `clang-tidy, ${name}, share ${share + 1} of ${cores}`,
    'clang-tidy',
    [
      '--quiet',
      ...(unfit.length > 0 ? [`--checks=${unfit.map((check) => `-${check}`).join(',')}`] : []),
      ...all.filter((_, index) => index % cores === share),
      ...['--', '-std=c++20', '-xc++', '-Icpp', ...options],
    ],
  ]);
}

/**
 * Options by which Debian's clang parses a source for wasm: Emscripten's C headers, and the C++ headers of
 * this machine, since Emscripten's need a newer clang. The definitions stand for what these expect of glibc
 * and of a newer clang.
 */
function wasmOptions() {
  const emscripten = (...command) =>
    execFileSync(join(root, 'tools/emscripten'), command, { encoding: 'utf8' }).trim();
  const sysroot = join(emscripten('em-config', 'CACHE'), 'sysroot', 'include');
  return [
    '--target=wasm32-unknown-emscripten',
    ...nativeHeaderFolders().flatMap((folder) => ['-isystem', folder]),
    ...['-isystem', join(sysroot, 'compat'), '-isystem', sysroot],
    ...['-D__EMSCRIPTEN__', '-D__GLIBC_PREREQ(x,y)=0', '-D__UINT16_C(x)=x'],
  ];
}

/** Where the C++ headers of this machine are: the folders with `c++` in the search path of clang. */
function nativeHeaderFolders() {
  const { stderr } = spawnSync('clang++', ['-xc++', '-E', '-v', '/dev/null'], { encoding: 'utf8' });
  return [...stderr.matchAll(/^ (\/\S*\/c\+\+\S*)$/gm)].map(([, folder]) => folder);
}
