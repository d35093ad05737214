// SPDX-License-Identifier: MIT
//
// Starts a browser on a page with a new, empty profile, and ends it with everything that it started.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';

export interface SpawnedBrowser {
  readonly name: string;
  open(url: string): Promise<void>;
  close(): Promise<void>;
}

export function firefox(path: string): SpawnedBrowser {
  return spawnedBrowser('firefox', async (url, profile) => {
    writeFileSync(join(profile, 'user.js'), firefoxSettings);
    return [await start(path, ['--headless', '--no-remote', '--profile', profile, url], profile)];
  });
}

/** No pages of welcome, no requests but those of the tests, and no dialogue about a slow script. */
const firefoxSettings = Object.entries({
  'app.normandy.enabled': false,
  'app.update.enabled': false,
  'browser.aboutwelcome.enabled': false,
  'browser.safebrowsing.update.enabled': false,
  'browser.shell.checkDefaultBrowser': false,
  'datareporting.policy.dataSubmissionEnabled': false,
  'dom.max_script_run_time': 0,
  'extensions.update.enabled': false,
  'network.captive-portal-service.enabled': false,
  'network.connectivity-service.enabled': false,
  'services.settings.server': 'data:,#remote-settings-dummy/v1',
  'toolkit.telemetry.enabled': false,
})
  .map(([name, value]) => `user_pref(${JSON.stringify(name)}, ${JSON.stringify(value)});\n`)
  .join('');

export function webkit(paths: { browser: string; display: string }): SpawnedBrowser {
  return spawnedBrowser('webkit', async (url, profile) => {
    const screen = await start(paths.display, ['-displayfd', '3', '-nolisten', 'tcp'], profile);
    const [number] = await once(screen.stdio[3] as Readable, 'data');
    const display = `:${String(number).trim()}`;
    return [screen, await start(paths.browser, [url], profile, { DISPLAY: display })];
  });
}

type Start = (url: string, profile: string) => Promise<ChildProcess[]>;

function spawnedBrowser(name: string, startAll: Start): SpawnedBrowser {
  let end = () => {};
  return {
    name,
    async open(url) {
      const profile = mkdtempSync(join(tmpdir(), `lite-alloc-${name}-`));
      const processes = await startAll(url, profile);
      end = () => {
        process.off('exit', end);
        for (const child of processes) kill(child);
        rmSync(profile, { recursive: true, force: true, maxRetries: 10 });
      };
      process.on('exit', end);
    },
    async close() {
      end();
    },
  };
}

/**
 * Starts a program in a process group of its own, so that its children can be killed with it. Linux kills it if this
 * process is killed.
 */
async function start(
  path: string,
  args: string[],
  profile: string,
  environment: Record<string, string> = {},
): Promise<ChildProcess> {
  const command = process.platform === 'linux' ? ['setpriv', '--pdeathsig', 'KILL', path] : [path];
  const [program = path, ...before] = command;
  const child = spawn(program, [...before, ...args], {
    detached: true,
    env: {
      ...process.env,
      HOME: profile,
      XDG_DATA_HOME: profile,
      XDG_CACHE_HOME: profile,
      ...environment,
    },
    stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
  });
  let complaints = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    complaints = (complaints + text).slice(-2000);
  });
  child.on('exit', (status, signal) => {
    if (signal !== 'SIGKILL') console.error(`${path} ended (${signal ?? status}): ${complaints}`);
  });
  await once(child, 'spawn');
  return child;
}

function kill(child: ChildProcess): void {
  if (child.pid === undefined || child.exitCode !== null) return;
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch {
    // It has ended.
  }
}
