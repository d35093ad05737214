// SPDX-License-Identifier: MIT
//
// The commands of the repository: what they may import, and what npm scripts run.

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { findAll, listSources, repository, withoutComments } from '../support/sources.js';

/** Files of a folder of the repository, each with the paths of the files that it imports. */
function importsOf(folder: string): { path: string; imports: string[] }[] {
  return listSources(folder, ['.mjs', '.ts']).map(({ path, text }) => ({
    path: `${folder}/${path}`,
    imports: findAll(
      withoutComments(text),
      /(?:\bfrom|\bimport)\s*\(?\s*['"`](\.[^'"`]+)['"`]/g,
    ).map((specifier) => new URL(specifier, `file:///${folder}/${path}`).pathname.slice(1)),
  }));
}

describe('the commands in tools and bench', () => {
  test.each([
    ['tools', 'bench'],
    ['bench', 'tools'],
  ])('in %s import nothing from %s', (folder, other) => {
    const files = importsOf(folder);
    expect(files.flatMap(({ imports }) => imports).length).toBeGreaterThan(10);
    const across = files.flatMap(({ path, imports }) =>
      imports.filter((file) => file.startsWith(`${other}/`)).map((file) => `${path}: ${file}`),
    );
    expect(across).toEqual([]);
  });

  test.each(['tools', 'bench'])('in %s import files that exist', (folder) => {
    const missing = importsOf(folder).flatMap(({ path, imports }) =>
      imports
        .filter((file) => !/^(dist|build)\/|\$\{/.test(decodeURIComponent(file)))
        .filter((file) => !existsSync(join(repository, file)))
        .map((file) => `${path}: ${file}`),
    );
    expect(missing).toEqual([]);
  });
});

describe('the npm scripts', () => {
  const { scripts } = JSON.parse(readFileSync(join(repository, 'package.json'), 'utf8')) as {
    scripts: Record<string, string>;
  };

  test('run files that exist', () => {
    const files = Object.values(scripts).flatMap((script) => findAll(script, /\bnode (\S+)/g));
    expect(files.length).toBeGreaterThan(10);
    expect(files.filter((file) => !existsSync(join(repository, file)))).toEqual([]);
  });

  test.each([
    'cpp',
    'js',
    'browser',
    'package',
    'c',
    'types',
  ])('have one for the suite %s', (suite) => {
    expect(scripts[`test:${suite}`]).toMatch(new RegExp(`node tools/test\\.mjs ${suite}$`));
  });
});
