// SPDX-License-Identifier: MIT
//
// The installed package in hosts with fewer features than Node and web pages.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createContext, runInContext } from 'node:vm';
import { describe, expect, inject, test } from 'vitest';
import { makeApp, runShell } from '../support/app.js';
import { runNode } from '../support/consumer.js';
import { findSample } from '../support/markdown.js';

const consumerFolder = inject('consumerFolder');
const wasmFile = join(consumerFolder, 'node_modules/lite-alloc/dist/lite-alloc.wasm');

describe('on an edge runtime, which cannot compile bytes', () => {
  const host = fileURLToPath(new URL('../support/edge-host.mjs', import.meta.url));
  const bundle =
    'esbuild worker.js --bundle --format=esm --conditions=workerd,worker,browser --external:*.wasm --outfile=out.js';

  function runWorker(name: string, code: string): string {
    const folder = makeApp(consumerFolder, name, { 'worker.js': code });
    runShell(folder, bundle);
    return runNode(
      folder,
      '--experimental-vm-modules',
      '--disable-warning=ExperimentalWarning',
      host,
      'out.js',
      wasmFile,
    );
  }

  test('the worker of the guide responds with the contents of a heap', () => {
    expect(runWorker('edge', findSample('docs/loading.md', 'Edge runtimes', 'js').code)).toBe(
      '4,5',
    );
  });

  test('a heap grows and can be checked, and createHeapSync makes one', () => {
    const code = `
      import { createHeap, createHeapSync } from 'lite-alloc';
      import wasm from 'lite-alloc/lite-alloc.wasm';
      export default {
        async fetch() {
          const heap = await createHeap({ wasm });
          const array = heap.from(Float64Array.of(1.5));
          heap.malloc(1 << 20);
          heap.check();
          return new Response(array.view.join() + ' ' + createHeapSync({ wasm }).strategy);
        },
      };
    `;
    expect(runWorker('edge growth', code)).toBe('1.5 segregated-fit');
  });

  test('createHeap rejects with a WasmLoadError for bytes', () => {
    const code = `
      import { createHeap } from 'lite-alloc/inline';
      export default {
        fetch: () => createHeap().then(
          () => new Response('compiled'),
          (error) => new Response(error.code + ' ' + error.cause.name),
        ),
      };
    `;
    expect(runWorker('edge bytes', code)).toBe('WASM_LOAD CompileError');
  });
});

describe('in a host that has only the language and WebAssembly', () => {
  /** Bundles a program to a plain script, runs it with `given` as globals, and returns its global `result`. */
  async function runBare(name: string, code: string, given: object = {}): Promise<unknown> {
    const folder = makeApp(consumerFolder, name, { 'main.js': code });
    runShell(folder, 'esbuild main.js --bundle --outfile=out.js --log-level=error');
    const context = createContext({ ...given });
    const missing = ['process', 'fetch', 'URL', 'Response', 'TextDecoder', 'atob', 'setTimeout'];
    for (const global of missing)
      expect(runInContext(`typeof ${global}`, context)).toBe('undefined');
    runInContext(readFileSync(join(folder, 'out.js'), 'utf8'), context);
    return runInContext('result', context);
  }

  const useHeap = `
    const array = heap.from(Int16Array.of(1, -2));
    heap.malloc(1 << 20);
    heap.check();
    globalThis.result = array.view.join();
  `;

  test('the entry with the wasm inlined works', async () => {
    const code = `import { createHeapSync } from 'lite-alloc/inline'; const heap = createHeapSync(); ${useHeap}`;
    expect(await runBare('bare inline', code)).toBe('1,-2');
  });

  test.each([
    ['bytes', () => readFileSync(wasmFile)],
    ['an ArrayBuffer', () => new Uint8Array(readFileSync(wasmFile)).buffer],
    ['a module', () => new WebAssembly.Module(readFileSync(wasmFile))],
  ])('the main entry works with %s of another realm', async (name, wasm) => {
    const code = `
      import { createHeap } from 'lite-alloc';
      globalThis.result = createHeap({ wasm: given }).then((heap) => { ${useHeap} return result; });
    `;
    expect(await runBare(`bare ${name}`, code, { given: wasm() })).toBe('1,-2');
  });
});
