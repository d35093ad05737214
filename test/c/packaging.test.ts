// SPDX-License-Identifier: MIT
//
// Ways to find the malloc other than CMake, and the refusal of threads in each of them.

import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, inject, test } from 'vitest';
import { runNode, writeFiles } from '../support/consumer.js';
import { emscripten } from '../support/emscripten.js';
import { repository } from '../support/sources.js';

const consumerFolder = inject('consumerFolder');
const folder = join(consumerFolder, 'packaging');
const installed = join(consumerFolder, 'node_modules', 'lite-alloc', 'dist', 'c');
const port = join(installed, 'lite-alloc.py');

beforeAll(() => {
  cpSync(join(repository, 'test', 'c', 'consumer'), folder, { recursive: true });
  writeFiles(folder, {
    'app.c': `#include <malloc.h>
      #include <stdio.h>
      int main(int count, char** arguments) {
        char* volatile block = malloc(100);
        printf("%zu\\n", malloc_usable_size(block));
        free(block);
        if (count > 1) free(block);
        return arguments == NULL;
      }`,
    'headers.cpp': `#include <lite_alloc/lite_alloc.hpp>
      #include <cstdio>
      alignas(16) std::byte memory[4096];
      int main() {
        lite_alloc::FreeList<lite_alloc::FixedRegion> heap(memory, sizeof memory);
        std::printf("%d\\n", heap.allocate({.size = 100}) != 0);
      }`,
  });
});

describe('--use-port', () => {
  // Emscripten's own mallocs align to 8, so a block of 100 bytes has 104 or 108 there, and 112 here.
  test.each(['', ':malloc=hardened', ':malloc=checked'])('links the malloc%s', (options) => {
    const program = `port${options.replace(/\W/g, '-')}.js`;
    emscripten(folder, 'emcc', 'app.c', '-O2', `--use-port=${port}${options}`, '-o', program);
    expect(runNode(folder, program)).toBe('112');
    const { stderr } = spawnSync(process.execPath, [program, 'twice'], {
      cwd: folder,
      encoding: 'utf8',
    });
    expect(stderr).toContain('unreachable');
    expect(stderr.includes('this block was freed before')).toBe(options.includes('checked'));
  });

  test('finds the headers, with the malloc and alone', () => {
    for (const options of ['', ':malloc=none']) {
      const flags = ['-O2', '-std=c++20', '-fno-exceptions', `--use-port=${port}${options}`];
      emscripten(folder, 'em++', 'headers.cpp', ...flags, '-o', 'headers.js');
      expect(runNode(folder, 'headers.js')).toBe('1');
    }
  });

  test('refuses other mallocs and other options', () => {
    const build = (options: string) => () =>
      emscripten(folder, 'emcc', 'app.c', `--use-port=${port}:${options}`, '-o', 'none.js');
    expect(build('malloc=fast')).toThrow(
      /malloc is fast; it must be default, hardened, checked or none/,
    );
    expect(build('speed=1')).toThrow(/`speed` is not supported/);
  });
});

const hasPkgConfig = spawnSync('pkg-config', ['--version']).status === 0;

describe.skipIf(!hasPkgConfig)('pkg-config', () => {
  function ask(...options: string[]): string[] {
    const PKG_CONFIG_PATH = join(installed, 'lib', 'pkgconfig');
    const environment = { ...process.env, PKG_CONFIG_PATH };
    const answer = execFileSync('pkg-config', [...options, 'lite_alloc'], {
      env: environment,
      encoding: 'utf8',
    });
    return answer.trim().split(/\s+/);
  }

  test.each([
    '',
    '_hardened',
    '_checked',
  ])('links liblite_alloc_malloc%s, wherever the package is', (variant) => {
    const flags = ask(`--define-variable=variant=${variant}`, '--cflags', '--libs');
    expect(flags).toContain('-sMALLOC=none');
    const program = `pkg-config${variant}.js`;
    emscripten(folder, 'emcc', 'app.c', '-O2', ...flags, '-o', program);
    expect(runNode(folder, program)).toBe('112');
  });

  test('says the version of the package', () => {
    const { version } = JSON.parse(
      execFileSync('cat', [join(installed, '..', '..', 'package.json')], { encoding: 'utf8' }),
    ) as { version: string };
    expect(ask('--modversion')).toEqual([version]);
  });
});

describe('a program with threads', () => {
  const refusal =
    /--shared-memory is disallowed by one_thread_only_use_dlmalloc_with_pthread\.cpp\.o/;

  describe.each([
    '',
    '_hardened',
    '_checked',
  ])('is not linked with liblite_alloc_malloc%s', (variant) => {
    const library = join(installed, 'lib', `liblite_alloc_malloc${variant}.a`);

    test.each([
      ['-pthread', '-sMALLOC=none'],
      ['-pthread'],
      ['-sWASM_WORKERS', '-sMALLOC=none'],
      ['-sSHARED_MEMORY', '-sMALLOC=none'],
    ])('under %s %s', (...options) => {
      // Without Emscripten's libraries, which would take minutes to compile: the linker reports what they lack, too.
      const minimal = ['-nostdlib', '-Wl,--error-limit=0', '-o', 'threads.js'];
      expect(() =>
        emscripten(folder, 'emcc', 'app.c', library, ...options.filter(Boolean), ...minimal),
      ).toThrow(refusal);
    });
  });

  test.each([
    '-pthread',
    '-sWASM_WORKERS',
    '-sSHARED_MEMORY',
    '-matomics',
  ])('does not compile the sources with %s', (option) => {
    for (const name of ['malloc.cpp', 'malloc_extensions.cpp', 'program_break.cpp']) {
      const source = join(installed, 'src', 'lite_alloc', 'malloc', name);
      const options = ['-std=c++20', option, `-I${join(installed, 'include')}`, '-fsyntax-only'];
      expect(() => emscripten(folder, 'em++', ...options, source)).toThrow(
        /serves one thread: with -pthread, -sWASM_WORKERS or -sSHARED_MEMORY/,
      );
    }
  });

  test('does not compile the target of CMake', () => {
    writeFiles(join(folder, 'threads'), {
      'CMakeLists.txt': `cmake_minimum_required(VERSION 3.16)
        project(threads LANGUAGES CXX)
        add_compile_options(-pthread)
        find_package(lite_alloc CONFIG REQUIRED)
        add_executable(app ../app.c)
        set_source_files_properties(../app.c PROPERTIES LANGUAGE CXX)
        target_link_libraries(app PRIVATE lite_alloc::malloc)`,
    });
    const definition = `-Dlite_alloc_DIR=${join(installed, 'lib', 'cmake', 'lite_alloc')}`;
    emscripten(folder, 'emcmake', 'cmake', '-S', 'threads', '-B', 'threads-build', definition);
    expect(() =>
      emscripten(folder, 'cmake', '--build', 'threads-build', '--target', 'lite_alloc_malloc'),
    ).toThrow(/serves one thread/);
  });
});
