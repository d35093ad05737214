// SPDX-License-Identifier: MIT

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { findAll, listSources, repository, withoutComments } from '../support/sources.js';

/** From the bottom up; files of one row do not import each other unless it says so below. */
const rows = [['errors'], ['wasm-module'], ['views', 'options', 'blocks'], ['heap'], ['index']];

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
        .filter((specifier) => specifier !== '#glue' && !isBelow(specifier, name))
        .map((specifier) => `${name} imports ${specifier}`),
    );
    expect(upward).toEqual([]);
  });

  test('name the generated glue in one file', () => {
    const users = files.filter(({ imports }) => imports.includes('#glue'));
    expect(users.map(({ name }) => name)).toEqual(['wasm-module']);
  });

  test('are all there is in index.ts', () => {
    const statements = files
      .find(({ name }) => name === 'index')
      ?.code.replace(/export (type )?\{[^}]*\} from '[^']+';/g, '');
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

describe('what browsers load', () => {
  test.each(['index.js', 'lite-alloc.web.mjs'])('dist/%s imports nothing of Node', (file) => {
    const code = readFileSync(join(repository, 'dist', file), 'utf8');
    expect(
      findAll(
        code,
        /(\bfrom\s*["']node:[^"']*|\bimport\s*\(?\s*["']node:[^"']*|\brequire\s*\(\s*["'][^"']*)/g,
      ),
    ).toEqual([]);
    expect(code).toContain('WebAssembly');
  });

  test.each([
    'index.js',
    'index.node.js',
    'lite-alloc.web.mjs',
    'lite-alloc.node.mjs',
  ])('dist/%s makes no code from strings and awaits nothing while it loads', (file) => {
    const code = readFileSync(join(repository, 'dist', file), 'utf8');
    expect(findAll(code, /(\bnew Function\b|\beval\s*\(|(?:^|\n)await\s)/g)).toEqual([]);
  });
});
