// SPDX-License-Identifier: MIT

import { createHeap, createHeapSync, WasmLoadError } from 'lite-alloc';
import { describe, expect, test } from 'vitest';
import { catchError } from '../support/errors.js';
import { packagedWasmUrl, readPackagedWasm } from '../support/host.js';

describe('a page', () => {
  test('makes a heap synchronously only after the wasm was loaded', async () => {
    const wasm = `${packagedWasmUrl.href}?not-loaded-before`;
    const error = catchError(WasmLoadError, () => createHeapSync({ wasm }));
    expect(error.message).toContain('await createHeap with the same options once before');
    expect(error.message).toContain('pass wasm as a module or bytes');
    await createHeap({ wasm });
    expect(createHeapSync({ wasm }).malloc(8)).toBeGreaterThan(0);
  });

  test('may pass the wasm as a path without an origin', async () => {
    const { pathname, search } = packagedWasmUrl;
    expect((await createHeap({ wasm: pathname + search })).malloc(8)).toBeGreaterThan(0);
  });

  test('may pass the wasm as the URL of a blob', async () => {
    const url = URL.createObjectURL(
      new Blob([await readPackagedWasm()], { type: 'application/wasm' }),
    );
    expect((await createHeap({ wasm: url })).malloc(8)).toBeGreaterThan(0);
    URL.revokeObjectURL(url);
    await expect(createHeap({ wasm: `${url}?` })).rejects.toThrow(WasmLoadError);
  });

  test('may pass the wasm as a pending fetch', async () => {
    expect((await createHeap({ wasm: fetch(packagedWasmUrl) })).malloc(8)).toBeGreaterThan(0);
  });

  test('may pass views of arrays to web platform APIs', async () => {
    const heap = await createHeap();
    const text = heap.from(new TextEncoder().encode('äöü€'));
    expect(new TextDecoder().decode(text.view)).toBe('äöü€');
    const random = heap.array(Uint32Array, 16, { zero: true });
    crypto.getRandomValues(random.view as Uint32Array<ArrayBuffer>);
    expect(random.view.some((word) => word !== 0)).toBe(true);
    const pixels = heap.array(Uint8ClampedArray, 4 * 4, { zero: true });
    expect(new ImageData(pixels.slice() as Uint8ClampedArray<ArrayBuffer>, 2, 2).width).toBe(2);
  });
});

test('a module worker makes a heap synchronously', async () => {
  const worker = new Worker(new URL('./heap-worker.ts', import.meta.url), { type: 'module' });
  const answer = await new Promise((resolve, reject) => {
    worker.onmessage = ({ data }) => resolve(data);
    worker.onerror = ({ message }) => reject(new Error(message));
  });
  worker.terminate();
  expect(answer).toEqual([-4, 5]);
});
