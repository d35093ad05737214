// SPDX-License-Identifier: MIT
//
// Applications that bundle the installed package as docs/loading.md describes, built and run.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { gzipSync } from 'node:zlib';
import { createServer } from 'vite';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import webpack, { type Configuration } from 'webpack';
import { listFiles, makeApp, runShell } from '../support/app.js';
import {
  noBrowser,
  openBrowser,
  pageWith,
  report,
  type TestBrowser,
  type Visit,
} from '../support/browser.js';
import { runNode } from '../support/consumer.js';
import { findSample } from '../support/markdown.js';
import { repository } from '../support/sources.js';
import { serveFolder } from '../support/static-server.js';

const consumerFolder = inject('consumerFolder');
const guide = 'docs/loading.md';

/** A program that also uses every part that is imported lazily, and reports its results. */
const useHeap = (entry: string): string => `
  import {
    advise, AllocationTrace, createHeap, HeapCorruptionError, OutOfMemoryError,
  } from '${entry}';
  ${entry === 'lite-alloc' ? '' : "import 'lite-alloc/inline/region';"}
  ${openRegion}
  ${runHeap}
  run().catch((error) => String(error) + ' ' + String(error.cause)).then(report);
`;
/** Makes a heap from the wasm for regions, which has an entry of its own where it is inlined. */
const openRegion = `
  const memory = new WebAssembly.Memory({ initial: 2 });
  const region = createHeap({ memory, start: 0, end: 1 << 17 });
`;
const runHeap = `
  const run = async () => {
    const heap = await createHeap({ maximumBytes: 16 << 20, debug: true });
    const recorder = heap.record();
    const array = heap.from(Float32Array.of(1, 2, 3));
    heap.malloc(1 << 20);
    heap.check();
    const trace = await AllocationTrace.read(recorder.stop().write());
    const ranking = await advise(trace, { rounds: 1 });
    try {
      heap.malloc(1 << 25);
    } catch (error) {
      const isExpected = error instanceof OutOfMemoryError;
      const found = [heap.leaks().length, ranking.length, isExpected, await findsOverrun()];
      (await region).check();
      return [array.view.join(), ...found].join(' ');
    }
  };
  const findsOverrun = async () => {
    const heap = await createHeap({ debug: true });
    const address = heap.malloc(10);
    heap.u8[address + 10] = 1;
    try {
      heap.free(address);
    } catch (error) {
      return error instanceof HeapCorruptionError && error.allocatedAt !== '';
    }
  };
`;
const expected = '1,2,3 2 4 true true';

const program = (entry: string): string => `const report = console.log; ${useHeap(entry)}`;
const script = (entry: string): string => `${report} ${useHeap(entry)}`;

/** Runs webpack with its defaults, as if it was started in the folder. */
function runWebpack(folder: string, configuration: Configuration): Promise<void> {
  const inFolder: Configuration = { context: folder, output: { path: join(folder, 'dist') } };
  return new Promise((resolve, reject) => {
    webpack({ ...inFolder, mode: 'production', ...configuration }, (error, stats) => {
      if (error !== null) reject(error);
      else if (stats?.hasErrors() || stats?.hasWarnings()) reject(new Error(stats.toString()));
      else resolve();
    });
  });
}

const esbuild = (): string => findSample(guide, 'esbuild', 'sh').code;
const rollup = (): string => findSample(guide, 'Rollup', 'sh').code;
const rollupConfig = (): Record<string, string> => {
  const { file, code } = findSample(guide, 'Rollup', 'js');
  return { [file ?? '']: code };
};
const rollupConfigForNode = (): Record<string, string> => {
  const [[file, code] = ['', '']] = Object.entries(rollupConfig());
  return { [file]: code.replace('nodeResolve()', "nodeResolve({ exportConditions: ['node'] })") };
};
const rollupTools = ['rollup', '@rollup/plugin-node-resolve'];
/** The commands without the line that copies the wasm. */
const withoutCopy = (commands: string): string => commands.replace(/^cp .*$/gm, '');

describe.skipIf(noBrowser !== '')(`in a page${noBrowser}`, () => {
  let browser: TestBrowser;

  beforeAll(async () => {
    browser = await openBrowser();
  });
  afterAll(() => browser?.close());

  /** Serves what a bundler made, and visits it. */
  async function visitFolder(folder: string): Promise<Visit> {
    const server = await serveFolder(folder, {});
    try {
      return await browser.visit(`${server.origin}/index.html`);
    } finally {
      await server.close();
    }
  }

  async function visitDevServer(folder: string, configFile: string | false): Promise<Visit> {
    const server = await createServer({
      root: folder,
      configFile,
      logLevel: 'error',
      server: { host: '127.0.0.1', port: 0 },
    });
    try {
      await server.listen();
      return await browser.visit(server.resolvedUrls?.local[0] ?? '');
    } finally {
      await server.close();
    }
  }

  const viteFiles = (entry: string): Record<string, string> => ({
    'index.html': pageWith('/main.js'),
    'main.js': script(entry),
  });

  test.each([
    ['without configuration', false],
    ['with the line for older versions', true],
  ])("Vite's dev server serves the package %s", async (name, isConfigured) => {
    const { file = '', code } = findSample(guide, 'Vite 7 and older', 'js');
    const folder = makeApp(consumerFolder, `vite dev ${name}`, {
      ...viteFiles('lite-alloc'),
      [file]: code,
    });
    const visit = await visitDevServer(folder, isConfigured && join(folder, file));
    expect(visit).toMatchObject({ reported: expected, complaints: [] });
    // With the line, Vite serves the files of the package themselves.
    const isOwn = visit.loaded.some((path) => path.endsWith('/lite-alloc/dist/index.js'));
    expect(isOwn).toBe(isConfigured);
  });

  test('Vite builds the package without configuration', async () => {
    const folder = makeApp(consumerFolder, 'vite', viteFiles('lite-alloc'));
    runShell(folder, 'vite build');
    const visit = await visitFolder(join(folder, 'dist'));
    expect(visit).toMatchObject({ reported: expected, complaints: [] });
    // The files of the default strategy, of regions, and of all strategies, which `advise` tries.
    expect(visit.loaded.filter((path) => path.endsWith('.wasm'))).toHaveLength(3);
  });

  test('webpack builds the package without configuration', async () => {
    const folder = makeApp(consumerFolder, 'webpack', {
      'src/index.js': script('lite-alloc'),
      'dist/index.html': pageWith('main.js', 'defer'),
    });
    await runWebpack(folder, {});
    const visit = await visitFolder(join(folder, 'dist'));
    expect(visit).toMatchObject({ reported: expected, complaints: [] });
    // The files of the default strategy, of regions, and of all strategies, which `advise` tries.
    expect(visit.loaded.filter((path) => path.endsWith('.wasm'))).toHaveLength(3);
  });

  test('Vite and webpack build workers that use the package', async () => {
    const files = {
      'src/index.js': `
        ${report}
        const worker = new Worker(new URL('./worker.js', import.meta.url), { type: 'module' });
        worker.onmessage = ({ data }) => report(data);
        worker.onerror = ({ message }) => report('error ' + message);
      `,
      'src/worker.js': `const report = (text) => postMessage(text); ${useHeap('lite-alloc')}`,
    };
    const built = {
      vite: makeApp(consumerFolder, 'vite worker', {
        ...files,
        'index.html': pageWith('/src/index.js'),
      }),
      webpack: makeApp(consumerFolder, 'webpack worker', {
        ...files,
        'dist/index.html': pageWith('main.js', 'defer'),
      }),
    };
    runShell(built.vite, 'vite build');
    await runWebpack(built.webpack, {});
    for (const folder of Object.values(built)) {
      const visit = await visitFolder(join(folder, 'dist'));
      expect(visit).toMatchObject({ reported: expected, complaints: [] });
    }
  });

  test.each([
    ['esbuild', esbuild, () => ({}), []],
    ['Rollup', rollup, rollupConfig, rollupTools],
  ])('%s builds the package with the commands of the guide', async (name, commands, configFiles, tools) => {
    const folder = makeApp(
      consumerFolder,
      name,
      {
        'main.js': script('lite-alloc'),
        'out/index.html': pageWith('main.js'),
        ...configFiles(),
      },
      tools,
    );
    runShell(folder, commands());
    const visit = await visitFolder(join(folder, 'out'));
    expect(visit).toMatchObject({ reported: expected, complaints: [] });
  });

  test('esbuild with the commands of the guide keeps what is lazy out of what a page loads at once', async () => {
    const commands = esbuild().replace('--bundle', '--bundle --minify');
    const [split, whole] = await Promise.all(
      [commands, commands.replace(' --splitting', '')].map(async (command, index) => {
        const folder = makeApp(consumerFolder, `esbuild splitting ${index}`, {
          'main.js': `
            import { createHeap } from 'lite-alloc';
            ${report}
            createHeap().then((heap) => report(typeof heap.malloc(1)));
          `,
          'out/index.html': pageWith('main.js'),
        });
        runShell(folder, command);
        const { reported, loaded } = await visitFolder(join(folder, 'out'));
        expect(reported).toBe('number');
        const files = loaded.filter((path) => /\.(js|wasm)$/.test(path));
        const sizes = files.map((path) => gzipSync(readFileSync(join(folder, 'out', path))).length);
        return sizes.reduce((total, size) => total + size, 0) / 1000;
      }),
    );
    const [, wholeText, splitText] =
      /loads (\d+) KB at once\s+instead\s+of\s+(\d+) KB/.exec(
        readFileSync(join(repository, guide), 'utf8'),
      ) ?? [];
    expect(Math.abs(Number(split) - Number(splitText))).toBeLessThan(1);
    expect(Math.abs(Number(whole) - Number(wholeText))).toBeLessThan(1);
  });

  describe('with the wasm inlined', () => {
    test.each([
      ['Vite', 'vite build --outDir out', viteFiles('lite-alloc/inline'), []],
      ['esbuild', withoutCopy(esbuild()), {}, []],
      ['Rollup', withoutCopy(rollup()), rollupConfig(), rollupTools],
    ])('%s needs no wasm file', async (name, commands, files, tools) => {
      const folder = makeApp(
        consumerFolder,
        `${name} inline`,
        {
          'main.js': script('lite-alloc/inline'),
          ...(name === 'Vite' ? {} : { 'out/index.html': pageWith('main.js') }),
          ...files,
        },
        tools,
      );
      runShell(folder, commands);
      expect(listFiles(join(folder, 'out')).filter((path) => !/\.(js|html)$/.test(path))).toEqual(
        [],
      );
      expect(await visitFolder(join(folder, 'out'))).toMatchObject({
        reported: expected,
        complaints: [],
      });
    });

    test('webpack needs no wasm file', async () => {
      const folder = makeApp(consumerFolder, 'webpack inline', {
        'src/index.js': script('lite-alloc/inline'),
        'dist/index.html': pageWith('main.js', 'defer'),
      });
      await runWebpack(folder, {});
      expect(listFiles(join(folder, 'dist')).filter((path) => !/\.(js|html)$/.test(path))).toEqual(
        [],
      );
      expect(await visitFolder(join(folder, 'dist'))).toMatchObject({
        reported: expected,
        complaints: [],
      });
    });

    test('a page on the disk runs the bundle as a plain script', async () => {
      const folder = makeApp(consumerFolder, 'file page', {
        'main.js': script('lite-alloc/inline'),
        'index.html': pageWith('bundle.js', 'defer'),
      });
      runShell(folder, 'esbuild main.js --bundle --minify --outfile=bundle.js');
      const visit = await browser.visit(pathToFileURL(join(folder, 'index.html')).href);
      expect(visit).toMatchObject({ reported: expected, complaints: [] });
    });
  });
});

describe('for Node', () => {
  test('webpack builds the package without configuration', async () => {
    const folder = makeApp(consumerFolder, 'webpack node', {
      'src/index.js': program('lite-alloc'),
      'dist/package.json': '{ "type": "commonjs" }',
    });
    await runWebpack(folder, { target: 'node' });
    expect(runNode(folder, 'dist/main.js')).toBe(expected);
  });

  test.each([
    ['esbuild', esbuild().replace('--bundle', '--bundle --platform=node'), {}, []],
    ['Rollup', rollup(), rollupConfigForNode(), rollupTools],
  ])('%s builds the package with the commands of the guide, and needs no wasm file', (name, commands, files, tools) => {
    const folder = makeApp(
      consumerFolder,
      `${name} node`,
      { 'main.js': program('lite-alloc'), ...files },
      tools,
    );
    runShell(folder, withoutCopy(commands));
    const others = listFiles(join(folder, 'out')).filter((path) => !path.endsWith('.js'));
    expect(others).toEqual([]);
    expect(runNode(folder, 'out/main.js')).toBe(expected);
  });

  test('esbuild bundles the entry with the wasm inlined into one CommonJS file', () => {
    const folder = makeApp(consumerFolder, 'one file', {
      'main.js': program('lite-alloc/inline'),
    });
    runShell(folder, 'esbuild main.js --bundle --platform=node --outfile=out/main.cjs');
    expect(listFiles(join(folder, 'out'))).toEqual(['main.cjs']);
    expect(runNode(folder, 'out/main.cjs')).toBe(expected);
    expect(readFileSync(join(folder, 'out/main.cjs'), 'utf8')).not.toMatch(/new URL\(.*\.wasm/);
  });
});
