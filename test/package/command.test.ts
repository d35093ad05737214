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
    for (const name of ['replay', 'advise', 'bench']) {
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
    const path = join(repository, 'bench', 'traces', 'cfrac.trace.gz');
    const result = jsonOf<ReplayResult>(liteAlloc('replay', path, '--rounds', '1', '--json'));
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
    for (const subcommand of ['replay', 'advise']) {
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
