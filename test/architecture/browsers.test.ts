// SPDX-License-Identifier: MIT
//
// How the tests find, start and end browsers.

import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, expect, test, vi } from 'vitest';
import { findFirefox } from '../../tools/lib/browsers.mjs';
import { writeFiles } from '../support/consumer.js';
import { firefox } from '../support/spawned-browser.js';

const folder = mkdtempSync(join(tmpdir(), 'lite-alloc-browsers-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
afterEach(() => void vi.unstubAllEnvs());

/** Writes a program that stands for a browser. */
function fakeBrowser(script: string): string {
  const path = join(folder, 'browser');
  writeFiles(folder, { browser: `#!/bin/sh\n${script}\n` });
  chmodSync(path, 0o755);
  return path;
}

const isRunning = (id: number): boolean => {
  // A process that has ended may wait for its parent, or for another one, to notice.
  const state = existsSync(`/proc/${id}/stat`) ? readFileSync(`/proc/${id}/stat`, 'utf8') : ') X';
  return !/\) [XZ]/.test(state);
};

test('FIREFOX_PATH names the browser, if it can be run', () => {
  vi.stubEnv('FIREFOX_PATH', fakeBrowser(''));
  expect(findFirefox()).toBe(join(folder, 'browser'));
  vi.stubEnv('FIREFOX_PATH', join(folder, 'missing'));
  expect(findFirefox()).not.toBe(join(folder, 'missing'));
});

test.runIf(process.platform === 'linux')(
  'a browser gets a page and a new profile, and ends with its children and the profile',
  async () => {
    const path = fakeBrowser(
      `sleep 100 & printf '%s\\n' "$$" "$!" "$HOME" "$*" > ${folder}/said; wait`,
    );
    const browser = firefox(path);
    await browser.open('http://localhost/page');
    const said = await vi.waitUntil(
      () => {
        const lines = existsSync(join(folder, 'said'))
          ? readFileSync(join(folder, 'said'), 'utf8').trimEnd().split('\n')
          : [];
        return lines.length === 4 ? lines : undefined;
      },
      { timeout: 20_000 },
    );
    const [own = '', child = '', profile = '', options = ''] = said;
    expect(options).toMatch(/^--headless .*http:\/\/localhost\/page$/);
    expect(readFileSync(join(profile, 'user.js'), 'utf8')).toContain('dom.max_script_run_time');
    expect([own, child].map(Number).map(isRunning)).toEqual([true, true]);

    await browser.close();
    await vi.waitUntil(() => ![own, child].map(Number).some(isRunning), { timeout: 20_000 });
    expect(existsSync(profile)).toBe(false);
  },
);
