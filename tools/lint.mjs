// SPDX-License-Identifier: MIT
//
// node tools/lint.mjs [--write]: formatters and linters over all sources; --write lets the formatters
// mend what they find.

import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { cores, root, run, runAtOnce } from './lib/processes.mjs';

const write = process.argv.includes('--write');
const cpp = ['cpp', 'test/cpp', 'test/fuzz', 'test/c', 'bench/cpp', 'examples'].flatMap((folder) =>
  listFiles(folder, /\.(cpp|hpp|c|h)$/),
);
// What includes WebAssembly's own headers is out of a native linter's reach; its warnings are errors in
// the build.
const nativeHeaders = listFiles('cpp/lite_alloc', /\.hpp$/).filter(
  (file) => !/(wasm_memory|program_memory|process_heap)\.hpp$/.test(file),
);

const checks = [
  [
    'Biome',
    'node_modules/.bin/biome',
    ['check', ...(write ? ['--write'] : ['--error-on-warnings'])],
  ],
  [
    'TypeScript',
    'node_modules/.bin/tsc',
    ['-p', '.', '--noEmit', '--emitDeclarationOnly', 'false'],
  ],
  ['clang-format', 'clang-format', write ? ['-i', ...cpp] : ['--dry-run', '-Werror', ...cpp]],
  // As many shares as cores: it takes longer than all the others.
  ...Array.from({ length: cores }, (_, share) => [
    `clang-tidy, share ${share + 1} of ${cores}`,
    'clang-tidy',
    [
      '--quiet',
      ...nativeHeaders.filter((_, index) => index % cores === share),
      ...['--', '-std=c++20', '-Icpp', '-xc++'],
    ],
  ]),
];

const results = await runAtOnce(checks, async ([name, command, commandArguments]) => {
  const { status, output } = await run(command, commandArguments);
  if (status !== 0) console.log(output);
  console.log(`${name}: ${status === 0 ? 'clean' : 'failed'}`);
  return status;
});
process.exitCode = results.every((status) => status === 0) ? 0 : 1;

function listFiles(folder, pattern) {
  return readdirSync(join(root, folder), { recursive: true })
    .map((name) => join(folder, name))
    .filter((name) => pattern.test(name));
}
