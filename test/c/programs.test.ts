// SPDX-License-Identifier: MIT
//
// Programs in C and C++ that use the installed package, built as their users may.

import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, inject, test } from 'vitest';
import { runNode, writeFiles } from '../support/consumer.js';
import { buildWithCmake, emscripten } from '../support/emscripten.js';
import { readSamples } from '../support/markdown.js';
import { repository } from '../support/sources.js';

const folder = inject('consumerFolder');

/** Emscripten compiles other libraries for some flags, for up to two minutes. Without `all` tests use one set of them. */
const all = inject('all');
const installed = join(folder, 'node_modules', 'lite-alloc', 'dist', 'c');

const growing = '-sALLOW_MEMORY_GROWTH=1 -sMAXIMUM_MEMORY=128MB';
const fixed = '-sABORTING_MALLOC=0';
const exported = '-sEXPORTED_FUNCTIONS=_main,_malloc,_free';

interface Build {
  readonly name: string;
  readonly compile: string;
  readonly link: string;
  readonly programs: readonly ('family' | 'classes')[];
  readonly hasOwnLibraries?: boolean;
}

/** Builds for each optimisation level, with growing and with fixed memory, with and without exceptions. */
const builds: readonly Build[] = (<Build[]>[
  // Emscripten's assertions would need another set of its libraries, a minute to compile.
  { name: '-O0', compile: '-O0', link: `${growing} -sASSERTIONS=0`, programs: ['family'] },
  {
    name: '-O1 with exceptions',
    compile: '-O1 -fexceptions -DCATCHES_EXCEPTIONS',
    link: growing,
    programs: ['classes'],
    hasOwnLibraries: true,
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
    hasOwnLibraries: true,
  },
]).filter(({ hasOwnLibraries = false }) => all || !hasOwnLibraries);

const standalone = ['-fno-builtin', '-sMALLOC=none', '-sSTANDALONE_WASM'];

/** A program with `main`, one with functions alone, and a host that runs either. */
const wasiFiles = {
  'command.c': `#include <stdio.h>
    #include <stdlib.h>
    #include <string.h>
    int main(void) {
      void* blocks[60];
      for (int i = 0; i < 60; ++i) {
        blocks[i] = malloc(i * 3000);
        memset(blocks[i], i, i * 3000);
        if (i % 3 == 0) blocks[i] = realloc(blocks[i], i * 6000 + 1);
        if (blocks[i] == NULL) return 1;
      }
      for (int i = 0; i < 60; ++i) free(blocks[i]);
      puts("served");
    }`,
  'reactor.c': `#include <emscripten.h>
    #include <malloc.h>
    EMSCRIPTEN_KEEPALIVE int serves(void) {
      for (int i = 0; i < 1000; ++i) {
        int* block = malloc(i * 16);
        if (block == NULL) return 0;
        *block = i;
        if (i % 3 != 0) free(block);
      }
      return 1;
    }`,
  'wasi.mjs': `import { readFileSync } from 'node:fs';
    import { WASI } from 'node:wasi';
    const module = new WebAssembly.Module(readFileSync(process.argv[2]));
    const wasi = new WASI({ version: 'preview1' });
    const instance = new WebAssembly.Instance(module, wasi.getImportObject());
    if (instance.exports._start !== undefined) wasi.start(instance);
    else {
      wasi.initialize(instance);
      if (instance.exports.serves() === 1) console.log('served');
    }`,
};

beforeAll(() => {
  cpSync(join(repository, 'test', 'c', 'consumer'), folder, { recursive: true });
  writeFiles(folder, wasiFiles);
});

/** Matches the last line that a program prints if all of its checks hold. */
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

describe.each([
  { library: 'liblite_alloc_malloc.a' },
  { library: 'liblite_alloc_malloc_hardened.a' },
])('the memory of a program with $library', ({ library }) => {
  const path = join(installed, 'lib', library);
  const name = library.replace('.a', '');

  /** Links the program once for each set of options, and runs one of its checks. */
  function check(kind: string, options: readonly string[], which: string): void {
    const program = `${name}-${kind}.js`;
    if (!existsSync(join(folder, program))) {
      // With malloc as a builtin, compilers remove calls whose block is never used.
      const common = ['-O2', '-fno-builtin', '-Wno-unused', '-sMALLOC=none'];
      emscripten(folder, 'emcc', 'memory.c', path, ...common, ...options, '-o', program);
    }
    expect(runNode(folder, program, which)).toMatch(
      new RegExp(`^${which}: [1-9]\\d* checks, 0 failed$`, 'm'),
    );
  }

  const fixedChecks = ['break', 'break-beside-blocks', 'one-block', 'alignments'];
  test.each(fixedChecks)('that does not grow holds: %s', (which) => {
    check('fixed', [fixed], which);
  });

  const growingChecks = [...fixedChecks, 'reserved', 'extensions', 'failures'];
  test.each(
    growingChecks.filter((which) => which !== 'one-block'),
  )('that grows holds: %s', (which) => {
    check('growing', [...growing.split(' '), fixed], which);
  });

  test('serves realloc without growth, where a refusal of growth ends the program', () => {
    check('aborting', [], 'realloc');
  });

  test('is used up to the last page but one, if it has 4 GiB from the start', () => {
    check('4gib', [fixed, '-sINITIAL_MEMORY=4GB', '-sMAXIMUM_MEMORY=4GB'], 'four-gigabytes');
  });

  test('is linked from objects that call neither malloc nor calloc nor memory functions', () => {
    const undefinedSymbols = emscripten(folder, 'emnm', '-u', path);
    expect(undefinedSymbols).toContain('emscripten_resize_heap');
    expect(undefinedSymbols).not.toMatch(/\b(malloc|calloc|realloc|free|memcpy|memmove|memset)$/m);
  });

  test.runIf(all)('zeroes calloc, where the whole program is optimised at once', () => {
    writeFiles(folder, {
      'zeroed.c': `#include <stdio.h>
        #include <stdlib.h>
        #include <string.h>
        int main(int argc, char** argv) {
          size_t sum = 0;
          for (size_t size = 1; size < 100000; size = size * 2 + argc) {
            char* dirty = malloc(size);
            memset(dirty, 1, size);
            free(dirty);
            char* zero = calloc(1, size);
            char* filled = malloc(size);
            memset(filled, 0, size);
            for (size_t at = 0; at < size; ++at) sum += zero[at] + filled[at];
            free(zero);
            free(filled);
          }
          printf("sum %zu\\n", sum + (argv == NULL));
        }`,
    });
    const options = ['-O2', '-flto', '-fno-exceptions', '-sMALLOC=none', '-o', `${name}-zeroed.js`];
    emscripten(folder, 'emcc', 'zeroed.c', path, ...options);
    expect(runNode(folder, `${name}-zeroed.js`)).toBe('sum 0');
  });

  test('is refused by the linker where it is shared between threads', () => {
    const linker = ['wasm-ld', '--shared-memory', '--max-memory=16777216', '--no-entry'];
    const options = ['--allow-undefined', '--export=malloc', path, '-o', 'shared.wasm'];
    expect(() => emscripten(folder, ...linker, ...options)).toThrow(
      /--shared-memory is disallowed by malloc\.cpp\.o/,
    );
  });

  test.each([
    '-pthread',
    '-sWASM_WORKERS',
    '-sSHARED_MEMORY',
  ])('is refused in a program linked with %s', (option) => {
    // Without Emscripten's libraries, which would take a minute to compile: the linker reports
    // what they lack, too.
    const options = ['-nostdlib', '-Wl,--error-limit=0', '-sMALLOC=none', option];
    expect(() =>
      emscripten(folder, 'emcc', 'misuse.c', path, ...options, '-o', 'threads.js'),
    ).toThrow(/--shared-memory is disallowed by malloc\.cpp\.o/);
  });

  test('may be refused at each allocation in turn, which returns null and changes nothing', () => {
    const include = `-I${join(installed, 'include')}`;
    const options = ['-std=c++20', '-O1', '-fno-builtin', '-Wall', '-Wextra', '-Werror', include];
    options.push('-sMALLOC=none', ...growing.split(' '), '-o', `${name}-refusals.js`);
    emscripten(folder, 'em++', 'refusals.cpp', path, ...options);
    expect(runNode(folder, `${name}-refusals.js`)).toMatch(allHeld('refusals'));
  });

  /** Links a program without JavaScript, checks that a WASI host can run it, and runs it there. */
  function runInWasi(program: string, source: string, ...options: string[]): string {
    emscripten(folder, 'emcc', source, path, ...standalone, ...options, '-o', `${program}.wasm`);
    const module = new WebAssembly.Module(readFileSync(join(folder, `${program}.wasm`)));
    const imports = WebAssembly.Module.imports(module);
    expect(imports.filter(({ module }) => module !== 'wasi_snapshot_preview1')).toEqual([]);
    return runNode(folder, 'wasi.mjs', `${program}.wasm`);
  }

  const unoptimised = all ? '-O0' : '-O0 -sASSERTIONS=0';
  const levels = name.includes('hardened') ? [unoptimised] : [unoptimised, '-O1', '-O2'];
  test.each(
    levels,
  )('that does not grow serves programs in a WASI host, linked with %s', (level) => {
    const options = level.split(' ');
    const [optimisation] = options;
    const run = (kind: string, ...more: string[]): string =>
      runInWasi(`${name}-${kind}${optimisation}`, `${kind}.c`, ...options, ...more);
    expect(run('command')).toBe('served');
    expect(run('reactor', '--no-entry')).toBe('served');
  });

  test('that grows serves a program in a WASI host', () => {
    // Without -sPURE_WASI Emscripten's own mallocs import the notification of growth, too.
    const options = ['-O2', '-sALLOW_MEMORY_GROWTH', '-sPURE_WASI', '-sINITIAL_HEAP=0'];
    expect(runInWasi(`${name}-growing`, 'command.c', ...options)).toBe('served');
  });
});

test('the sources do not compile for threads', () => {
  const source = join(installed, 'src', 'lite_alloc', 'malloc', 'malloc.cpp');
  const options = ['-std=c++20', '-pthread', `-I${join(installed, 'include')}`, '-fsyntax-only'];
  expect(() => emscripten(folder, 'em++', ...options, source)).toThrow(/serves one thread/);
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

  test('is ended by Emscripten when memory runs out, as its default setting says', () => {
    const { status, output } = misuse('exhaust');
    expect(status).not.toBe(0);
    expect(output).toContain('OOM');
  });
});

describe('the samples of docs/c.md', () => {
  const samples = (language: string): string[] =>
    readSamples('docs/c.md')
      .filter((sample) => sample.language === language)
      .map(({ code }) => code);
  const [list = ''] = samples('cmake');
  const [program = ''] = samples('cpp');
  const sampleFolder = join(folder, 'samples');

  beforeAll(() => {
    mkdirSync(sampleFolder);
    symlinkSync(join(folder, 'node_modules'), join(sampleFolder, 'node_modules'));
    writeFiles(sampleFolder, { 'CMakeLists.txt': list, 'app.cpp': program });
  });

  test.each(samples('sh'))('%s', (commands) => {
    const said = [...program.matchAll(/printf\(.*\/\/ (.*)$/gm)].map(([, text]) => text);
    expect(said).toHaveLength(2);
    const printed = emscripten(sampleFolder, 'sh', '-e', '-c', commands);
    expect(printed.trimEnd().split('\n').slice(-2)).toEqual(said);
  });

  test('are a program with CMake and one without', () => {
    expect(samples('sh')).toHaveLength(2);
  });
});
