// SPDX-License-Identifier: MIT

import { describe, expect, test } from 'vitest';
import { findAll, listSources, withoutComments } from '../support/sources.js';

/** From the bottom up; files of one row do not import each other unless it says so below. */
const rows = [
  ['values', 'utf8', 'secret'],
  ['errors', 'call-stacks', 'operations', 'heap-functions', 'address-map'],
  ['wasm-module', 'arguments', 'owned-blocks'],
  ['views', 'typed-arrays', 'trace-format', 'region'],
  ['blocks', 'debug-layer', 'trace'],
  ['leak-net', 'strings', 'debug', 'recorder', 'growth'],
  ['options', 'allocator'],
  ['arena', 'sight', 'lazy-parts'],
  ['scope', 'picture', 'snapshot'],
  ['heap'],
  ['replay-types', 'describe'],
  ['ranking'],
  ['replay-rounds'],
  ['replay'],
  ['api', 'create-heap', 'create-heap-inline', 'wasm-file'],
  ['index', 'inline'],
  ['index.node'],
];

const files = listSources('js/src', ['.ts'])
  .filter(({ path }) => !path.endsWith('.d.ts'))
  .map(({ path, text }) => {
    const code = withoutComments(text);
    return {
      name: path.replace(/\.ts$/, ''),
      code,
      imports: findAll(code, /(?:\bfrom|\bimport)\s*\(?\s*'([^']+)'/g),
    };
  });

function heightOf(name: string): number {
  return rows.findIndex((row) => row.includes(name));
}

function isBelow(specifier: string, name: string): boolean {
  const height = heightOf(/^\.\/(.+)\.js$/.exec(specifier)?.[1] ?? '');
  return height !== -1 && height < heightOf(name);
}

describe('TypeScript import lines', () => {
  test('are found', () => {
    const heap = files.find(({ name }) => name === 'heap');
    expect(heap?.imports).toContain('./wasm-module.js');
  });

  test('stand in files that all have a place', () => {
    expect(files.filter(({ name }) => heightOf(name) === -1).map(({ name }) => name)).toEqual([]);
  });

  test('name files below only', () => {
    const upward = files.flatMap(({ name, imports }) =>
      imports
        .filter((specifier) => !/^(#|@)/.test(specifier) && !isBelow(specifier, name))
        .map((specifier) => `${name} imports ${specifier}`),
    );
    expect(upward).toEqual([]);
  });

  test.each([
    ['#glue', 'wasm-module'],
    ['#wasm', 'create-heap-inline'],
  ])('name the generated %s in one file', (specifier, user) => {
    const users = files.filter(({ imports }) => imports.includes(specifier));
    expect(users.map(({ name }) => name)).toEqual([user]);
  });

  test.each(['api', 'index', 'inline'])('are all there is in %s.ts', (entry) => {
    const statements = files
      .find(({ name }) => name === entry)
      ?.code.replace(/export (\*|(type )?\{[^}]*\}) from '[^']+';/g, '');
    expect(statements?.trim()).toBe('');
  });
});

describe('TypeScript sources', () => {
  test('have no `any`', () => {
    const users = files.filter(({ code }) => /[:<,|&(=]\s*any\b|\bas\s+any\b/.test(code));
    expect(users.map(({ name }) => name)).toEqual([]);
  });

  test('silence neither the compiler nor the linter', () => {
    const silencers = /@ts-ignore|@ts-nocheck|@ts-expect-error|biome-ignore/;
    const users = listSources('js/src', ['.ts']).filter(({ text }) => silencers.test(text));
    expect(users.map(({ path }) => path)).toEqual([]);
  });

  test('import nothing of Node', () => {
    const users = files.filter(({ imports }) =>
      imports.some((specifier) => specifier.startsWith('node:')),
    );
    expect(users.map(({ name }) => name)).toEqual([]);
  });
});

/** The command is for Node alone. */
const modules = listSources('dist', ['.js', '.mjs']).filter(
  ({ path }) => !path.startsWith('c/') && path !== 'cli.js',
);

describe('the JavaScript of the package', () => {
  test('is all looked at', () => {
    expect(modules.map(({ path }) => path)).toEqual(
      expect.arrayContaining(['index.js', 'index.node.js', 'inline.js', 'debug.js']),
    );
    expect(modules.some(({ text }) => text.includes('WebAssembly'))).toBe(true);
  });

  test('imports nothing of Node', () => {
    const ofNode =
      /(\bfrom\s*["']node:[^"']*|\bimport\s*\(?\s*["']node:[^"']*|\brequire\s*\(\s*["'][^"']*)/g;
    expect(modules.flatMap(({ text }) => findAll(text, ofNode))).toEqual([]);
  });

  test('makes no code from strings and awaits nothing while it loads', () => {
    const refused = /(\bnew Function\b|\beval\s*\(|(?:^|\n)await\s)/g;
    expect(modules.flatMap(({ text }) => findAll(text, refused))).toEqual([]);
  });
});
