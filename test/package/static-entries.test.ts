// SPDX-License-Identifier: MIT
//
// The entries that contain the parts that others load later, in hosts that cannot load more files.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createContext, runInContext } from 'node:vm';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { listFiles, makeApp, runShell } from '../support/app.js';
import { noBrowser, openBrowser, pageWith, report, type TestBrowser } from '../support/browser.js';
import { runNode, writeFiles } from '../support/consumer.js';
import { type StaticServer, serveFolder } from '../support/static-server.js';

const consumerFolder = inject('consumerFolder');
const dist = '/node_modules/lite-alloc/dist';

/** Records a trace, and reports what each call that loads code later does. `imported` has the names of an entry. */
const tryAll = `
  const attempt = (action) =>
    action().then((value) => 'done ' + value, ({ code, message }) => code + ' ' + message);
  const readAll = async (stream) => {
    const pieces = [];
    const reader = stream.getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return pieces;
      pieces.push(value);
    }
  };
  const tryAll = async ({ advise, AllocationTrace, createHeap, replay }) => {
    const heap = await createHeap();
    const recorder = heap.record();
    heap.free(heap.malloc(100));
    const trace = recorder.stop();
    const memory = new WebAssembly.Memory({ initial: 2 });
    let pieces = [];
    return [
      await attempt(async () => (await createHeap({ debug: true })).leaks().length),
      await attempt(async () => (await createHeap({ memory, start: 0, end: 1 << 17 })).malloc(8) > 0),
      await attempt(async () => (pieces = await readAll(trace.write())).length > 0),
      await attempt(async () => (await AllocationTrace.read(pieces)).operations),
      await attempt(async () => (await replay(trace, { rounds: 1 })).operations),
      await attempt(async () => (await advise(trace, { rounds: 1 })).length),
    ].join(' | ');
  };
`;
const missing = (name: string): string =>
  `WASM_LOAD cannot load the code for ${name}: import lite-alloc/${name}`;
const allMissing = [
  missing('debug'),
  missing('region'),
  ...new Array<string>(4).fill(missing('traces')),
].join(' | ');
const allDone = ['done 0', 'done true', 'done true', 'done 2', 'done 2', 'done 4'].join(' | ');

/** A page that starts a service worker, and reports its answer. */
const serviceWorkerPage = (worker: string): string => `
  ${report}
  try {
    const registration = await navigator.serviceWorker.register('${worker}', { type: 'module' });
    const channel = new MessageChannel();
    channel.port1.onmessage = async ({ data }) => {
      await registration.unregister();
      report(data);
    };
    const started = registration.installing ?? registration.waiting ?? registration.active;
    started.postMessage('', [channel.port2]);
  } catch (error) {
    report(String(error));
  }
`;
const serviceWorker = (imports: string): string => `
  ${imports}
  ${tryAll}
  onmessage = ({ ports: [port] }) => {
    tryAll(imported).catch(String).then((text) => port.postMessage(text));
  };
`;

/** A page that renders three samples, which an audio processor made. */
const audioPage = (processor: string): string => `
  ${report}
  const context = new OfflineAudioContext(1, 128, 48000);
  try {
    await context.audioWorklet.addModule('${processor}');
    const node = new AudioWorkletNode(context, 'processor');
    node.port.onmessage = ({ data }) => report(data);
    node.connect(context.destination);
    await context.startRendering();
  } catch (error) {
    report(String(error));
  }
`;
const audioProcessor = (code: string): string => `
  ${code}
  registerProcessor('processor', class extends AudioWorkletProcessor {
    constructor() {
      super();
      run().catch((error) => error.code + ' ' + error.message).then((text) => this.port.postMessage(text));
    }
    process() {
      return false;
    }
  });
`;

const syncHeaps = `
  const debug = createHeapSync({ debug: true });
  debug.free(debug.malloc(10));
  debug.assertNoLeaks();
`;

const files = {
  'sw-bare.html': pageWith('sw-bare-page.js'),
  'sw-bare-page.js': serviceWorkerPage('sw-bare.js'),
  'sw-bare.js': serviceWorker(`import * as imported from '${dist}/inline.js';`),
  'sw-full.html': pageWith('sw-full-page.js'),
  'sw-full-page.js': serviceWorkerPage('sw-full.js'),
  'sw-full.js': serviceWorker(`
    import * as imported from '${dist}/inline.debug.js';
    import '${dist}/inline.region.js';
    import '${dist}/inline.traces.js';
  `),
  'sw-index.html': pageWith('sw-index-page.js'),
  'sw-index-page.js': serviceWorkerPage('sw-index.js'),
  'sw-index.js': serviceWorker(`
    import * as imported from '${dist}/index.js';
    import '${dist}/index.debug.js';
    import '${dist}/index.region.js';
    import '${dist}/index.traces.js';
  `),
  'audio-index.html': pageWith('audio-index-page.js'),
  'audio-index-page.js': audioPage('audio-index.js'),
  'audio-index.js': audioProcessor(`
    import { createHeap, createHeapSync } from '${dist}/index.js';
    const memory = new WebAssembly.Memory({ initial: 2 });
    const optionsOfFiles = [{}, { strategy: 'free-list' }, { memory, start: 0, end: 1 << 17 }];
    import '${dist}/index.region.js';
    const messageOf = ({ code, message, cause }) => code + ' ' + message + ' ' + cause.name;
    const run = async () => {
      const texts = [];
      for (const options of optionsOfFiles) {
        texts.push(await createHeap(options).catch(messageOf));
        try { createHeapSync(options); } catch (error) { texts.push(messageOf(error)); }
      }
      return texts.join(' | ');
    };
  `),
  'audio-full.html': pageWith('audio-full-page.js'),
  'audio-full-page.js': audioPage('audio-full.js'),
  'audio-full.js': audioProcessor(`
    import { createHeapSync } from '${dist}/inline.debug.js';
    import '${dist}/inline.region.js';
    const run = async () => {
      ${syncHeaps}
      const memory = new WebAssembly.Memory({ initial: 2 });
      return createHeapSync({ memory, start: 0, end: 1 << 17 }).from(Int16Array.of(-7, 8)).view.join();
    };
  `),
  'page.html': pageWith('page.js'),
  'page.js': `
    import { createHeap, createHeapSync } from '${dist}/index.js';
    import '${dist}/index.debug.js';
    import '${dist}/index.region.js';
    ${report}
    try {
      await createHeap();
      ${syncHeaps}
      const memory = new WebAssembly.Memory({ initial: 4 });
      await createHeap({ memory, start: 0, end: 1 << 17 });
      const region = createHeapSync({ memory, start: 1 << 17, end: 1 << 18 });
      report(region.from(Int16Array.of(-7, 8)).view.join());
    } catch (error) {
      report(String(error));
    }
  `,
  'sync-fetch.html': pageWith('sync-fetch-page.js'),
  'sync-fetch-page.js': `
    ${report}
    const worker = new Worker('sync-fetch.js', { type: 'module' });
    worker.onmessage = ({ data }) => report(data);
    worker.onerror = ({ message }) => report('error ' + message);
  `,
  'sync-fetch.js': `
    import { createHeap, createHeapSync } from '${dist}/index.js';
    const texts = [];
    for (const wasm of ['missing.wasm', 'page.html']) {
      const options = { wasm: new URL(wasm, location.href) };
      await createHeap(options).catch(({ code, message }) => texts.push(code + ' ' + message));
      try { createHeapSync(options); } catch ({ code, message }) { texts.push(code + ' ' + message); }
    }
    postMessage(texts.join(' | '));
  `,
};

describe.skipIf(noBrowser !== '')(`in a browser${noBrowser}`, () => {
  let server: StaticServer;
  let browser: TestBrowser;

  beforeAll(async () => {
    writeFiles(consumerFolder, files);
    server = await serveFolder(consumerFolder, {
      'Content-Security-Policy':
        "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'",
    });
    browser = await openBrowser();
  });
  afterAll(async () => {
    await browser?.close();
    await server?.close();
  });

  const reportOf = async (path: string): Promise<string> =>
    (await browser.visit(`${server.origin}/${path}`)).reported;

  test('a service worker gets a WasmLoadError that names the entry to import', async () => {
    expect(await reportOf('sw-bare.html')).toBe(allMissing);
  });

  test.each([
    'sw-full.html',
    'sw-index.html',
  ])('a service worker does everything where it imports the entries that contain it: %s', async (page) => {
    expect(await reportOf(page)).toBe(allDone);
  });

  test('an audio worklet gets a WasmLoadError that names the cure for each wasm file', async () => {
    const line =
      'WASM_LOAD cannot find the wasm here: pass wasm, or import lite-alloc/inline ReferenceError';
    expect(await reportOf('audio-index.html')).toBe(new Array(6).fill(line).join(' | '));
  });

  test('an audio worklet makes debug heaps and heaps in regions, synchronously', async () => {
    expect(await reportOf('audio-full.html')).toBe('-7,8');
  });

  test('a page makes debug heaps and heaps in regions synchronously once the wasm was loaded', async () => {
    const { reported, complaints } = await browser.visit(`${server.origin}/page.html`);
    expect({ reported, complaints }).toEqual({ reported: '-7,8', complaints: [] });
  });

  test('a wasm file that the server does not have, or an HTML page instead, is named with the cure', async () => {
    const cure = 'is the file served? If not, pass wasm, or import lite-alloc/inline';
    const missingFile = `WASM_LOAD cannot load ${server.origin}/missing.wasm, status 404, got null: ${cure}`;
    const html = `WASM_LOAD cannot load ${server.origin}/page.html, status 200, got text/html; charset=utf-8: ${cure}`;
    expect(await reportOf('sync-fetch.html')).toBe(
      [missingFile, missingFile, html, html].join(' | '),
    );
  });
});

describe('a plain script, which has no address', () => {
  /** Bundles a program with esbuild's defaults, and runs it in a context with the globals that it needs. */
  async function runScript(name: string, code: string, given: object = {}): Promise<unknown> {
    const folder = makeApp(consumerFolder, name, { 'main.js': code });
    runShell(folder, 'esbuild main.js --bundle --outfile=out.js --log-level=error');
    const globals = { URL, Response, ReadableStream, TransformStream, setTimeout, performance };
    const context = createContext({ ...globals, ...given });
    runInContext(readFileSync(join(folder, 'out.js'), 'utf8'), context);
    return runInContext('result', context);
  }

  const tryFiles = `
    const memory = new WebAssembly.Memory({ initial: 2 });
    const messageOf = ({ code, message, cause }) => code + ' ' + message + ' ' + cause.name;
    globalThis.result = Promise.all(
      [{}, { strategy: 'free-list' }, { memory, start: 0, end: 1 << 17 }].flatMap((options) => [
        createHeap(options).catch(messageOf),
        createHeap(options).catch(() => createHeapSync(options)).catch(messageOf),
      ]),
    );
  `;

  test('gets a WasmLoadError that names the cure for each wasm file', async () => {
    const code = `import { createHeap, createHeapSync } from 'lite-alloc'; ${tryFiles}`;
    const line =
      'WASM_LOAD cannot find the wasm here: pass wasm, or import lite-alloc/inline TypeError';
    expect(await runScript('plain script', code)).toEqual(new Array(6).fill(line));
  });

  test('works with the wasm passed in', async () => {
    const wasm = join(consumerFolder, 'node_modules/lite-alloc/dist/lite-alloc.wasm');
    const code = `
      import { createHeap } from 'lite-alloc';
      globalThis.result = createHeap({ wasm: given }).then((heap) => heap.from(Int8Array.of(-1)).view.join());
    `;
    expect(await runScript('plain script wasm', code, { given: readFileSync(wasm) })).toBe('-1');
  });

  test('does everything with the entries that contain the wasm and all parts', async () => {
    const code = `
      import * as imported from 'lite-alloc/inline/debug';
      import { createHeapSync } from 'lite-alloc/inline';
      import 'lite-alloc/inline/region';
      import 'lite-alloc/inline/traces';
      ${tryAll}
      ${syncHeaps}
      globalThis.result = tryAll(imported);
    `;
    expect(await runScript('plain script full', code)).toBe(allDone);
  });
});

describe('a host that compiles no bytes', () => {
  test('gets a WasmLoadError that names the cure from the entry with the wasm inlined', async () => {
    const folder = makeApp(consumerFolder, 'no bytes', {
      'main.js': `
        import { createHeap, createHeapSync } from 'lite-alloc/inline';
        const messageOf = ({ code, message, cause }) => code + ' ' + message + ' ' + cause.name;
        let sync;
        try { createHeapSync(); } catch (error) { sync = messageOf(error); }
        globalThis.result = createHeap().catch((error) => [sync, messageOf(error)]);
      `,
    });
    runShell(folder, 'esbuild main.js --bundle --outfile=out.js --log-level=error');
    const context = createContext({}, { codeGeneration: { strings: false, wasm: false } });
    runInContext(readFileSync(join(folder, 'out.js'), 'utf8'), context);
    const line =
      "WASM_LOAD this host does not compile WebAssembly from bytes: pass wasm as a compiled module, or allow 'wasm-unsafe-eval' in the content security policy CompileError";
    expect(await runInContext('result', context)).toEqual([line, line]);
  });
});

describe('the entries in Node', () => {
  const entries = ['debug', 'region', 'traces', 'inline/debug', 'inline/region', 'inline/traces'];

  test.each(
    entries,
  )('lite-alloc/%s exports what its base exports, imported and required', (entry) => {
    const base = entry.startsWith('inline') ? 'lite-alloc/inline' : 'lite-alloc';
    const name = `entry-${entry.replace('/', '-')}.mjs`;
    writeFiles(consumerFolder, {
      [name]: `
        import { createRequire } from 'node:module';
        import * as entry from 'lite-alloc/${entry}';
        import * as base from '${base}';
        const required = createRequire(import.meta.url)('lite-alloc/${entry}');
        const names = Object.keys(base);
        const isSame = names.every((name) => entry[name] === base[name] && required[name] === base[name]);
        console.log(names.length > 10 && names.join() === Object.keys(entry).join() && isSame);
      `,
    });
    expect(runNode(consumerFolder, name)).toBe('true');
  });

  test('lite-alloc/inline makes debug heaps and heaps in regions without a promise where it imports the entries', () => {
    writeFiles(consumerFolder, {
      'inline-sync.mjs': `
        import { createHeap, createHeapSync } from 'lite-alloc/inline';
        const memory = new WebAssembly.Memory({ initial: 2 });
        const messageOf = (options) => {
          try { createHeapSync(options); } catch ({ code, message }) { return code + ' ' + message; }
        };
        const region = { memory, start: 0, end: 1 << 17 };
        console.log(messageOf({ debug: true }));
        console.log(messageOf(region));
        console.log(await createHeap(region).catch(({ code, message }) => code + ' ' + message));
        await import('lite-alloc/inline/debug');
        await import('lite-alloc/inline/region');
        console.log(createHeapSync({ debug: true }).leaks().length, createHeapSync(region).malloc(8) > 0);
      `,
    });
    const once = ', or await createHeap with the same options once before';
    expect(runNode(consumerFolder, 'inline-sync.mjs').split('\n')).toEqual([
      missing('debug') + once,
      missing('region') + once,
      'WASM_LOAD lite-alloc/inline has no wasm for a heap in a region: import lite-alloc/inline/region, or pass lite-alloc/lite-alloc.region.wasm as wasm',
      '0 true',
    ]);
  });
});

describe('a program for Node that a bundler made', () => {
  const program = `
    import { advise, AllocationTrace, createHeap, createHeapSync } from 'lite-alloc';
    ${tryAll}
    ${syncHeaps}
    const memory = new WebAssembly.Memory({ initial: 2 });
    createHeapSync({ memory, start: 0, end: 1 << 17 }).check();
    createHeapSync({ strategy: 'free-list' }).check();
    import { replay } from 'lite-alloc';
    tryAll({ advise, AllocationTrace, createHeap, replay }).then(console.log);
  `;

  test.each([
    ['esbuild to an ES module', '--format=esm', 'main.mjs'],
    ['esbuild to CommonJS', '--format=cjs', 'main.cjs'],
  ])('with %s is one file, which runs where the package is not', (name, format, file) => {
    const folder = makeApp(consumerFolder, `node ${name}`, { 'main.js': program });
    runShell(
      folder,
      `esbuild main.js --bundle --platform=node ${format} --outfile=out/${file} && rm -r node_modules`,
    );
    expect(listFiles(join(folder, 'out'))).toEqual([file]);
    expect(runNode(folder, `out/${file}`)).toBe(allDone);
  });
});
