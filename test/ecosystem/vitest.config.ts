// SPDX-License-Identifier: MIT
//
// The tests of `npm run ecosystem`, which the suites of `npm test` do not contain: they install hundreds of packages.

import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  root: fileURLToPath(new URL('../..', import.meta.url)),
  test: {
    name: 'ecosystem',
    include: ['test/ecosystem/*.test.ts'],
    globalSetup: ['test/package/install.ts'],
    testTimeout: 1_800_000,
    fileParallelism: false,
    reporters: ['verbose'],
  },
});
