// SPDX-License-Identifier: MIT

import { posix } from 'node:path';
import { expect, test } from 'vitest';
import { findAll, listSources, withoutComments } from '../support/sources.js';

const published = listSources('dist', ['.ts']).map(({ path, text }) => ({
  path,
  text,
  code: withoutComments(text),
}));

test('the package publishes types', () => {
  expect(published.map(({ path }) => path)).toContain('index.d.ts');
});

test('no published type has `any` in it', () => {
  const users = published.filter(({ code }) => /[:<,|&(=>]\s*any\b/.test(code));
  expect(users.map(({ path }) => path)).toEqual([]);
});

test('published types import each other only', () => {
  const imported = published.flatMap(({ path, code }) =>
    findAll(code, /(?:\bfrom|\bimport)\s*\(?\s*["']([^"']+)/g).map((specifier) =>
      specifier.startsWith('.') ? posix.join(posix.dirname(path), specifier) : specifier,
    ),
  );
  const names = published.map(({ path }) => path.replace(/\.d\.ts$/, '.js'));
  expect(imported).not.toEqual([]);
  expect(imported.filter((name) => !names.includes(name))).toEqual([]);
});

test('public functions and classes have doc comments', () => {
  const text = published.map((file) => file.text).join('\n');
  const names = [
    'function createHeap',
    'function createHeapSync',
    'class Heap',
    'class HeapArray',
    'class HeapString',
    'class Scope',
    'class Arena',
    'class HeapSnapshot',
    'class HeapDiff',
  ];
  const bare = names.filter((name) => !new RegExp(`\\*/\nexport declare ${name}\\b`).test(text));
  expect(bare).toEqual([]);
});
