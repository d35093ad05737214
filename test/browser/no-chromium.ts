// SPDX-License-Identifier: MIT
//
// Stands for the browser suites where there is no browser: see vitest.config.ts.

import { test } from 'vitest';

test.skip('the browser suites: no Chromium found; install one or set CHROMIUM_PATH', () => {});
