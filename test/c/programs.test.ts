// SPDX-License-Identifier: MIT
//
// Programs in C and C++ that use the installed package, built as their users may.

import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, inject, test } from 'vitest';
import { runNode, writeFiles } from '../support/consumer.js';
import { buildWithCmake, emscripten } from '../support/emscripten.js';
import { repository } from '../support/sources.js';

const folder = inject('consumerFolder');
const installed = join(folder, 'node_modules', 'lite-alloc', 'dist', 'c');

const growing = '-sALLOW_MEMORY_GROWTH=1 -sMAXIMUM_MEMORY=128MB';
const fixed = '-sABORTING_MALLOC=0';
const exported = '-sEXPORTED_FUNCTIONS=_main,_malloc,_free';

interface Build {
  readonly name: string;
  readonly compile: string;
  readonly link: string;
  readonly programs: readonly ('family' | 'classes')[];
}

/** Each compiler mode, memory that grows and memory that does not, exceptions and none. */
const builds: readonly Build[] = [
  // Emscripten's assertions would need another set of its libraries, a minute to compile.
  { name: '-O0', compile: '-O0', link: `${growing} -sASSERTIONS=0`, programs: ['family'] },
  {
    name: '-O1 with exceptions',
    compile: '-O1 -fexceptions -DCATCHES_EXCEPTIONS',
    link: growing,
    programs: ['classes'],
  },
  { name: '-O2 in fixed memory', compile: '-O2', link: fixed, programs: ['family', 'classes'] },
  { name: '-O3', compile: '-O3', link: growing, programs: ['family'] },
  { name: '-Oz', compile: '-Oz', link: growing, programs: ['family'] },
  // Emscripten links no program with -flto that may throw.
  {
    name: '-O2 -flto',
    compile: '-O2 -flto -fno-exceptions',
    link: growing,
    programs: ['family', 'classes'],
  },
];

beforeAll(() => cpSync(join(repository, 'test', 'c', 'consumer'), folder, { recursive: true }));

/** What a program says when all of its checks hold. */
const allHeld = (program: string): RegExp => new RegExp(`^${program}: 0 failed, enough done$`, 'm');

describe('with find_package', () => {
  test.each(builds)('programs built $name run on the malloc', ({
    name,
    compile,
    link,
    programs,
  }) => {
    const build = join(folder, `build${name.replaceAll(' ', '')}`);
    const settings = {
      CMAKE_C_FLAGS: compile,
      CMAKE_CXX_FLAGS: compile,
      CMAKE_EXE_LINKER_FLAGS: `${link} ${exported}`,
    };
    buildWithCmake(folder, build, settings, programs);
    for (const program of programs)
      expect(runNode(build, `${program}.js`)).toMatch(allHeld(program));
  });
});

describe('without CMake', () => {
  test('a program links the library that the package holds', () => {
    const library = join(installed, 'lib', 'liblite_alloc_malloc.a');
    const options = ['-O2', '-sMALLOC=none', ...growing.split(' '), exported];
    emscripten(folder, 'emcc', 'family.c', library, ...options, '-o', 'family.js');
    expect(runNode(folder, 'family.js')).toMatch(allHeld('family'));
  });
});

describe('a project of C alone', () => {
  const build = join(folder, 'build-c-only');

  beforeAll(() => {
    const settings = {
      lite_alloc_DIR: join(installed, 'lib', 'cmake', 'lite_alloc'),
      CMAKE_C_FLAGS: '-O1',
    };
    buildWithCmake(join(folder, 'c-only'), build, settings, ['misuse']);
  });

  function misuse(name: string): { status: number | null; output: string } {
    const { status, stdout, stderr } = spawnSync(process.execPath, ['misuse.js', name], {
      cwd: build,
      encoding: 'utf8',
      timeout: 30_000,
    });
    return { status, output: stdout + stderr };
  }

  test('links the library, found by its folder', () => {
    expect(misuse('none')).toEqual({ status: 0, output: 'none\nstill here\n' });
  });

  test.each([
    'double-free',
    'free-inside',
    'free-static',
    'realloc-freed',
  ])('is ended by a %s', (name) => {
    const { status, output } = misuse(name);
    expect(status).not.toBe(0);
    expect(output).toContain('unreachable');
    expect(output).not.toContain('still here');
  });

  test('is ended by Emscripten where it set that for memory that runs out', () => {
    const { status, output } = misuse('exhaust');
    expect(status).not.toBe(0);
    expect(output).toContain('OOM');
  });
});

describe('the samples of the README', () => {
  const readme = readFileSync(join(repository, 'README.md'), 'utf8');
  const section = /^## From C and C\+\+$[\s\S]*?(?=^## )/m.exec(readme)?.[0] ?? '';
  const samples = (language: string): string[] =>
    [...section.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\``, 'gm'))].map(
      ([, text]) => text ?? '',
    );
  const [list = ''] = samples('cmake');
  const [program = ''] = samples('cpp');
  const readmeFolder = join(folder, 'readme');

  beforeAll(() => {
    mkdirSync(readmeFolder);
    symlinkSync(join(folder, 'node_modules'), join(readmeFolder, 'node_modules'));
    writeFiles(readmeFolder, { 'CMakeLists.txt': list, 'app.cpp': program });
  });

  test.each(samples('sh'))('%s', (commands) => {
    const said = [...program.matchAll(/printf\(.*\/\/ (.*)$/gm)].map(([, text]) => text);
    expect(said).toHaveLength(2);
    const printed = emscripten(readmeFolder, 'sh', '-e', '-c', commands);
    expect(printed.trimEnd().split('\n').slice(-2)).toEqual(said);
  });

  test('are a program with CMake and one without', () => {
    expect(samples('sh')).toHaveLength(2);
  });
});
