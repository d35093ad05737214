// SPDX-License-Identifier: MIT

import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  type Advice,
  AllocationTrace,
  createHeap,
  type ReplayResult,
  strategies,
} from 'lite-alloc';
import { beforeAll, describe, expect, inject, test } from 'vitest';
import type { Bench } from '../../js/cli/measure.js';
import type { TraceInfo } from '../../js/cli/trace-info.js';
import { repository } from '../support/sources.js';

const consumerFolder = inject('consumerFolder');
const command = join(consumerFolder, 'node_modules', '.bin', 'lite-alloc');
const trace = join(consumerFolder, 'small.trace');

function run(program: string, programArguments: readonly string[], input?: Uint8Array) {
  const { status, stdout, stderr } = spawnSync(program, programArguments, {
    cwd: consumerFolder,
    encoding: 'utf8',
    timeout: 100_000,
    ...(input === undefined ? {} : { input }),
  });
  return { status, stdout, stderr };
}

const liteAlloc = (...commandArguments: string[]) => run(command, commandArguments);

/** Parses the JSON that a command printed; fails unless the command succeeded. */
function jsonOf<T>({ status, stdout, stderr }: ReturnType<typeof run>): T {
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  return JSON.parse(stdout) as T;
}

beforeAll(async () => {
  const heap = await createHeap();
  const recorder = heap.record();
  const blocks = Array.from({ length: 100 }, (_, index) => heap.malloc(index * 100));
  for (const block of blocks) heap.free(block);
  const bytes = await new Response(recorder.stop().write({ gzip: true })).arrayBuffer();
  writeFileSync(trace, new Uint8Array(bytes));
});

describe('the command', () => {
  test('is found by npx', () => {
    const { status, stdout } = run('npx', ['--no-install', 'lite-alloc', '--version']);
    const { version } = JSON.parse(readFileSync(join(repository, 'package.json'), 'utf8')) as {
      version: string;
    };
    expect([status, stdout]).toEqual([0, `${version}\n`]);
  });

  test('prints its commands and their options', () => {
    const { status, stdout } = liteAlloc('--help');
    expect(status).toBe(0);
    for (const name of ['info', 'replay', 'advise', 'bench']) {
      expect(stdout).toMatch(new RegExp(`^ +${name} `, 'm'));
      expect(liteAlloc(name, '--help')).toMatchObject({
        status: 0,
        stdout: expect.stringContaining('--json'),
      });
    }
    expect(liteAlloc('replay', '--help').stdout).toContain('"segregated-bump"');
  });

  test.each([
    [[], 'Usage: lite-alloc'],
    [['frobnicate'], "unknown command 'frobnicate'"],
    [['replay'], "missing required argument 'trace'"],
    [['replay', trace, 'more'], 'too many arguments'],
    [['info'], "missing required argument 'trace'"],
    [['info', trace, '--maximum-operations', '0'], "'0' is invalid. It must be a number above 0."],
    [['replay', trace, '--fast'], "unknown option '--fast'"],
    [['replay', trace, '--strategy', 'best-fit'], "'best-fit' is invalid"],
    [['replay', trace, '--rounds', '0'], "'0' is invalid. It must be a number above 0."],
    [['replay', trace, '--rounds', '1.5'], "'1.5' is invalid. It must be an integer."],
    [['advise', trace, '--time-limit', 'x'], "'x' is invalid"],
    [['advise', trace, '--maximum-operations', '1.5'], "'1.5' is invalid. It must be an integer."],
    [['bench', '--seconds', '-1'], "'-1' is invalid"],
  ])('exits with 2 and a reason if it is called with %s', (commandArguments, reason) => {
    const { status, stdout, stderr } = liteAlloc(...commandArguments);
    expect([status, stdout]).toEqual([2, '']);
    expect(stderr).toContain(reason);
  });
});

/** Runs the command in a shell of its own, which says how the output goes. */
function liteAllocInShell(commandLine: string) {
  return run('sh', ['-c', commandLine.replace(/^lite-alloc/, command)]);
}

const pair = join(repository, 'bench', 'traces', 'cfrac.trace.gz');

describe('the standard output', () => {
  test.each([
    '--help',
    '--version',
    `info ${trace}`,
    `replay ${trace} --json`,
    'bench --help',
  ])('that is full fails %s with one line', (commandLine) => {
    const { status, stderr } = liteAllocInShell(`lite-alloc ${commandLine} > /dev/full`);
    expect([status, stderr]).toEqual([
      1,
      'lite-alloc: cannot write to the standard output: ENOSPC: no space left on device, write\n',
    ]);
  });

  test('that is closed early ends the command silently', () => {
    for (const commandLine of ['--help', `info ${trace}`, `advise ${trace} --json`]) {
      expect(liteAllocInShell(`lite-alloc ${commandLine} | head -c 1 > /dev/null`)).toEqual({
        status: 0,
        stdout: '',
        stderr: '',
      });
      expect(liteAllocInShell(`lite-alloc ${commandLine} | true`).stderr).toBe('');
    }
  });

  test('is complete where the standard error is full, and the status says what failed', () => {
    const { status, stdout } = liteAllocInShell(`lite-alloc info ${trace} 2> /dev/full`);
    expect([status, stdout.split('\n')[2]]).toEqual([0, 'operations        200']);
    expect(liteAllocInShell('lite-alloc info missing.trace 2> /dev/full').status).toBe(1);
  });
});

const hasScript = spawnSync('script', ['--version'], { encoding: 'utf8' }).stdout?.includes('util');

describe.skipIf(!hasScript)('on a terminal, a signal', () => {
  test.each([
    ['INT', 130],
    ['TERM', 143],
    ['HUP', 129],
    ['KILL', 137],
  ])('%s ends the command during its progress, and leaves cursor and line wrap', (signal, status) => {
    const limited = `timeout --foreground --preserve-status -s ${signal} 1.5 ${command} bench`;
    const { stdout } = run('script', [
      '-qec',
      `stty cols 40; ${limited}; echo status $?`,
      '/dev/null',
    ]);
    expect(stdout).toMatch(/measuring \[=*/);
    expect(stdout).toContain(`status ${status}\r\n`);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: the sequences that change a terminal's modes
    expect(stdout.match(/\u001b\[\?\d+[hl]/g)).toBeNull();
  });
});

describe('info', () => {
  test('prints what a trace holds', () => {
    const { status, stdout, stderr } = liteAlloc('info', trace);
    expect([status, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/^file +\d+ bytes, gzip$/m);
    expect(stdout).toMatch(/^format +version 1$/m);
    expect(stdout).toMatch(/^operations +200$/m);
    expect(stdout).toMatch(/^ {2}malloc +100$/m);
    expect(stdout).toMatch(/^sizes +0 to 9900 bytes, median 4900$/m);
    expect(stdout).toMatch(/^peak live bytes +495000 in 100 blocks, at operation 100$/m);
    expect(stdout).toMatch(/^live at the end +0 bytes in 0 blocks$/m);
    expect(stdout).not.toContain('resize');
    expect(stdout).toMatch(/^size up to +allocations +bytes\n16 +1 +0\n128 +1 +100\n256 +1 +200$/m);
  });

  test('prints every kind of call, resizes and older blocks as JSON', async () => {
    const heap = await createHeap();
    const older = heap.malloc(1);
    const recorder = heap.record({ maximumOperations: 15 });
    let block = heap.malloc(10);
    for (const size of [20, 40, 30]) block = heap.realloc(block, size);
    const zeroed = heap.calloc(3, 7);
    const aligned = heap.memalign(64, 100);
    const sized = heap.allocate(200, 4096);
    heap.deallocate(heap.reallocate(sized, 200, 300, 4096), 300, 4096);
    heap.free(older);
    heap.free(zeroed);
    heap.free(aligned);
    heap.reset();
    heap.malloc(5);
    heap.malloc(5);
    heap.malloc(5);
    const file = join(consumerFolder, 'all.trace');
    const bytes = await new Response(recorder.stop().write()).arrayBuffer();
    writeFileSync(file, new Uint8Array(bytes));
    expect(jsonOf<TraceInfo>(liteAlloc('info', file, '--json'))).toEqual({
      file: { bytes: bytes.byteLength, gzip: false, format: 'version 1' },
      truncated: true,
      operations: 15,
      calls: {
        malloc: 3,
        calloc: 1,
        memalign: 1,
        allocate: 1,
        realloc: 3,
        reallocate: 1,
        free: 3,
        deallocate: 1,
        reset: 1,
      },
      olderFrees: 1,
      sizes: { smallest: 5, median: 10, largest: 200, total: 341 },
      sizeClasses: [
        { upTo: 16, allocations: 3, bytes: 20 },
        { upTo: 32, allocations: 1, bytes: 21 },
        { upTo: 128, allocations: 1, bytes: 100 },
        { upTo: 256, allocations: 1, bytes: 200 },
      ],
      alignments: { 16: 4, 64: 1, 4096: 1 },
      peak: { blocks: 4, bytes: 451, operation: 8 },
      peakLiveBlocks: 4,
      atEnd: { blocks: 2, bytes: 10 },
      resizes: { blocks: 2, grown: 3, shrunk: 1, longestChain: 3 },
      medianLifetime: 6,
    });
    expect(liteAlloc('info', file).stdout).toMatch(/^The trace is incomplete: /);
  });

  test('agrees with a replay on the peak of live bytes', () => {
    const info = jsonOf<TraceInfo>(liteAlloc('info', pair, '--json'));
    expect(info.file).toMatchObject({ gzip: true, format: 'plain pairs' });
    expect(info.operations).toBe(200_000);
    expect(info.peak.bytes).toBe(4977);
  });

  test('prints a trace without calls', async () => {
    const recorder = (await createHeap()).record();
    const bytes = await new Response(recorder.stop().write()).arrayBuffer();
    const input = new Uint8Array(bytes);
    const { sizes, medianLifetime, ...info } = jsonOf<TraceInfo>(
      run(command, ['info', '-', '--json'], input),
    );
    expect([sizes, medianLifetime, info.operations]).toEqual([undefined, undefined, 0]);
    expect(run(command, ['info', '-'], input).stdout).toMatch(/^alignments +-$/m);
  });
});

describe('replay', () => {
  test('prints the figures', () => {
    const { status, stdout, stderr } = liteAlloc('replay', trace, '--strategy', 'free-list');
    expect([status, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/^strategy +free-list$/m);
    expect(stdout).toMatch(/^operations +200$/m);
    expect(stdout).toMatch(/^rounds +5$/m);
    expect(stdout).toMatch(/^peak live bytes +495000$/m);
    expect(stdout).toMatch(/^time per operation +[\d.]+ ns, median [\d.]+ ns$/m);
  });

  test('prints JSON and nothing else with --json', () => {
    const result = jsonOf<ReplayResult>(liteAlloc('replay', trace, '--rounds', '2', '--json'));
    expect(result).toMatchObject({
      strategy: 'segregated-fit',
      operations: 200,
      rounds: 2,
      peakLiveBytes: 495_000,
      timedOut: false,
    });
  });

  test('refuses a trace with more operations than --maximum-operations, as advise does', () => {
    for (const name of ['replay', 'advise']) {
      const { status, stdout, stderr } = liteAlloc(name, trace, '--maximum-operations', '199');
      expect([status, stdout]).toEqual([1, '']);
      expect(stderr).toContain('more than 199 operations');
      const rounds = ['--rounds', '1', '--json'];
      expect(liteAlloc(name, trace, '--maximum-operations', '200', ...rounds).status).toBe(0);
    }
  });

  test('reads the standard input', () => {
    const input = readFileSync(trace);
    const result = jsonOf<ReplayResult>(run(command, ['replay', '-', '--json'], input));
    expect(result.operations).toBe(200);
  });

  test('reads plain pairs', () => {
    const result = jsonOf<ReplayResult>(liteAlloc('replay', pair, '--rounds', '1', '--json'));
    expect(result).toMatchObject({ operations: 200_000, peakLiveBytes: 4977, failures: 0 });
  });

  test.each([
    ['does not exist', 'missing.trace', /^lite-alloc: missing\.trace: there is no such file\n$/],
    ['is a folder', 'node_modules', /^lite-alloc: node_modules: it is a folder\n$/],
    [
      'is not a trace',
      'package.json',
      /^lite-alloc: package\.json: the trace cannot be read at byte 0: /,
    ],
    [
      'is corrupted',
      'corrupted.trace',
      /^lite-alloc: corrupted\.trace: the trace cannot be read at byte \d+: /,
    ],
    ['is cut', 'cut.trace', /^lite-alloc: cut\.trace: the trace cannot be read at byte \d+: /],
  ])('exits with 1 and a reason if the file %s', async (_, name, message) => {
    const read = await AllocationTrace.read(readFileSync(trace));
    const bytes = new Uint8Array(await new Response(read.write()).arrayBuffer());
    writeFileSync(join(consumerFolder, 'cut.trace'), bytes.subarray(0, 100));
    bytes[50] = (bytes[50] as number) ^ 1;
    writeFileSync(join(consumerFolder, 'corrupted.trace'), bytes);
    for (const subcommand of ['info', 'replay', 'advise']) {
      const { status, stdout, stderr } = liteAlloc(subcommand, name, '--json');
      expect([status, stdout]).toEqual([1, '']);
      expect(stderr).toMatch(message);
    }
  });
});

describe('advise', () => {
  test('prints a table with the best strategy first, and a sentence for each', () => {
    const { status, stdout, stderr } = liteAlloc('advise', trace, '--rounds', '2');
    expect([status, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/^strategy +score +ns /m);
    for (const strategy of strategies) {
      expect(stdout).toMatch(new RegExp(`^${strategy}: +It takes `, 'm'));
    }
  });

  test('prints JSON', () => {
    const advice = jsonOf<Advice[]>(liteAlloc('advise', trace, '--rounds', '1', '--json'));
    expect(advice.map(({ strategy }) => strategy).toSorted()).toEqual([...strategies].toSorted());
    expect(advice[0]?.score).toBeGreaterThanOrEqual(1);
  });
});

test('bench prints every strategy and the engine on each workload', () => {
  const { workloads, rounds } = jsonOf<Bench>(liteAlloc('bench', '--seconds', '0.4', '--json'));
  expect(rounds).toBeGreaterThan(1);
  expect(workloads.map(({ name }) => name)).toEqual([
    'array 256 B',
    'array 1 MiB',
    'array 256 B, filled',
    'view[0]',
    'array grown to 4 MiB',
    'strings',
    'scope per frame',
  ]);
  for (const { results } of workloads) {
    expect(results.map(({ allocator }) => allocator)).toEqual([...strategies, 'engine']);
    for (const { nanosecondsPerOperation, allocator, memoryBytes } of results) {
      expect(nanosecondsPerOperation.minimum).toBeGreaterThan(0);
      if (allocator === 'engine') expect(memoryBytes).toBeUndefined();
      else expect(memoryBytes).toBeGreaterThan(0);
    }
  }
  const { status, stdout } = liteAlloc('bench', '--seconds', '0.1');
  expect(status).toBe(0);
  expect(stdout.match(/^engine +[\d.]+ +[\d.]+ +-$/gm)).toHaveLength(workloads.length);
});
