// SPDX-License-Identifier: MIT

import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { expect, inject, test } from 'vitest';

const consumerFolder = inject('consumerFolder');
const packedFiles = inject('packedFiles');
const require = createRequire(join(consumerFolder, 'index.js'));
const installed = require('lite-alloc/package.json') as {
  exports: Record<string, string | object>;
};

/** The paths in a value of `exports`, conditions looked through. */
function pathsIn(target: string | object): string[] {
  return typeof target === 'string' ? [target] : Object.values(target).flatMap(pathsIn);
}

test('the tarball holds the built package and its papers, nothing else', () => {
  const papers = ['package.json', 'README.md', 'LICENSE', 'CHANGELOG.md'];
  const others = packedFiles.filter((path) => !path.startsWith('dist/'));
  expect(others.toSorted()).toEqual(papers.toSorted());
});

test('the tarball holds no C++, no build files and no TypeScript but types', () => {
  const sources = packedFiles.filter((path) =>
    /\.(cpp|hpp|h|c|cmake|o|sh|tsbuildinfo)$|(^|\/)\.|(?<!\.d)\.ts$/.test(path),
  );
  expect(sources).toEqual([]);
});

test('every file that `exports` names is in the tarball', () => {
  const named = Object.values(installed.exports).flatMap(pathsIn);
  expect(named).toContain('./dist/index.js');
  for (const path of named) {
    const pattern = new RegExp(
      `^${path.slice('./'.length).replaceAll('.', '\\.').replace('*', '[^/]+')}$`,
    );
    expect(
      packedFiles.filter((file) => pattern.test(file)),
      path,
    ).not.toEqual([]);
  }
});

test('types come first in each set of conditions', () => {
  expect(Object.keys(installed.exports['.'] ?? {})[0]).toBe('types');
});

test.each([
  'lite-alloc/lite-alloc.wasm',
  'lite-alloc/standalone/bump-free-list.wasm',
])('%s resolves to a wasm file', (specifier) => {
  const file = require.resolve(specifier);
  expect(existsSync(file)).toBe(true);
  expect(WebAssembly.validate(readFileSync(file))).toBe(true);
});

test('the package needs no other package', () => {
  expect(installed).not.toHaveProperty('dependencies');
  expect(installed).not.toHaveProperty('peerDependencies');
  expect(installed).not.toHaveProperty('scripts.install');
  expect(installed).not.toHaveProperty('scripts.postinstall');
});

test('the tarball is under 100 kB', () => {
  console.log(`package: ${inject('packedBytes')} bytes in ${packedFiles.length} files`);
  expect(inject('packedBytes')).toBeLessThan(100_000);
});
