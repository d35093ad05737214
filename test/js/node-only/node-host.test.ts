// SPDX-License-Identifier: MIT

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import { createHeap, createHeapSync, WasmLoadError } from 'lite-alloc';
import { describe, expect, test } from 'vitest';
import { runNode } from '../../support/consumer.js';
import { catchError } from '../../support/errors.js';
import { readPackagedWasm } from '../../support/host.js';
import { repository } from '../../support/sources.js';
import { bytesOf } from '../../support/typed-arrays.js';

const entry = pathToFileURL(join(repository, 'dist', 'index.js')).href;

/** Runs a module in its own Node process and returns its output. */
function runModule(source: string, ...nodeArguments: string[]): string {
  return runNode(repository, ...nodeArguments, '--input-type=module', '--eval', source);
}

describe('the package in Node', () => {
  test('runs where code generation from strings is disallowed', () => {
    const source = `
      import { createHeap, createHeapSync } from '${entry}';
      let refused = false;
      try { new Function('return 1')(); } catch (error) { refused = error instanceof EvalError; }
      const heap = await createHeap();
      const other = createHeapSync();
      const array = heap.from(Float32Array.of(1, 2, 3));
      other.malloc(1 << 20);
      heap.memory.grow(1);
      for (const { state } of heap.blocks()) refused &&= state !== '';
      other.check();
      console.log(refused, array.view.join(), heap.stats().liveBlocks);
    `;
    expect(runModule(source, '--disallow-code-generation-from-strings')).toBe('true 1,2,3 1');
  });

  test('makes a heap synchronously before anything was loaded', () => {
    const source = `
      import { createHeapSync } from '${entry}';
      console.log(createHeapSync().from(Int8Array.of(-1, 1)).view.join());
    `;
    expect(runModule(source)).toBe('-1,1');
  });

  test.each([
    'index.node.js',
    'inline.js',
  ])('compiles the wasm in %s once for all heaps, also for those that wait for it at the same time', (file) => {
    const source = `
      import { createHeap, createHeapSync } from '${new URL(file, entry).href}';
      const { compile } = WebAssembly;
      let count = 0;
      WebAssembly.compile = (bytes) => {
        count++;
        return count === 1 ? Promise.reject(new Error('no memory')) : compile(bytes);
      };
      const error = await createHeap().catch(({ code, cause }) => code + ' ' + cause.message);
      await Promise.all([createHeap(), createHeap({ strategy: 'free-list' })]);
      await createHeap();
      createHeapSync().check();
      console.log(error, count);
    `;
    expect(runModule(source)).toBe('WASM_LOAD no memory 2');
  });

  test('lets a program exit and prints nothing', () => {
    expect(
      runModule(`import { createHeap } from '${entry}'; (await createHeap()).malloc(1 << 22);`),
    ).toBe('');
  });

  test('works in a worker thread', async () => {
    const source = `
      import { parentPort } from 'node:worker_threads';
      import { createHeapSync } from '${entry}';
      parentPort.postMessage(createHeapSync().from(Uint8Array.of(7, 8)).slice());
    `;
    const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(source)}`));
    const copy = await new Promise((resolve, reject) => {
      worker.once('message', resolve);
      worker.once('error', reject);
    });
    expect(copy).toEqual(Uint8Array.of(7, 8));
    await worker.terminate();
  });
});

describe('a wasm file', () => {
  test('that is missing makes both functions throw a WasmLoadError with a cause', async () => {
    const wasm = pathToFileURL(join(repository, 'dist', 'missing.wasm'));
    const error: unknown = await createHeap({ wasm }).catch((reason: unknown) => reason);
    for (const found of [error, catchError(WasmLoadError, () => createHeapSync({ wasm }))]) {
      expect(found).toBeInstanceOf(WasmLoadError);
      expect(found).toMatchObject({
        code: 'WASM_LOAD',
        cause: expect.objectContaining({ code: 'ENOENT' }) as Error,
      });
      expect(String(found)).toContain('missing.wasm');
    }
  });

  test('that is not wasm makes both functions throw a WasmLoadError with a cause', async () => {
    const wasm = pathToFileURL(join(repository, 'package.json'));
    const compileError = {
      code: 'WASM_LOAD',
      cause: expect.any(WebAssembly.CompileError) as Error,
    };
    await expect(createHeap({ wasm })).rejects.toMatchObject(compileError);
    expect(catchError(WasmLoadError, () => createHeapSync({ wasm }))).toMatchObject(compileError);
  });

  test('on the network makes createHeapSync throw a WasmLoadError', () => {
    expect(() => createHeapSync({ wasm: 'http://127.0.0.1:1/other.wasm' })).toThrow(WasmLoadError);
  });

  test('may be passed as a Buffer', async () => {
    const buffer = Buffer.from(await readPackagedWasm());
    expect((await createHeap({ wasm: buffer })).malloc(1)).toBeGreaterThan(0);
    expect(
      createHeapSync({ wasm: readFileSync(join(repository, 'dist', 'lite-alloc.wasm')) }).malloc(1),
    ).toBeGreaterThan(0);
  });
});

describe('a Buffer of Node', () => {
  test('is copied as bytes, at any offset in its pool', async () => {
    const heap = await createHeap();
    for (const text of ['a', 'some text', 'äöü€']) {
      const buffer = Buffer.from(text);
      const array = heap.from(buffer);
      expect(Object.getPrototypeOf(array.view)).toBe(Uint8Array.prototype);
      expect(bytesOf(array.view)).toEqual([...buffer]);
    }
  });

  test('over shared memory is copied too', async () => {
    const heap = await createHeap();
    const shared = new Uint8Array(new SharedArrayBuffer(8)).fill(3);
    expect(bytesOf(heap.from(shared).view)).toEqual(new Array(8).fill(3));
  });
});
