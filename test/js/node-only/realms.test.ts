// SPDX-License-Identifier: MIT
//
// Objects of another realm, as test runners and frames make them: they are not instances of the classes that the
// package sees.

import { readFileSync } from 'node:fs';
import { createContext, runInContext } from 'node:vm';
import {
  createHeap,
  createHeapSync,
  HeapCorruptionError,
  strategies,
  UseAfterFreeError,
} from 'lite-alloc';
import { expect, test } from 'vitest';
import { packagedWasmUrl } from '../../support/host.js';

const page = 65536;
const realm = createContext({});
const bytes = readFileSync(packagedWasmUrl);

/** Runs `code` in the other realm, where `bytes` holds the wasm file as an array of that realm. */
function evaluate<Result>(code: string): Result {
  realm['numbers'] = [...bytes];
  return runInContext(`{ const bytes = Uint8Array.from(numbers); ${code} }`, realm) as Result;
}

test.each(strategies)('a heap of %s can use a memory of another realm', async (strategy) => {
  const memory = evaluate<WebAssembly.Memory>('new WebAssembly.Memory({ initial: 4 })');
  expect(memory instanceof WebAssembly.Memory).toBe(false);
  const older = await createHeap({ memory, start: 0, end: 2 * page, strategy });
  const array = older.from(Float32Array.of(1, 2, 3));
  expect([...array.view]).toEqual([1, 2, 3]);
  older.check();
  const newer = createHeapSync({ memory, start: page, end: 3 * page, strategy });
  expect(() => older.malloc(1)).toThrow(UseAfterFreeError);
  newer.free(newer.malloc(100));
});

test('createHeap refuses shared memory of another realm and objects that only look like a memory', async () => {
  const shared = evaluate<WebAssembly.Memory>(
    'new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true })',
  );
  const buffer = new ArrayBuffer(page);
  const impostors = [
    shared,
    { buffer },
    { buffer, [Symbol.toStringTag]: 'WebAssembly.Memory' },
    Object.create(WebAssembly.Memory.prototype),
    null,
    buffer,
    7,
  ];
  for (const memory of impostors as WebAssembly.Memory[]) {
    await expect(createHeap({ memory, start: 0, end: page })).rejects.toThrow(
      /memory must be an unshared WebAssembly.Memory/,
    );
  }
});

test.each([
  ['a typed array', 'bytes'],
  ['a buffer', 'bytes.buffer'],
  ['a view', 'new DataView(bytes.buffer)'],
  ['a module', 'new WebAssembly.Module(bytes)'],
])('wasm may be %s of another realm', async (_name, code) => {
  const wasm = evaluate<Uint8Array<ArrayBuffer>>(code);
  for (const heap of [await createHeap({ wasm }), createHeapSync({ wasm })]) {
    heap.free(heap.malloc(100));
  }
});

test('wasm may be a promise of another realm', async () => {
  const wasm = evaluate<Promise<Uint8Array<ArrayBuffer>>>('Promise.resolve(bytes)');
  const heap = await createHeap({ wasm });
  heap.free(heap.malloc(100));
  expect(() => createHeapSync({ wasm })).toThrow(/a promise requires createHeap/);
});

test('a module of another realm reports corruption as one of this realm does', async () => {
  const wasm = evaluate<WebAssembly.Module>('new WebAssembly.Module(bytes)');
  const heap = await createHeap({ wasm });
  const blocks = Array.from({ length: 20 }, () => heap.malloc(2000));
  for (const address of blocks) heap.free(address);
  heap.u8.fill(0xff, blocks[0], heap.u8.length);
  expect(() => heap.check()).toThrow(HeapCorruptionError);
});
