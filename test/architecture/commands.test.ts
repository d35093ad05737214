// SPDX-License-Identifier: MIT
//
// The commands of the repository: what they may import, and what npm scripts run.

import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { planTidy } from '../../tools/lib/tidy-plan.mjs';
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

test('the command of the tests refuses an unknown suite and names those that exist', () => {
  const script = join(repository, 'tools', 'test.mjs');
  const { status, stderr } = spawnSync(process.execPath, [script, 'nothing'], { encoding: 'utf8' });
  expect(stderr).toBe(
    'There is no suite nothing; the suites are js, cpp, c, package, browser, architecture, types.\n',
  );
  expect(status).toBe(1);
});

describe('the plan for clang-tidy', () => {
  const texts: Record<string, string> = {
    'cpp/lite_alloc/heap/plain.hpp': '#include <cstddef>\n',
    'cpp/lite_alloc/memory/pages.hpp': 'extern "C" std::byte __heap_base;\n',
    'cpp/lite_alloc/malloc/heap.hpp': '#include "lite_alloc/memory/pages.hpp"\n',
    'cpp/lite_alloc/malloc/malloc.cpp': '#include "lite_alloc/heap/plain.hpp"\n',
    'cpp/lite_alloc/all.hpp':
      '#ifdef __wasm__\n#include "lite_alloc/memory/pages.hpp"\n#endif\n#include "lite_alloc/heap/plain.hpp"\n',
    'test/cpp/heap/plain_test.cpp': '#include "lite_alloc/heap/plain.hpp"\n',
  };
  const planOf = (files: string[]): { native: string[]; wasm: string[] } =>
    planTidy(files, (file: string) => texts[file] ?? '');

  test('reads a header natively unless it needs WebAssembly, itself or through others', () => {
    expect(planOf(Object.keys(texts))).toEqual({
      native: ['cpp/lite_alloc/heap/plain.hpp', 'cpp/lite_alloc/all.hpp'],
      wasm: [
        'cpp/lite_alloc/memory/pages.hpp',
        'cpp/lite_alloc/malloc/heap.hpp',
        'cpp/lite_alloc/malloc/malloc.cpp',
      ],
    });
  });

  test('has every header and source of the library in one of its lists', () => {
    const files = listSources('cpp/lite_alloc', ['.hpp', '.cpp']).map(
      ({ path }) => `cpp/lite_alloc/${path}`,
    );
    const { native, wasm } = planTidy(files, (file: string) =>
      readFileSync(join(repository, file), 'utf8'),
    );
    expect([...native, ...wasm].toSorted()).toEqual(files.toSorted());
  });
});
