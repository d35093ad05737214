// SPDX-License-Identifier: MIT
//
// The installed package in a browser, not bundled, under a content security policy that allows
// nothing but the page's own scripts and WebAssembly.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import {
  noBrowser,
  openBrowser,
  pageWith,
  report,
  type TestBrowser,
  type Visit,
} from '../support/browser.js';
import { writeFiles } from '../support/consumer.js';
import { type StaticServer, serveFolder } from '../support/static-server.js';

const sourcesOnly = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'";
const policy = `${sourcesOnly}; connect-src 'self'`;
const entry = '/node_modules/lite-alloc/dist/index.js';
const inlined = '/node_modules/lite-alloc/dist/inline.js';

/** Makes a heap in a region; the inlined entry has no wasm for that. */
const useRegion = `
  const memory = new WebAssembly.Memory({ initial: 1 });
  (await createHeap({ memory, start: 0, end: 65536 })).malloc(100);
`;

/** A script that loads every file of the package that is imported lazily. */
const loadAll = (entry: string, further = ''): string => `
  import { advise, AllocationTrace, createHeap, replay } from '${entry}';
  ${report}
  try {
    const heap = await createHeap({ debug: true });
    const recorder = heap.record();
    heap.free(heap.malloc(100));
    heap.assertNoLeaks();
    const trace = await AllocationTrace.read(recorder.stop().write());
    const { operations } = await replay(trace, { rounds: 1 });
    const ranking = await advise(trace, { rounds: 1 });
    ${further}
    report([operations, ranking.length].join());
  } catch (error) {
    report(String(error));
  }
`;

const files = {
  'all.html': pageWith('all.js'),
  'all.js': loadAll(entry, useRegion),
  'all-inlined.html': pageWith('all-inlined.js'),
  'all-inlined.js': loadAll(inlined),
  'heap.html': pageWith('heap.js'),
  'heap.js': `
    import { createHeap } from '${entry}';
    ${report}
    let dynamicCode = 'allowed';
    try { new Function('return 1')(); } catch { dynamicCode = 'refused'; }
    try {
      const heap = await createHeap();
      const array = heap.from(new Float32Array([1, 2, 3]));
      heap.malloc(1 << 20);
      heap.check();
      report(dynamicCode + ' ' + array.view.join());
    } catch (error) {
      report(String(error));
    }
  `,
  'worker.html': pageWith('worker-page.js'),
  'worker-page.js': `
    ${report}
    const worker = new Worker('worker.js', { type: 'module' });
    worker.onmessage = ({ data }) => report(data);
    worker.onerror = ({ message }) => report('error ' + message);
  `,
  'worker.js': `
    import { createHeapSync } from '${entry}';
    try {
      const heap = createHeapSync();
      postMessage(heap.from(new Int16Array([-4, 5])).view.join());
    } catch (error) {
      postMessage(String(error));
    }
  `,
  'module.html': pageWith('module-page.js'),
  'module-page.js': `
    import { createHeap } from '${entry}';
    ${report}
    const module = await WebAssembly.compileStreaming(
      fetch('/node_modules/lite-alloc/dist/lite-alloc.wasm'),
    );
    const heap = await createHeap({ wasm: module });
    const worker = new Worker('module-worker.js', { type: 'module' });
    worker.onmessage = ({ data }) => report(heap.from(new Uint8Array([1])).view.join() + data);
    worker.onerror = ({ message }) => report('error ' + message);
    worker.postMessage(module);
  `,
  'module-worker.js': `
    import { createHeapSync } from '${entry}';
    onmessage = ({ data }) => {
      const heap = createHeapSync({ wasm: data });
      postMessage(' ' + heap.from(new Uint8Array([2])).view.join());
    };
  `,
  'inline.html': pageWith('inline.js'),
  'inline.js': `
    import { createHeap, createHeapSync } from '${inlined}';
    ${report}
    try {
      const heap = createHeapSync();
      const array = heap.from(new Float32Array([1, 2, 3]));
      heap.malloc(1 << 20);
      (await createHeap()).check();
      report(array.view.join());
    } catch (error) {
      report(String(error));
    }
  `,
  'audio.html': pageWith('audio-page.js'),
  'audio-page.js': `
    ${report}
    const context = new OfflineAudioContext(1, 128, 48000);
    try {
      await context.audioWorklet.addModule('audio-processor.js');
      const node = new AudioWorkletNode(context, 'filled-by-the-heap');
      node.connect(context.destination);
      const rendered = await context.startRendering();
      report(rendered.getChannelData(0).slice(0, 3).join());
    } catch (error) {
      report(String(error));
    }
  `,
  'audio-processor.js': `
    import { createHeapSync } from '${inlined}';
    const block = createHeapSync().from(Float32Array.from({ length: 128 }, (_, index) => index));
    class Processor extends AudioWorkletProcessor {
      process(inputs, outputs) {
        outputs[0][0].set(block.view);
        return false;
      }
    }
    registerProcessor('filled-by-the-heap', Processor);
  `,
  'sync.html': pageWith('sync.js'),
  'sync.js': `
    import { createHeap, createHeapSync, WasmLoadError } from '${entry}';
    ${report}
    let before;
    try {
      createHeapSync();
      before = 'no error';
    } catch (error) {
      before = (error instanceof WasmLoadError) + ' ' + error.message;
    }
    try {
      await createHeap();
      const of = (strategy) => createHeapSync({ strategy }).from(new Uint8Array([6])).view.join();
      let other;
      try {
        other = of('free-list');
      } catch ({ code }) {
        other = code;
      }
      await createHeap({ strategy: 'segregated-bump' });
      report([before, of('segregated-fit'), other, of('free-list')].join(' | '));
    } catch (error) {
      report(String(error));
    }
  `,
  'debug.html': pageWith('debug.js'),
  'debug.js': `
    import { createHeap, createHeapSync, HeapCorruptionError, WasmLoadError } from '${entry}';
    ${report}
    function allocateHere(heap) {
      const address = heap.malloc(10);
      return address;
    }
    function overrun(heap) {
      const address = allocateHere(heap);
      heap.u8[address + 10] = 1;
      try {
        heap.free(address);
      } catch (error) {
        return (error instanceof HeapCorruptionError) + ' ' + /^.*allocateHere/.test(error.allocatedAt);
      }
    }
    try {
      await createHeap();
      let before = 'no error';
      try {
        createHeapSync({ debug: true });
      } catch (error) {
        before = (error instanceof WasmLoadError) + ' ' + error.message;
      }
      report([before, overrun(await createHeap({ debug: true })), overrun(createHeapSync({ debug: true }))].join(' | '));
    } catch (error) {
      report(String(error));
    }
  `,
};

const debugFile = '/node_modules/lite-alloc/dist/debug.js';

describe.skipIf(noBrowser !== '')(
  `the installed package under a strict content security policy${noBrowser}`,
  () => {
    const folder = inject('consumerFolder');
    let server: StaticServer;
    let browser: TestBrowser;

    beforeAll(async () => {
      writeFiles(folder, files);
      server = await serveFolder(folder, { 'Content-Security-Policy': policy });
      browser = await openBrowser();
    });

    afterAll(async () => {
      await browser?.close();
      await server?.close();
    });

    const visit = (path: string): Promise<Visit> => browser.visit(`${server.origin}/${path}`);

    test('works on a page without code generation from strings', async () => {
      const { reported, complaints, loaded } = await visit('heap.html');
      expect(reported).toBe('refused 1,2,3');
      expect(loaded).not.toContain(debugFile);
      // The browser complains only about the eval that the page tries on purpose.
      expect(complaints.filter((text) => !/eval/.test(text))).toEqual([]);
    });

    test('loads and runs every file that its entry can import', async () => {
      const { reported, complaints, loaded } = await visit('all.html');
      expect({ reported, complaints }).toEqual({ reported: '2,4', complaints: [] });
      const dist = join(folder, 'node_modules/lite-alloc/dist');
      const all = readdirSync(dist).filter((name) => name.endsWith('.js'));
      // The files that the entry of the page imports, directly or not; other entries have other files.
      const scripts = new Set(['index.js']);
      for (const script of scripts) {
        const text = readFileSync(join(dist, script), 'utf8');
        for (const name of all) if (text.includes(`./${name}`)) scripts.add(name);
      }
      expect(scripts.size).toBeGreaterThan(4);
      const missing = [...scripts].filter(
        (name) => !loaded.some((path) => path.endsWith(`/${name}`)),
      );
      expect(missing).toEqual([]);
    });

    test('makes a heap synchronously in a module worker', async () => {
      expect(await visit('worker.html')).toMatchObject({ reported: '-4,5', complaints: [] });
    });

    test('makes a heap from a module that another thread compiled', async () => {
      expect(await visit('module.html')).toMatchObject({ reported: '1 2', complaints: [] });
    });

    test('makes heaps on an audio thread, which cannot fetch', async () => {
      expect(await visit('audio.html')).toMatchObject({ reported: '0,1,2', complaints: [] });
    });

    test('works without any connection where the wasm is inlined', async () => {
      const unconnected = await serveFolder(folder, { 'Content-Security-Policy': sourcesOnly });
      try {
        const visited = await browser.visit(`${unconnected.origin}/inline.html`);
        expect(visited).toMatchObject({ reported: '1,2,3', complaints: [] });
        expect(visited.loaded.filter((path) => path.endsWith('.wasm'))).toEqual([]);
        const all = await browser.visit(`${unconnected.origin}/all-inlined.html`);
        expect(all).toMatchObject({ reported: '2,4', complaints: [] });
      } finally {
        await unconnected.close();
      }
    });

    test('names the cure if the main thread calls createHeapSync before the wasm was loaded', async () => {
      const { reported } = await visit('sync.html');
      expect(reported).toBe(
        'true cannot load the wasm on this thread: pass wasm as a module or bytes, import lite-alloc/inline, or await createHeap with the same options once before | 6 | WASM_LOAD | 6',
      );
    });

    test('loads debug support only for debug heaps, and names the cure if createHeapSync needs it before', async () => {
      const { reported, complaints, loaded } = await visit('debug.html');
      expect(reported).toBe(
        'true cannot load the code for debug: import lite-alloc/debug, or await createHeap with the same options once before | true true | true true',
      );
      expect(complaints).toEqual([]);
      expect(loaded.filter((path) => path === debugFile)).toHaveLength(1);
    });
  },
);
