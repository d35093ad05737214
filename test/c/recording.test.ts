// SPDX-License-Identifier: MIT
//
// C programs that record their allocation calls, built with Emscripten and natively.

import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { AllocationTrace } from 'lite-alloc';
import { beforeAll, describe, expect, inject, test } from 'vitest';
import type { TraceInfo } from '../../js/cli/trace-info.js';
import { writeFiles } from '../support/consumer.js';
import { buildWithCmake, emscripten } from '../support/emscripten.js';
import { readSamples } from '../support/markdown.js';
import { repository } from '../support/sources.js';

const consumerFolder = inject('consumerFolder');
const folder = join(consumerFolder, 'recording');
const installed = join(consumerFolder, 'node_modules', 'lite-alloc', 'dist', 'c');
const recorder = join(installed, 'src', 'lite_alloc', 'malloc', 'record.c');
const library = join(installed, 'lib', 'liblite_alloc_malloc.a');
const recorded = ['-DRECORDED', `-I${join(installed, 'include')}`, recorder];
const common = ['-O2', '-Wall', '-Wextra', '-Werror', '-fno-builtin', '-sNODERAWFS'];
const growing = ['-sALLOW_MEMORY_GROWTH', '-sMAXIMUM_MEMORY=128MB'];

const traceFile = join(folder, 'lite-alloc.trace');

/** The time limit in ms of a build, which may compile libraries of Emscripten first. */
const patience = 400_000;

beforeAll(() => {
  cpSync(join(repository, 'test', 'c', 'recording'), folder, { recursive: true });
});

function build(name: string, ...options: string[]): string {
  emscripten(folder, 'emcc', 'program.c', ...common, ...options, '-o', name);
  return name;
}

interface Run {
  status: number | null;
  stdout: string;
  stderr: string;
}

/** Runs a program without the trace of an earlier run. */
function run(command: string, ...programArguments: string[]): Run {
  rmSync(traceFile, { force: true });
  const { status, stdout, stderr } = spawnSync(command, programArguments, {
    cwd: folder,
    encoding: 'utf8',
    timeout: 60_000,
    maxBuffer: 1 << 26,
  });
  return { status, stdout, stderr };
}

const runNode = (...programArguments: string[]): Run => run(process.execPath, ...programArguments);

/** The operations of a trace as the program prints them, with blocks by number. */
async function readCalls(file = traceFile): Promise<{ calls: string[]; truncated: boolean }> {
  const trace = await AllocationTrace.read(readFileSync(file));
  const { chunks } = trace as unknown as { chunks: readonly Uint32Array[] };
  const numbers = new Map<number, number>();
  let allocated = 0;
  const calls = chunks.flatMap((words) =>
    Array.from({ length: words.length / 3 }, (_, index) => {
      const [key = 0, size = 0, detail = 0] = words.subarray(index * 3);
      const kind = ' mza-r-f'[key & 15] ?? '?';
      const address = key - (key & 15);
      if ('mza'.includes(kind)) numbers.set(address, allocated++);
      const number = numbers.get(address);
      const alignment = kind === 'a' ? 16 << (detail & 15) : 0;
      if (kind === 'f') numbers.delete(address);
      return `${kind} ${number} ${size} ${alignment}`;
    }),
  );
  return { calls, truncated: trace.truncated };
}

/** What the program prints. A trace has no alignments up to 16: such a block is one of malloc. */
function printedCalls({ stdout }: Run): string[] {
  return stdout
    .trimEnd()
    .split('\n')
    .map((line) => line.replace(/^a (\d+ \d+) (8|16)$/, 'm $1 0'));
}

function readInfo(file: string): TraceInfo {
  const command = join(consumerFolder, 'node_modules', '.bin', 'lite-alloc');
  const { stdout } = spawnSync(command, ['info', file, '--json'], { encoding: 'utf8' });
  return JSON.parse(stdout) as TraceInfo;
}

describe.each([
  { malloc: "Emscripten's malloc", options: [] },
  { malloc: 'lite_alloc::malloc', options: [library, '-sMALLOC=none'] },
])('a program on $malloc', ({ malloc, options }) => {
  const name = malloc.startsWith('lite') ? 'own' : 'dlmalloc';
  const program = `${name}.js`;

  beforeAll(() => {
    build(program, ...recorded, ...options, ...growing);
  }, patience);

  test('records each of its calls, which the command and AllocationTrace.read read', async () => {
    const done = runNode(program);
    expect([done.status, done.stderr]).toEqual([0, '']);
    const { calls, truncated } = await readCalls();
    expect(calls).toHaveLength(30_000);
    expect(calls).toEqual(printedCalls(done));
    expect(truncated).toBe(false);

    const info = readInfo(traceFile);
    expect(info).toMatchObject({ operations: 30_000, truncated: false, olderFrees: 0 });
    const counts = Object.entries({
      malloc: 'm',
      calloc: 'z',
      memalign: 'a',
      realloc: 'r',
      free: 'f',
    });
    for (const [kind, letter] of counts) {
      expect(info.calls[kind]).toBe(calls.filter((call) => call.startsWith(letter)).length);
    }
  });

  test('that crashes leaves a trace of its first frames', async () => {
    const done = runNode(program, 'crash');
    expect(done.stderr).toContain('unreachable');
    const { calls, truncated } = await readCalls();
    expect([calls.length, truncated]).toEqual([8192, true]);
    expect(calls).toEqual(printedCalls(runNode(program)).slice(0, 8192));
  });

  test('completes its trace when it returns, if it is linked with -sEXIT_RUNTIME', async () => {
    const done = runNode(
      build(`${name}-exit.js`, ...recorded, ...options, ...growing, '-sEXIT_RUNTIME'),
      'return',
    );
    expect(done.status).toBe(0);
    const { calls, truncated } = await readCalls();
    expect([calls.length, truncated]).toEqual([30_000, false]);
    expect(calls).toEqual(printedCalls(done));
  });

  test('has as many blocks as without the recorder when memory is exhausted', async () => {
    const fixed = ['-sABORTING_MALLOC=0', '-sEXIT_RUNTIME', ...options];
    const without = runNode(build(`${name}-plain.js`, ...fixed), 'exhaust');
    expect(without.stdout).toMatch(/^\d{5} blocks, errno 1\n$/);
    const done = runNode(build(`${name}-full.js`, ...recorded, ...fixed), 'exhaust');
    expect([done.status, done.stderr]).toEqual([0, '']);
    // Memory is rounded up to whole pages behind the static data, so each program has up to one page more for blocks.
    const [recordedCount, plainCount] = [done, without].map(({ stdout }) =>
      Number.parseInt(stdout, 10),
    );
    expect(Math.abs((recordedCount as number) - (plainCount as number))).toBeLessThanOrEqual(65);
    const info = readInfo(traceFile);
    expect(`${info.peakLiveBlocks} blocks, errno 1\n`).toBe(done.stdout);
    expect(info.truncated).toBe(false);
  });

  test('goes on without the recorder when its table is full', async () => {
    const options_ = [...recorded, ...options, ...growing, '-DLITE_ALLOC_RECORD_TABLE=64'];
    const done = runNode(build(`${name}-small.js`, ...options_));
    expect(done.status).toBe(0);
    expect(done.stderr).toMatch(
      /^lite-alloc: more blocks are live than LITE_ALLOC_RECORD_TABLE has/,
    );
    const { calls, truncated } = await readCalls();
    expect(truncated).toBe(true);
    expect(calls.length).toBeGreaterThan(48);
    expect(calls).toEqual(printedCalls(done).slice(0, calls.length));
  });

  test('goes on without the recorder where the file cannot be written, and says why', () => {
    rmSync(traceFile, { force: true });
    mkdirSync(traceFile);
    const { status, stdout, stderr } = spawnSync(process.execPath, [program], {
      cwd: folder,
      encoding: 'utf8',
      maxBuffer: 1 << 26,
    });
    rmSync(traceFile, { recursive: true });
    expect([status, stdout.trimEnd().split('\n').length]).toEqual([5, 30_000]);
    expect(stderr).toMatch(
      /^lite-alloc: cannot write the trace lite-alloc\.trace: .+; the recording ends\n$/,
    );
  });
});

test('a CMake project links the recorder with find_package', async () => {
  writeFiles(join(folder, 'cmake'), {
    'CMakeLists.txt': `cmake_minimum_required(VERSION 3.16)
      project(recorded LANGUAGES CXX)
      find_package(lite_alloc CONFIG REQUIRED COMPONENTS record)
      add_executable(program main.cpp)
      target_link_libraries(program PRIVATE lite_alloc::malloc lite_alloc::record)
      target_link_options(program PRIVATE -sNODERAWFS)`,
    'main.cpp': `#include <lite_alloc/malloc/record.h>
      int main() {
        char* volatile block = new char[1001];
        delete[] block;
      }`,
  });
  const settings = {
    lite_alloc_DIR: join(installed, 'lib', 'cmake', 'lite_alloc'),
    CMAKE_CXX_FLAGS: '-O2 -fno-exceptions',
  };
  buildWithCmake(join(folder, 'cmake'), join(folder, 'cmake-build'), settings, ['program']);
  expect(runNode(join('cmake-build', 'program.js'))).toEqual({ status: 0, stdout: '', stderr: '' });
  const { calls, truncated } = await readCalls();
  expect([calls, truncated]).toEqual([['m 0 1001 0', 'f 0 0 0'], false]);
});

const isGlibc = process.platform === 'linux' && existsSync('/lib64/ld-linux-x86-64.so.2');

describe.skipIf(!isGlibc)('natively, with glibc', () => {
  const warnings = ['-O2', '-Wall', '-Wextra', '-Wconversion', '-Werror'];

  test('a program that links the recorder records each of its calls', async () => {
    const built = run('cc', 'program.c', '-O2', '-fno-builtin', ...recorded, '-o', 'native');
    expect(built).toEqual({ status: 0, stdout: '', stderr: '' });
    const done = run('./native');
    expect([done.status, done.stderr]).toEqual([0, '']);
    const { calls, truncated } = await readCalls();
    expect([calls.length, truncated]).toEqual([30_000, false]);
    expect(calls).toEqual(printedCalls(done));
  });

  test('the commands of docs/c.md record a program, with Emscripten and natively', () => {
    const commands = readSamples('docs/c.md')
      .filter(({ language }) => language === 'bash')
      .map(({ code }) => code);
    expect(commands).toHaveLength(2);
    const samples = join(folder, 'samples');
    writeFiles(samples, {
      'app.c': `#include <stdlib.h>
        int main(void) { for (int i = 0; i < 20000; ++i) { void* volatile block = malloc(i); free(block); } }`,
    });
    symlinkSync(join(consumerFolder, 'node_modules'), join(samples, 'node_modules'));
    const printed = emscripten(
      samples,
      'sh',
      '-e',
      '-c',
      `cc -O1 app.c -o app\n${commands.join('\n')}`,
    );
    expect(printed).toMatch(/^operations +40000$/m);
    const native = readInfo(join(samples, 'app.trace'));
    expect(native.operations).toBeGreaterThanOrEqual(40_000);
    expect(native.truncated).toBe(false);
  });

  test('LD_PRELOAD records the calls of a program that threads share', async () => {
    writeFiles(folder, {
      'threads.c': `#include <pthread.h>
        #include <stdlib.h>
        static void* work(void* argument) {
          for (int i = 0; i < 20000; ++i) {
            char* volatile block = malloc(100 + i % 50);
            block = realloc(block, 300);
            free(block);
          }
          return argument;
        }
        int main(void) {
          pthread_t threads[4];
          for (int i = 0; i < 4; ++i) pthread_create(&threads[i], NULL, work, NULL);
          for (int i = 0; i < 4; ++i) pthread_join(threads[i], NULL);
        }`,
    });
    const shared = ['-shared', '-fPIC', recorder, '-o', 'recorder.so', '-pthread'];
    expect(run('cc', ...warnings, ...shared).stderr).toBe('');
    expect(run('cc', '-O1', 'threads.c', '-pthread', '-o', 'threads').stderr).toBe('');
    const environment = [`LD_PRELOAD=${join(folder, 'recorder.so')}`, 'LITE_ALLOC_TRACE=t.trace'];
    expect(run('env', ...environment, './threads')).toEqual({ status: 0, stdout: '', stderr: '' });
    const info = readInfo(join(folder, 't.trace'));
    expect(info.truncated).toBe(false);
    expect(info.calls['realloc']).toBe(80_000);
    expect(info.calls['malloc']).toBeGreaterThanOrEqual(80_000);
    expect(info.resizes.longestChain).toBe(1);
  });
});
