// SPDX-License-Identifier: MIT

import { posix } from 'node:path';
import { describe, expect, test } from 'vitest';
import { findAll, listSources, withoutComments } from '../support/sources.js';

/** The folders from the bottom up: a folder imports those in rows above its own. '' holds the entries. */
const rows = [
  ['core'],
  ['module'],
  ['blocks', 'traces'],
  ['debug', 'inspect'],
  ['heap'],
  ['replay'],
  [''],
];

/** The entries that contain a part add it to those that load it later. The entry for Node adds all parts. */
const importsOfEntries = [
  ...['index.debug', 'index.region', 'index.traces'].map((entry) => `${entry} imports index`),
  ...['inline.debug', 'inline.region', 'inline.traces', 'inline'].map(
    (entry) => `index.node imports ${entry}`,
  ),
  ...['inline.debug', 'inline.region', 'inline.traces'].map((entry) => `${entry} imports inline`),
];

interface Source {
  /** The path below js/src, without its ending. */
  readonly name: string;
  readonly code: string;
  readonly specifiers: readonly string[];
  /** The names of the sources that it imports. */
  readonly imports: readonly string[];
}

const files = listSources('js/src', ['.ts'])
  .filter(({ path }) => !path.endsWith('.d.ts'))
  .map(({ path, text }): Source => {
    const code = withoutComments(text);
    const specifiers = findAll(code, /(?:\bfrom|\bimport)\s*\(?\s*'([^']+)'/g);
    const imports = specifiers
      .filter((specifier) => specifier.startsWith('.'))
      .map((specifier) => posix.join(posix.dirname(path), specifier).replace(/\.js$/, ''));
    return { name: path.replace(/\.ts$/, ''), code, specifiers, imports };
  });

function folderOf(name: string): string {
  const folder = posix.dirname(name);
  return folder === '.' ? '' : folder;
}

function heightOf(name: string): number {
  return rows.findIndex((row) => row.includes(folderOf(name)));
}

/** The import lines between sources for which `isWrong` is true. */
function findImports(isWrong: (name: string, imported: string) => boolean): string[] {
  return files.flatMap(({ name, imports }) =>
    imports
      .filter((imported) => isWrong(name, imported))
      .map((imported) => `${name} imports ${imported}`),
  );
}

/**
 * Returns the sources that are in a circle of imports, or lead to one. It removes the sources that import none of the
 * remaining ones, until there are no such sources.
 */
function findCircles(sources: readonly Source[]): readonly string[] {
  const names = new Set(sources.map(({ name }) => name));
  const inCircles = sources.filter(({ imports }) =>
    imports.some((imported) => names.has(imported)),
  );
  return inCircles.length === sources.length
    ? inCircles.map(({ name }) => name)
    : findCircles(inCircles);
}

describe('TypeScript import lines', () => {
  test('are found', () => {
    const heap = files.find(({ name }) => name === 'heap/heap');
    expect(heap?.imports).toContain('module/wasm-module');
  });

  test('name sources that exist', () => {
    const names = files.map(({ name }) => name);
    expect(findImports((_, imported) => !names.includes(imported))).toEqual([]);
  });

  test.each(rows.flat())('stand in the folder %j, which has sources and a row', (folder) => {
    expect(files.some(({ name }) => folderOf(name) === folder)).toBe(true);
  });

  test('stand in folders that all have a row', () => {
    expect(files.filter(({ name }) => heightOf(name) === -1).map(({ name }) => name)).toEqual([]);
  });

  test('name no folder of the same row or a row above', () => {
    const upward = findImports(
      (name, imported) =>
        folderOf(imported) !== folderOf(name) && heightOf(imported) >= heightOf(name),
    );
    expect(upward).toEqual([]);
  });

  test('between entries are only those listed here', () => {
    const own = ['api', 'create-heap', 'create-heap-inline'];
    const lines = findImports(
      (name, imported) =>
        folderOf(name) === '' && folderOf(imported) === '' && !own.includes(imported),
    );
    expect(lines.toSorted()).toEqual(importsOfEntries.toSorted());
  });

  test.each(rows.flat())('form no circle inside the folder %j', (folder) => {
    expect(findCircles(files.filter(({ name }) => folderOf(name) === folder))).toEqual([]);
  });

  test('form no circle', () => {
    expect(findCircles(files)).toEqual([]);
  });

  test('in a circle are found', () => {
    const source = (name: string, ...imports: string[]): Source => {
      return { name, code: '', specifiers: [], imports };
    };
    const sources = [source('a', 'b'), source('b', 'c'), source('c', 'b'), source('d')];
    expect(findCircles(sources)).toEqual(['a', 'b', 'c']);
  });

  test.each([
    ['#glue', 'module/wasm-module'],
    ['#strategies-wasm', 'module/strategies-wasm'],
    ['#region-wasm', 'module/region-wasm'],
  ])('name the generated %s in one file', (specifier, user) => {
    const users = files.filter(({ specifiers }) => specifiers.includes(specifier));
    expect(users.map(({ name }) => name)).toEqual([user]);
  });

  test.each([
    'api',
    'index',
    'index.node',
    'inline',
  ])('are the only statements in %s.ts', (entry) => {
    const statements = files
      .find(({ name }) => name === entry)
      ?.code.replace(/(export (\*|(type )?\{[^}]*\}) from|import) '[^']+';/g, '');
    expect(statements?.trim()).toBe('');
  });
});

describe('TypeScript sources', () => {
  test('have no `any`', () => {
    const users = files.filter(({ code }) => /[:<,|&(=]\s*any\b|\bas\s+any\b/.test(code));
    expect(users.map(({ name }) => name)).toEqual([]);
  });

  test('silence neither the compiler nor the linter, except in types that old compilers cannot read', () => {
    const silencers = /@ts-ignore|@ts-nocheck|@ts-expect-error|biome-ignore/;
    const users = listSources('js/src', ['.ts']).filter(({ text }) => silencers.test(text));
    expect(users.map(({ path }) => path)).toEqual(['core/typed-arrays.ts']);
  });

  test('have at most 400 lines each', () => {
    const long = ['src', 'cli'].flatMap((folder) =>
      listSources(`js/${folder}`, ['.ts']).filter(({ text }) => text.split('\n').length > 401),
    );
    expect(long.map(({ path }) => path)).toEqual([]);
  });

  test('import nothing of Node', () => {
    const users = files.filter(({ specifiers }) =>
      specifiers.some((specifier) => specifier.startsWith('node:')),
    );
    expect(users.map(({ name }) => name)).toEqual([]);
  });
});

/** The scripts of the package. The command is left out: it runs in Node only. */
const modules = listSources('dist', ['.js', '.mjs']).filter(
  ({ path }) => !path.startsWith('c/') && path !== 'cli.js',
);

/** The scripts that a script of the package imports, at once or later, itself included. */
function importedBy(entry: string): string[] {
  const found = new Set([entry]);
  for (const name of found) {
    const { text = '' } = modules.find(({ path }) => path === name) ?? {};
    for (const imported of findAll(text, /["']\.\/([\w.-]+\.js)["']/g)) found.add(imported);
  }
  return [...found];
}

describe('the JavaScript of the package', () => {
  test('is found', () => {
    expect(modules.map(({ path }) => path)).toEqual(
      expect.arrayContaining(['core.js', 'index.js', 'index.node.js', 'inline.js', 'debug.js']),
    );
    expect(modules.some(({ text }) => text.includes('WebAssembly'))).toBe(true);
  });

  test('imports nothing of Node', () => {
    const ofNode =
      /(\bfrom\s*["']node:[^"']*|\bimport\s*\(?\s*["']node:[^"']*|\brequire\s*\(\s*["'][^"']*)/g;
    expect(modules.flatMap(({ text }) => findAll(text, ofNode))).toEqual([]);
  });

  test.each([
    ...['index.node.js', 'inline.js'],
    ...['inline.debug.js', 'inline.region.js', 'inline.traces.js'],
  ])('has no address of a file in what %s imports, because bundlers rewrite those', (entry) => {
    const scripts = importedBy(entry);
    expect(scripts.length).toBeGreaterThan(4);
    const users = modules.filter(
      ({ path, text }) => scripts.includes(path) && text.includes('import.meta'),
    );
    expect(users.map(({ path }) => path)).toEqual([]);
  });

  test('makes no code from strings and awaits nothing while it loads', () => {
    const refused = /(\bnew Function\b|\beval\s*\(|(?:^|\n)await\s)/g;
    expect(modules.flatMap(({ text }) => findAll(text, refused))).toEqual([]);
  });
});
