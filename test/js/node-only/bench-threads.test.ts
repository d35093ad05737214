// SPDX-License-Identifier: MIT
//
// How the bench of several threads makes figures, and how it detects an allocator that is not correct.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { cases, chosenCases } from '../../../bench/threads/cases.mjs';
import { runOf } from '../../../bench/threads/rounds.mjs';
import { tablesOf } from '../../../bench/threads/tables.mjs';

const root = fileURLToPath(new URL('../../..', import.meta.url));

const thread = (operations: number, wrongBlocks = 0) => ({
  operations,
  milliseconds: 10,
  frees: operations,
  remoteFrees: operations / 4,
  wrongBlocks,
});

describe('figures', () => {
  test('a time is that of a thread, averaged over what the threads did together', () => {
    const run = runOf({ threads: [thread(100_000), thread(300_000)], grownKb: 64, othersShare: 0 });
    // 40 operations in a microsecond by two threads: each thread takes 50 ns for one.
    expect(run).toEqual({ nanoseconds: 50, remoteShare: 0.25, grownKb: 64, othersShare: 0 });
  });

  test('a run in which a block had wrong contents has no time', () => {
    const run = runOf({ threads: [thread(100_000), thread(1, 3)], grownKb: 64, othersShare: 0 });
    expect(run).toEqual({ failure: '3 blocks with wrong contents', isFault: true });
  });

  test('throughput is compared with that of one thread', () => {
    const runs = (...times: number[]) => times.map((nanoseconds) => ({ nanoseconds }));
    const larson = cases.filter(({ name }) => name === 'larson 16-500');
    const results = [
      {
        name: 'scales',
        runs: new Map([
          ['larson 16-500, 1 thread', runs(10, 12, 11)],
          ['larson 16-500, 2 threads', runs(22, 10, 11)],
        ]),
      },
      {
        name: 'fails',
        runs: new Map<string, object[]>([
          ['larson 16-500, 1 thread', runs(10)],
          ['larson 16-500, 2 threads', [{ failure: 'over 10 s' }]],
        ]),
      },
    ];
    const tables = tablesOf(results as never, larson, [1, 2]);
    expect(tables['speed-2']?.rows).toEqual([
      { name: 'scales', 'larson 16-500': 10 },
      { name: 'fails', 'larson 16-500': 'over 10 s' },
    ]);
    expect(tables['scaling-2']?.rows).toEqual([
      { name: 'scales', 'larson 16-500': 2 },
      { name: 'fails', 'larson 16-500': '-' },
    ]);
  });

  test('cases are chosen by workload or by name', () => {
    const names = chosenCases('pair,own 16-511', '--workloads').map(({ name }) => name);
    expect(names).toEqual(['pair 32', 'pair 1024', 'own 16-511']);
    expect(() => chosenCases('pear', '--workloads')).toThrow(
      /--workloads: there is no workload pear; there are pair, own,/,
    );
  });
});

/** Four functions around the body of malloc. */
const candidate = (malloc: string) => `
  #include <cstddef>
  inline thread_local char* mine = nullptr;
  extern "C" {
  void candidate_thread_begin() {
    mine = reinterpret_cast<char*>(__builtin_wasm_memory_grow(0, 8) * 65536);
  }
  void candidate_thread_end() {}
  void* candidate_malloc(std::size_t) { ${malloc} }
  void candidate_free(void*) {}
  }`;

test('a native program runs every workload, without a finding of ThreadSanitizer', ({ skip }) => {
  const sources = ['workloads', 'candidate', 'native_program'];
  const options = [
    ...['-std=c++20', '-O1', '-fsanitize=thread', '-pthread', '-Icpp'],
    ...['-Wall', '-Wextra', '-Wconversion', '-Werror'],
    '-DLITE_ALLOC_BENCH_CANDIDATE="one_lock.hpp"',
    ...sources.map((name) => `bench/cpp/threads/${name}.cpp`),
  ];
  const folder = mkdtempSync(join(tmpdir(), 'lite-alloc-threads-'));
  try {
    const program = join(folder, 'program');
    const compiled = spawnSync('clang++', [...options, '-o', program], {
      cwd: root,
      encoding: 'utf8',
    });
    skip(compiled.error !== undefined, 'clang++ is not installed');
    expect(compiled.stderr).toBe('');
    const found = spawnSync(program, { encoding: 'utf8' });
    expect(found.stderr).toBe('');
    expect(found.stdout.match(/ns, 0 wrong blocks$/gm)).toHaveLength(14);
    expect(found.status).toBe(0);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

describe('compare.mjs', () => {
  let folder = '';
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'lite-alloc-threads-'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  function compare(...options: string[]) {
    const command = ['bench/threads/compare.mjs', '--rounds', '1', '--milliseconds', '5'];
    return spawnSync(process.execPath, [...command, ...options], { cwd: root, encoding: 'utf8' });
  }

  function write(name: string, malloc: string): string {
    const file = join(folder, `${name}.hpp`);
    writeFileSync(file, candidate(malloc));
    return `${name}=${file}`;
  }

  test('each worker has thread-local variables of its own', () => {
    const candidate = write('own-block', 'return mine;');
    const found = compare('--candidate', candidate, '--workloads', 'pair');
    expect(found.stderr).toBe('');
    expect(found.stdout).toMatch(/own-block │ [\d.]+ +│ [\d.]+ +│/);
    expect(found.status).toBe(0);
  });

  test('an allocator that gives out a live block again is a fault', () => {
    const twice = write('twice', 'return mine;');
    const found = compare('--candidate', twice, '--workloads', 'own 16-128', '--threads', '2');
    expect(found.stderr).toMatch(/^twice: own 16-128, 2 threads: \d+ blocks with wrong contents$/m);
    expect(found.status).toBe(1);
  });

  test('calls of the main thread are timed on demand, and their blocks are checked', () => {
    const options = ['--workloads', 'pair 32', '--threads', '1', '--latency', '1000'];
    const found = compare('--own', 'one lock', ...options);
    expect(found.stdout).toMatch(
      /one lock, 3 workers │ [\d.]+ +│ [\d.]+ +│ [\d.]+ +│ [\d.]+ +│ 1000/,
    );
    const wrong = compare('--candidate', write('twice', 'return mine;'), ...options);
    expect(wrong.stderr).toMatch(/^twice: latency, 0 workers: \d+ blocks with wrong contents$/m);
  });

  test('an allocator that has no memory is a fault', () => {
    const empty = write('empty', 'return nullptr;');
    const found = compare('--candidate', empty, '--workloads', 'pair 32', '--threads', '1');
    expect(found.stderr).toMatch(/^empty: pair 32, 1 thread: Error: malloc returned 0$/m);
    expect(found.status).toBe(1);
  });

  test('options that are not valid are refused with the cure', () => {
    const refused = (...options: string[]) => compare(...options).stderr.trim();
    expect(refused()).toBe('There is nothing to compare: name a --candidate.');
    expect(refused('--candidate', 'heap.hpp')).toBe('--candidate takes NAME=FILE, got heap.hpp.');
    expect(refused('--candidate', 'a=nowhere.hpp')).toBe(
      '--candidate nowhere.hpp: there is no such file.',
    );
    expect(refused('--peers', 'jemalloc')).toBe(
      '--peers: there is no jemalloc; there are mimalloc, dlmalloc, emmalloc.',
    );
    expect(refused('--peers', 'mimalloc', '--threads', '5')).toBe(
      '--threads takes integers from 1 to 4, got 5.',
    );
    expect(refused('--peers', 'mimalloc', '--malloc', 'mimalloc=/dev/null')).toBe(
      'Two allocators are named mimalloc: rename one.',
    );
  });
});
