// SPDX-License-Identifier: MIT
//
// One project for each kind of test; `npx vitest run --project NAME` runs one of them.

import { fileURLToPath } from 'node:url';
import { defineConfig, type TestProjectInlineConfiguration } from 'vitest/config';
import { type Browser, browsers } from './test/support/browsers.js';

const path = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url));

/** The package as it was built, with the entry for a kind of host. */
const built = (entry: string) => ({
  alias: [
    { find: /^lite-alloc$/, replacement: path(`./dist/${entry}`) },
    { find: /^lite-alloc\/inline$/, replacement: path('./dist/inline.js') },
    { find: /^lite-alloc\/inline\/(\w+)$/, replacement: path('./dist/inline.$1.js') },
  ],
});

/** The seed of the random tests. `LITE_ALLOC_SEED=7 npm test` runs them with another one. */
const seed = Number(process.env['LITE_ALLOC_SEED'] ?? 20260101);

/** Whether everything is tested, as in `npm test -- --all`, or what takes long is shortened. */
const all = process.env['LITE_ALLOC_ALL'] !== undefined;

/** Steps of the random tests in Node; fewer where the tests run many times over. */
const randomOperations = Number(
  process.env['LITE_ALLOC_RANDOM_OPERATIONS'] ?? (all ? 1_000_000 : 100_000),
);

/** The same in a browser. Chromium has the engine of Node, and the others are slower. */
const inBrowser = (browser: string): number =>
  Math.min(randomOperations, browser === 'chromium' ? 100_000 : 10_000);

const node: TestProjectInlineConfiguration = {
  resolve: built('index.node.js'),
  test: {
    name: 'node',
    include: ['test/js/**/*.test.ts'],
    setupFiles: ['test/support/lost-handles.ts'],
    provide: { seed, randomOperations },
    testTimeout: 120_000,
    // The package runs as Node itself loads it.
    server: { deps: { external: [/\/dist\//] } },
  },
};

/** Files that take long and test code that runs the same in every engine, or need Chromium's debugger: see test/README.md. */
const onlyInChromium = [
  'test/js/full-heap.test.ts',
  'test/js/trace-format.test.ts',
  'test/browser/lost-handles.test.ts',
];

/** Files about rules that the package keeps in every engine. Node and Chromium always run them, the others if all is tested. */
const rulesOfHeaps = [
  ...['arenas', 'blocks', 'caller-values', 'inspection', 'model', 'owned-blocks', 'random'],
  ...[
    'recording',
    'replay',
    'scopes',
    'secrets',
    'sized-blocks',
    'snapshots',
    'whole-heap',
    'wrong-frees',
  ],
].map((name) => `test/js/${name}.test.ts`);

const excludedIn = (browser: string): string[] =>
  browser === 'chromium' ? [] : [...onlyInChromium, ...(all ? [] : rulesOfHeaps)];

/** The suites in some of the browsers that are installed. */
const inBrowsers = (
  name: string,
  browsers: readonly Browser[],
): TestProjectInlineConfiguration => ({
  resolve: built('index.js'),
  test: {
    name,
    include: ['test/js/*.test.ts', 'test/browser/**/*.test.ts'],
    setupFiles: [
      'test/support/lost-handles.ts',
      'test/support/dispose-symbol.ts',
      'test/support/task-per-test.ts',
    ],
    testTimeout: 120_000,
    browser: {
      enabled: true,
      headless: true,
      screenshotFailures: false,
      instances: browsers.map(({ name: browser, provider }) => ({
        browser,
        name: browser,
        provider,
        provide: { seed, randomOperations: inBrowser(browser) },
        exclude: excludedIn(browser),
      })),
    },
  },
});

/** WebKit cannot parse `using`, so that is compiled for it. The others run it as it is. */
const withUsing = browsers.filter(({ parsesUsing }) => parsesUsing);
const withoutUsing = browsers.filter(({ parsesUsing }) => !parsesUsing);
const browserProjects = [
  ...(withUsing.length > 0 ? [inBrowsers('browser', withUsing)] : []),
  ...(withoutUsing.length > 0
    ? [{ ...inBrowsers('older browser', withoutUsing), oxc: { target: 'es2022' } }]
    : []),
];

const types: TestProjectInlineConfiguration = {
  test: {
    name: 'types',
    include: ['test/types/**/*.test.ts'],
    typecheck: {
      enabled: true,
      include: ['test/types/**/*.test-d.ts'],
      tsconfig: path('./test/types/tsconfig.json'),
    },
    testTimeout: 60_000,
  },
};

const architecture: TestProjectInlineConfiguration = {
  test: { name: 'architecture', include: ['test/architecture/**/*.test.ts'] },
};

const packed: TestProjectInlineConfiguration = {
  test: {
    name: 'package',
    include: ['test/package/**/*.test.ts', 'test/ecosystem/hosts.test.ts'],
    globalSetup: ['test/package/install.ts'],
    testTimeout: 120_000,
  },
};

/** Programs that use the package, built by Emscripten: the first of a kind compiles its libraries. */
const c: TestProjectInlineConfiguration = {
  test: {
    name: 'c',
    provide: { all },
    include: ['test/c/**/*.test.ts'],
    globalSetup: ['test/package/install.ts'],
    testTimeout: 400_000,
    fileParallelism: false,
  },
};

export default defineConfig({
  test: {
    // A browser that starts beside builds and other suites may take long to show the page of the tests.
    browser: { connectTimeout: 180_000 },
    projects: [node, ...browserProjects, types, architecture, packed, c],
  },
});
