// SPDX-License-Identifier: MIT
//
// Programs on the checked malloc, which reports wrong frees before it ends the program.

import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, inject, test } from 'vitest';
import { emscripten } from '../support/emscripten.js';
import { repository } from '../support/sources.js';

const consumerFolder = inject('consumerFolder');
const folder = join(consumerFolder, 'checked');
const installed = join(consumerFolder, 'node_modules', 'lite-alloc', 'dist', 'c');
const library = join(installed, 'lib', 'liblite_alloc_malloc_checked.a');
const common = ['-O2', '-fno-exceptions', '-Wall', '-Wextra', '-Werror', '-sMALLOC=none'];

/** The sources of the checked malloc, as a program compiles them. */
const sources = [
  'malloc.cpp',
  'malloc_extensions.cpp',
  'program_break.cpp',
  'one_thread_only_use_dlmalloc_with_pthread.cpp',
  'checked_delete.cpp',
].map((name) => join(installed, 'src', 'lite_alloc', 'malloc', name));

/** The time limit in ms of a build, which may compile libraries of Emscripten first. */
const patience = 400_000;

beforeAll(() => {
  cpSync(join(repository, 'test', 'c', 'checked'), folder, { recursive: true });
  cpSync(join(repository, 'test', 'c', 'consumer'), folder, { recursive: true });
});

/** Returns the lines that a wrong call prints: first the addresses and sizes, and then the report. */
function makeWrongCall(
  program: string,
  call: string,
  size: number,
): { blocks: string[][]; report: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, call, String(size)], {
    cwd: folder,
    encoding: 'utf8',
  });
  expect(status).not.toBe(0);
  expect(stderr).toContain('unreachable');
  const [first, ...others] = stdout.trimEnd().split('\n');
  expect(first).toBe('right');
  return {
    blocks: others.map((line) => line.split(' ')),
    report: /^lite-alloc: (.*)$/m.exec(stderr)?.[1] ?? '',
  };
}

describe.each([
  { name: 'the library', options: [library] },
  {
    name: 'the sources with LITE_ALLOC_CHECKED',
    options: [
      '-std=c++20',
      '-DLITE_ALLOC_CHECKED=1',
      `-I${join(installed, 'include')}`,
      ...sources,
    ],
  },
])('$name', ({ name, options }) => {
  const program = name.includes('library') ? 'library.js' : 'sources.js';

  beforeAll(() => {
    emscripten(folder, 'em++', 'wrong_calls.cpp', ...common, ...options, '-o', program);
  }, patience);

  test('reports no right call', () => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [program], {
      cwd: folder,
      encoding: 'utf8',
    });
    expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: 'right\n', stderr: '' });
  });

  const plus = (address: string, offset: number): string =>
    `0x${(Number.parseInt(address, 16) + offset).toString(16).padStart(8, '0')}`;

  describe.each([40, 700, 5000])('with blocks of %i bytes', (size) => {
    test.each([
      ['free-twice', 'free'],
      ['realloc-freed', 'realloc'],
      ['usable-size-freed', 'malloc_usable_size'],
      ...(size === 40 ? [['free-twice-later', 'free']] : []),
    ])('reports a %s', (call, caller) => {
      const { blocks, report } = makeWrongCall(program, call as string, size);
      expect(report).toBe(`${caller}(0x${blocks[0]?.[0]}): this block was freed before`);
    });

    test.each([
      ['free-inside', 'free', 16],
      ['free-misaligned', 'free', 1],
      ['realloc-inside', 'realloc', 16],
    ])('reports a %s', (call, caller, offset) => {
      const { blocks, report } = makeWrongCall(program, call, size);
      const [address = '', usable] = blocks[0] ?? [];
      expect(report).toBe(
        `${caller}(${plus(address, offset)}): no block begins here; ` +
          `it lies at offset ${offset} of the block 0x${address} of ${usable} bytes`,
      );
    });
  });

  test.each(['free-static', 'free-stack'])('reports a %s', (call) => {
    const { blocks, report } = makeWrongCall(program, call, 40);
    expect(report).toBe(
      `free(0x${blocks[1]?.[0]}): no block begins here; it lies outside of all blocks`,
    );
  });

  test('reports an address behind the memory', () => {
    const { report } = makeWrongCall(program, 'free-behind-memory', 40);
    expect(report).toBe('free(0xffffff00): no block begins here; it lies outside of all blocks');
  });

  test('reports a second delete', () => {
    const { blocks, report } = makeWrongCall(program, 'delete-twice', 40);
    expect(report).toBe(`free(0x${blocks[1]?.[0]}): this block was freed before`);
  });

  test.each([
    ['delete-smaller', 40],
    ['delete-larger', 4000],
    ['delete-aligned-as-plain', 40],
  ])('reports the wrong size of a %s', (call, size) => {
    const { blocks, report } = makeWrongCall(program, call, 40);
    expect(report).toBe(
      `operator delete(0x${blocks[1]?.[0]}, ${size}): the block was allocated with another size; ` +
        `it has ${blocks[1]?.[1]} usable bytes`,
    );
  });
});

test('the checked malloc serves the programs that the other libraries serve', () => {
  mkdirSync(folder, { recursive: true });
  const options = ['-O2', '-fno-builtin', '-Wno-unused', '-sMALLOC=none', '-sABORTING_MALLOC=0'];
  options.push('-sALLOW_MEMORY_GROWTH=1', '-sMAXIMUM_MEMORY=128MB');
  emscripten(folder, 'emcc', 'memory.c', library, ...options, '-o', 'memory.js');
  for (const which of ['break', 'break-beside-blocks', 'reserved', 'extensions', 'failures']) {
    const { stdout } = spawnSync(process.execPath, ['memory.js', which], {
      cwd: folder,
      encoding: 'utf8',
    });
    expect(stdout).toMatch(new RegExp(`^${which}: [1-9]\\d* checks, 0 failed$`, 'm'));
  }
  const exported = '-sEXPORTED_FUNCTIONS=_main,_malloc,_free';
  emscripten(folder, 'emcc', 'family.c', library, ...options, exported, '-o', 'family.js');
  const { stdout } = spawnSync(process.execPath, ['family.js'], { cwd: folder, encoding: 'utf8' });
  expect(stdout).toMatch(/^family: 0 failed, enough done$/m);
});
