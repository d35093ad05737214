// SPDX-License-Identifier: MIT

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { expect, inject, test } from 'vitest';
import { findBrokenLinks } from '../support/links.js';
import { findAll, listSources, repository } from '../support/sources.js';

const consumerFolder = inject('consumerFolder');
const packedFiles = inject('packedFiles');
const require = createRequire(join(consumerFolder, 'index.js'));
const installed = require('lite-alloc/package.json') as {
  exports: Record<string, string | object>;
};

/** The paths in a value of `exports`, under all of its conditions. */
function pathsIn(target: string | object): string[] {
  return typeof target === 'string' ? [target] : Object.values(target).flatMap(pathsIn);
}

const installedFolder = join(consumerFolder, 'node_modules', 'lite-alloc');
const guides = readdirSync(join(repository, 'docs'))
  .filter((name) => name.endsWith('.md'))
  .map((name) => `docs/${name}`);
const documents = ['README.md', 'CHANGELOG.md', ...guides];

test('the tarball holds only the built package, its documents and their images', () => {
  const readme = readFileSync(join(repository, 'README.md'), 'utf8');
  const images = findAll(readme, /!\[[^\]]*\]\(([^)]+)\)/g);
  const others = packedFiles.filter((path) => !path.startsWith('dist/'));
  expect(others.toSorted()).toEqual(
    ['package.json', 'LICENSE', ...documents, ...images].toSorted(),
  );
});

test.each(documents)('every relative link of %s resolves inside the tarball', (document) => {
  expect(findBrokenLinks(installedFolder, document)).toEqual([]);
});

test('outside of dist/c the tarball holds no C++, no build files and no TypeScript except types', () => {
  const sources = packedFiles.filter((path) =>
    /\.(cpp|hpp|h|c|a|cmake|pc|py|o|sh|tsbuildinfo)$|(^|\/)\.|(?<!\.d)\.ts$/.test(path),
  );
  expect(sources.filter((path) => !path.startsWith('dist/c/'))).toEqual([]);
});

test('dist/c holds only the files that a C++ program needs', () => {
  const files = packedFiles
    .filter((path) => path.startsWith('dist/c/'))
    .map((path) => path.slice('dist/c/'.length));
  const headers = listSources('cpp', ['.hpp', '.h']).filter(({ path }) =>
    path.startsWith('lite_alloc/'),
  );
  const sources = listSources('cpp/lite_alloc/malloc', ['.cpp', '.c', '.h']);
  const others = ['config', 'config-version', 'malloc'].map(
    (name) => `lib/cmake/lite_alloc/lite_alloc-${name}.cmake`,
  );
  const expected = [
    'lib/liblite_alloc_malloc.a',
    'lib/liblite_alloc_malloc_hardened.a',
    'lib/liblite_alloc_malloc_checked.a',
    'lib/pkgconfig/lite_alloc.pc',
    'lite-alloc.py',
    ...others,
    ...headers.map(({ path }) => `include/${path}`),
    ...sources.map(({ path }) => `src/lite_alloc/malloc/${path}`),
  ];
  expect(files.toSorted()).toEqual(expected.toSorted());
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
  const conditions = Object.values(installed.exports).filter(
    (target) => typeof target === 'object',
  );
  expect(conditions.map((target) => Object.keys(target)[0])).toEqual([
    'types',
    'types',
    'types',
    'types',
    'types',
  ]);
});

test.each([
  'lite-alloc/lite-alloc.wasm',
  'lite-alloc/lite-alloc.strategies.wasm',
  'lite-alloc/lite-alloc.region.wasm',
  'lite-alloc/standalone/bump-free-list.wasm',
  'lite-alloc/standalone/segregated-bump.wasm',
  'lite-alloc/standalone/free-list.wasm',
  'lite-alloc/standalone/segregated-fit.wasm',
])('%s resolves to a wasm file', (specifier) => {
  const file = require.resolve(specifier);
  expect(existsSync(file)).toBe(true);
  expect(WebAssembly.validate(readFileSync(file))).toBe(true);
});

test('the package has no dependencies and no install scripts', () => {
  expect(installed).not.toHaveProperty('dependencies');
  expect(installed).not.toHaveProperty('peerDependencies');
  expect(installed).not.toHaveProperty('scripts.install');
  expect(installed).not.toHaveProperty('scripts.postinstall');
});

test('the tarball is under 400 kB', () => {
  console.log(`package: ${inject('packedBytes')} bytes in ${packedFiles.length} files`);
  expect(inject('packedBytes')).toBeLessThan(400_000);
});
