// SPDX-License-Identifier: MIT

import { describe, expect, test } from 'vitest';
import { findAll, listSources, withoutComments } from '../support/sources.js';

/** The layers from the bottom up: a file may include files of its own layer and of those below. */
const layers = [
  'core',
  'memory',
  'heap',
  'shared',
  'inspect',
  'adaptors',
  'lite_alloc.hpp',
  'malloc',
  'bindings',
];

const files = listSources('cpp', ['.hpp', '.cpp', '.h']).map(({ path, text }) => {
  const code = withoutComments(text);
  return { path, code, includes: findAll(code, /^\s*#\s*include\s*[<"]([^>"]+)[>"]/gm) };
});

/** `lite_alloc/heap/x.hpp` is of the layer `heap`, `bindings/x.cpp` of `bindings`. */
function layerOf(path: string): string {
  return path.replace(/^lite_alloc\//, '').split('/')[0] ?? '';
}

function heightOf(path: string): number {
  return layers.indexOf(layerOf(path));
}

/** Returns the path below cpp/ of the included file; undefined if it is not a file of this project. */
function resolveInclude(from: string, include: string): string | undefined {
  const beside = new URL(include, `file:///${from}`).pathname.slice(1);
  return [include, beside].find((path) => files.some((file) => file.path === path));
}

describe('C++ include lines', () => {
  test('are found in the files of every layer', () => {
    const found = new Set(
      files.filter(({ includes }) => includes.length > 0).map(({ path }) => layerOf(path)),
    );
    expect(layers.filter((layer) => !found.has(layer))).toEqual([]);
  });

  test('stand in files that all belong to a layer', () => {
    const strays = files.filter(({ path }) => !layers.includes(layerOf(path)));
    expect(strays.map(({ path }) => path)).toEqual([]);
  });

  test('name the own layer and those below', () => {
    const upward = files.flatMap(({ path, includes }) =>
      includes
        .filter((include) => heightOf(resolveInclude(path, include) ?? path) > heightOf(path))
        .map((include) => `${path} includes ${include}`),
    );
    expect(upward).toEqual([]);
  });

  test('name files that exist', () => {
    const broken = files.flatMap(({ path, includes }) =>
      includes
        .filter(
          (include) => include.endsWith('.hpp') && resolveInclude(path, include) === undefined,
        )
        .map((include) => `${path} includes ${include}`),
    );
    expect(broken).toEqual([]);
  });

  test('name embind only in the bindings', () => {
    const users = files.filter(({ includes }) => includes.includes('emscripten/bind.h'));
    expect(users.map(({ path }) => layerOf(path))).toEqual(['bindings']);
  });

  test('name any other header of Emscripten only in the page source of whole programs', () => {
    const users = files.filter(({ includes }) =>
      includes.some(
        (include) => include.startsWith('emscripten') && include !== 'emscripten/bind.h',
      ),
    );
    expect(users.map(({ path }) => path)).toEqual(['lite_alloc/memory/program_memory.hpp']);
  });

  test('leave the growth of memory to the wasm page sources', () => {
    const users = files.filter(({ code }) =>
      /__builtin_wasm_memory_(grow|size)|emscripten_resize_heap/.test(code),
    );
    expect(users.map(({ path }) => path).toSorted()).toEqual([
      'lite_alloc/memory/program_memory.hpp',
      'lite_alloc/memory/wasm_memory.hpp',
    ]);
  });
});
