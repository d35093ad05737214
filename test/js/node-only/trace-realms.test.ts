// SPDX-License-Identifier: MIT
//
// Objects of another realm, as test runners and frames make them: they are not instances of the classes of this one.

import { runInNewContext } from 'node:vm';
import { AllocationTrace, createHeap, type HeapArray, replay, type TraceSource } from 'lite-alloc';
import { expect, test } from 'vitest';
import { makeRandomCalls, record, toBytes } from '../../support/traces.js';

test.each([
  'bytes.buffer',
  'bytes',
  'new DataView(bytes.buffer)',
  '[bytes.subarray(0, 100), bytes.subarray(100)]',
  'new Map([[1, bytes]]).values()',
  '(async function* () { yield bytes; })()',
])('a trace is read from %s of another realm', async (source) => {
  const trace = await record((heap) => makeRandomCalls(heap, 1, 1000));
  const bytes = await toBytes(trace);
  const foreign = runInNewContext(`const bytes = Uint8Array.from(numbers); ${source}`, {
    numbers: [...bytes],
  }) as TraceSource;
  expect((await AllocationTrace.read(foreign)).operations).toBe(1000);
});

test('a trace is read from objects that have the methods of a stream or a blob', async () => {
  const trace = await record((heap) => makeRandomCalls(heap, 1, 1000));
  const bytes = await toBytes(trace, { gzip: true });
  for (const source of [
    { getReader: () => new Blob([bytes]).stream().getReader() },
    { stream: () => new Blob([bytes]).stream() },
  ]) {
    const read = await AllocationTrace.read(source as unknown as TraceSource);
    expect(read.operations).toBe(1000);
  }
});

test('a signal of another realm aborts a replay', async () => {
  const trace = await record((heap) => makeRandomCalls(heap, 1, 1000));
  const make = (aborted: boolean) =>
    runInNewContext(
      `({ aborted: ${aborted}, reason: 'enough', addEventListener() {} })`,
    ) as AbortSignal;
  await expect(replay(trace, { signal: make(true) })).rejects.toBe('enough');
  expect(await replay(trace, { signal: make(false), rounds: 1 })).toMatchObject({
    operations: 1000,
  });
});

test('a scope refuses a promise of another realm and handles its rejection', async () => {
  const heap = await createHeap();
  const rejected: unknown[] = [];
  const listener = (reason: unknown): void => {
    rejected.push(reason);
  };
  process.on('unhandledRejection', listener);
  try {
    expect(() =>
      heap.scope((scope) => {
        scope.malloc(1);
        return runInNewContext("Promise.reject(new Error('no'))") as unknown;
      }),
    ).toThrow(/scopeAsync/);
    await new Promise((resolve) => setTimeout(resolve, 5));
  } finally {
    process.off('unhandledRejection', listener);
  }
  expect(rejected).toEqual([]);
  expect(heap.stats().liveBlocks).toBe(0);
});

test('a scope keeps handles alive that it returns in arrays and plain objects of another realm', async () => {
  const heap = await createHeap();
  const wrap = runInNewContext(
    '(inner) => ({ list: [Object.assign(Object.create(null), { inner })] })',
  ) as (inner: HeapArray<Uint8Array>) => { list: { inner: HeapArray<Uint8Array> }[] };
  const result = heap.scope((scope) => wrap(scope.from(Uint8Array.of(4))));
  expect([...(result.list[0]?.inner.view ?? [])]).toEqual([4]);
});
