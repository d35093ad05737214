// SPDX-License-Identifier: MIT
//
// Builds and runs applications with the packed package, one after the other: `npm run ecosystem`.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { openBrowser, type TestBrowser } from '../support/browser.js';
import { apps } from './apps.js';
import { record } from './records.js';
import { pathsOf, runApp } from './run-app.js';

/** Where the applications stay after the run, if a person has named a folder. */
const kept = process.env['LITE_ALLOC_ECOSYSTEM_APPS'];

describe('an application of', () => {
  const folder = kept ?? mkdtempSync(join(tmpdir(), 'lite-alloc-ecosystem-'));
  let browser: TestBrowser;

  beforeAll(async () => {
    browser = await openBrowser();
  });
  afterAll(async () => {
    await browser?.close();
    if (kept === undefined) rmSync(folder, { recursive: true, force: true });
  });

  test.each(apps.map((app) => [app.name, app] as const))('%s', async (_, app) => {
    const { said, complaints, versions } = await runApp(
      app,
      join(folder, app.name),
      inject('tarball'),
      browser,
    );
    const all = Object.entries(pathsOf(app)).map(([path, text]) => [
      path,
      expect.stringContaining(text),
    ]);
    expect({ said, complaints }).toEqual({ said: Object.fromEntries(all), complaints: [] });
    record('apps', app.name, versions);
  });
});
