// SPDX-License-Identifier: MIT
//
// Replaces the browser suites if no Chromium is installed: see vitest.config.ts.

import { test } from 'vitest';

test.skip('the browser suites: no Chromium found; install one or set CHROMIUM_PATH', () => {});
