// SPDX-License-Identifier: MIT
//
// One project for each kind of test; `npx vitest run --project NAME` runs one of them.

import { fileURLToPath } from 'node:url';
import { playwright } from '@vitest/browser-playwright';
import { defineConfig, type TestProjectInlineConfiguration } from 'vitest/config';
import { chromiumArguments, findChromium } from './test/support/chromium.js';

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

/** Steps of the random tests in Node; fewer where the tests run many times over. */
const randomOperations = Number(process.env['LITE_ALLOC_RANDOM_OPERATIONS'] ?? 1_000_000);

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

/** Without a Chromium there is one skipped test that says so. */
function browserProject(executablePath: string | undefined): TestProjectInlineConfiguration {
  if (executablePath === undefined) {
    return { test: { name: 'browser', include: ['test/browser/no-chromium.ts'] } };
  }
  return {
    resolve: built('index.js'),
    test: {
      name: 'browser',
      include: ['test/js/*.test.ts', 'test/browser/**/*.test.ts'],
      setupFiles: ['test/support/lost-handles.ts', 'test/support/task-per-test.ts'],
      provide: { seed, randomOperations: 100_000 },
      testTimeout: 120_000,
      browser: {
        enabled: true,
        headless: true,
        screenshotFailures: false,
        provider: playwright({ launchOptions: { executablePath, args: chromiumArguments } }),
        instances: [{ browser: 'chromium' }],
      },
    },
  };
}

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
    include: ['test/package/**/*.test.ts'],
    globalSetup: ['test/package/install.ts'],
    testTimeout: 120_000,
  },
};

/** Programs that use the package, built by Emscripten: the first of a kind compiles its libraries. */
const c: TestProjectInlineConfiguration = {
  test: {
    name: 'c',
    include: ['test/c/**/*.test.ts'],
    globalSetup: ['test/package/install.ts'],
    testTimeout: 400_000,
    fileParallelism: false,
  },
};

export default defineConfig({
  test: {
    projects: [node, browserProject(findChromium()), types, architecture, packed, c],
  },
});
