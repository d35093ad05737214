// SPDX-License-Identifier: MIT

import { cpSync, existsSync, readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, posix } from 'node:path';
import { expect, inject, test } from 'vitest';
import { makeApp } from '../support/app.js';
import { runNode, writeFiles } from '../support/consumer.js';
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

/** The folders that lead tools to the files of dist that do not read `exports`, with what their package.json says. */
const folders = packedFiles
  .filter((path) => /^(?!dist\/).*\/package\.json$/.test(path))
  .map((path) => dirname(path))
  .toSorted();
const fieldsOf = (folder: string): object =>
  JSON.parse(readFileSync(join(installedFolder, folder, 'package.json'), 'utf8')) as object;

const guides = readdirSync(join(repository, 'docs'))
  .filter((name) => name.endsWith('.md'))
  .map((name) => `docs/${name}`);
const documents = ['README.md', 'CHANGELOG.md', ...guides];

test('the tarball holds only the built package, its documents and their images', () => {
  const readme = readFileSync(join(repository, 'README.md'), 'utf8');
  const images = findAll(readme, /!\[[^\]]*\]\(([^)]+)\)/g);
  const others = packedFiles.filter((path) => !path.startsWith('dist/'));
  expect(others.toSorted()).toEqual(
    [
      ...['package.json', 'LICENSE', ...documents, ...images],
      ...folders.map((folder) => `${folder}/package.json`),
    ].toSorted(),
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
  // Heaps that threads share are not for users yet.
  const headers = listSources('cpp', ['.hpp', '.h']).filter(
    ({ path }) => path.startsWith('lite_alloc/') && !/\/shared(\/|_fit_)/.test(path),
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

test('types come first in each set of conditions, and the default comes last', () => {
  const conditions = Object.values(installed.exports).filter(
    (target) => typeof target === 'object',
  );
  expect(conditions).toHaveLength(11);
  for (const target of conditions) {
    expect(Object.keys(target)[0]).toBe('types');
    expect(Object.keys(target).at(-1)).toBe('default');
  }
});

test('each path that `exports` maps has a folder for tools that do not read `exports`', () => {
  const paths = Object.keys(installed.exports)
    .map((path) => path.slice('./'.length))
    .filter((path) => !['', 'package.json'].includes(path));
  const expected = paths.flatMap((path) =>
    path.includes('*')
      ? packedFiles
          .filter((file) => file.startsWith('dist/standalone/'))
          .map((file) => file.slice(5))
      : [path],
  );
  expect(folders).toEqual(expected.toSorted());
});

test.each(folders)('the folder %s leads to files of dist', (folder) => {
  const targets = pathsIn(fieldsOf(folder)).map((target) => posix.join(folder, target));
  expect(targets).not.toEqual([]);
  expect(targets.filter((target) => !packedFiles.includes(target))).toEqual([]);
});

test('the main fields name the files that `exports` names', () => {
  expect(installed).toMatchObject({
    main: './dist/index.cjs',
    module: './dist/index.node.js',
    browser: { './dist/index.node.js': './dist/index.js' },
    types: './dist/index.d.ts',
  });
});

test.each([
  '',
  ...folders.filter((folder) => !folder.endsWith('.wasm')),
])("a CommonJS loader that reads no `exports` finds the names of all entries in 'lite-alloc/%s'", (folder) => {
  // Node reads no `exports` for a path on the disk.
  const found = require(join(installedFolder, folder)) as object;
  expect(Object.keys(found).toSorted()).toEqual(
    Object.keys(require('lite-alloc') as object).toSorted(),
  );
});

test('the CommonJS file makes every kind of heap, synchronously and from any folder', () => {
  const folder = makeApp(consumerFolder, 'common js', {});
  cpSync(join(installedFolder, 'dist/index.cjs'), join(folder, 'index.cjs'));
  writeFiles(folder, {
    'main.cjs': `
      const { advise, AllocationTrace, createHeapSync, strategies } = require('./index.cjs');
      const memory = new WebAssembly.Memory({ initial: 2 });
      const region = { memory, start: 0, end: 1 << 17 };
      for (const options of [region, ...strategies.map((strategy) => ({ strategy, debug: true }))]) {
        const heap = createHeapSync(options);
        heap.free(heap.malloc(100));
        heap.check();
      }
      const heap = createHeapSync();
      const recorder = heap.record();
      heap.free(heap.malloc(100));
      AllocationTrace.read(recorder.stop().write())
        .then((trace) => advise(trace, { rounds: 1 }))
        .then((ranking) => console.log(ranking.length));
    `,
  });
  expect(runNode(folder, 'main.cjs')).toBe('4');
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

test('the tarball is under 470 kB', () => {
  console.log(`package: ${inject('packedBytes')} bytes in ${packedFiles.length} files`);
  expect(inject('packedBytes')).toBeLessThan(470_000);
});
