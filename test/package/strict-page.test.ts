// SPDX-License-Identifier: MIT
//
// The installed package in a browser, not bundled, under a content security policy that allows
// nothing but the page's own scripts and WebAssembly.

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

const policy = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'";
const entry = '/node_modules/lite-alloc/dist/index.js';

const files = {
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
      report(before + ' | ' + createHeapSync().from(new Uint8Array([6])).view.join());
    } catch (error) {
      report(String(error));
    }
  `,
};

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

    test('works on a page, without code made from strings', async () => {
      const { reported, complaints } = await visit('heap.html');
      expect(reported).toBe('refused 1,2,3');
      // The one complaint is about what the page tried on purpose.
      expect(complaints.filter((text) => !/eval/.test(text))).toEqual([]);
    });

    test('makes a heap without a promise in a module worker', async () => {
      expect(await visit('worker.html')).toMatchObject({ reported: '-4,5', complaints: [] });
    });

    test('says what to do where the main thread wants a heap without a promise too early', async () => {
      const { reported } = await visit('sync.html');
      expect(reported).toBe(
        'true createHeapSync cannot load the wasm on this thread: await createHeap() once before, or pass `wasm` as a module or bytes | 6',
      );
    });
  },
);
