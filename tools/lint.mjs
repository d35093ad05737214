// SPDX-License-Identifier: MIT
//
// node tools/lint.mjs [--write]: formatters and linters over all sources; --write lets the formatters
// mend what they find.

import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
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
  ['clang-tidy', 'clang-tidy', ['--quiet', ...nativeHeaders, '--', '-std=c++20', '-Icpp', '-xc++']],
];

let failed = 0;
for (const [name, command, commandArguments] of checks) {
  const done = spawnSync(command, commandArguments, { cwd: root, encoding: 'utf8' });
  const passed = done.status === 0;
  if (!passed) {
    failed++;
    console.log(done.stdout ?? '', done.stderr ?? '', done.error?.message ?? '');
  }
  console.log(`${name}: ${passed ? 'clean' : 'failed'}`);
}
process.exitCode = failed === 0 ? 0 : 1;

function listFiles(folder, pattern) {
  return readdirSync(join(root, folder), { recursive: true })
    .map((name) => join(folder, name))
    .filter((name) => pattern.test(name));
}
