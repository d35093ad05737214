// SPDX-License-Identifier: MIT
//
// Makes an application, builds it, and runs it.

import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { delimiter, join } from 'node:path';
import type { TestBrowser } from '../support/browser.js';
import { writeFiles } from '../support/consumer.js';
import { serveFolder } from '../support/static-server.js';
import { type App, expected } from './apps.js';
import { toolsFolder } from './packages.mjs';

/** Milliseconds that a command may take: a generator downloads hundreds of packages. */
const patience = 900_000;

export interface Outcome {
  /** What the application said at each path. */
  readonly said: Readonly<Record<string, string>>;
  /** What the browser complained of. */
  readonly complaints: readonly string[];
  /** The versions of the tools. */
  readonly versions: Readonly<Record<string, string>>;
}

/** Makes the application in `folder` unless it is there already, installs the package, builds and runs it. */
export async function runApp(
  app: App,
  folder: string,
  tarball: string,
  browser: TestBrowser,
): Promise<Outcome> {
  mkdirSync(folder, { recursive: true });
  if (!existsSync(join(folder, 'package.json'))) await runCommands(folder, app.create);
  await runCommands(folder, `npm install ${[...app.packages, tarball].join(' ')}`);
  writeFiles(folder, app.files);
  await runCommands(folder, app.build);
  const versions = Object.fromEntries(app.tools.map((tool) => [tool, versionOf(folder, tool)]));
  return { ...(await runBuilt(app, folder, browser)), versions };
}

/** The paths to visit, and what each says. */
export function pathsOf({ paths, run }: App): Readonly<Record<string, string>> {
  return paths ?? { ['node' in run ? run.node : '/']: expected };
}

async function runBuilt(
  app: App,
  folder: string,
  browser: TestBrowser,
): Promise<Omit<Outcome, 'versions'>> {
  if ('node' in app.run) {
    const said = await runCommands(folder, `node ${app.run.node}`);
    return { said: { [app.run.node]: said.trim() }, complaints: [] };
  }
  const server =
    'folder' in app.run
      ? await serveFolder(join(folder, app.run.folder), {})
      : await startServer(folder, app.run.server);
  const said: Record<string, string> = {};
  const complaints: string[] = [];
  try {
    for (const path of Object.keys(pathsOf(app))) {
      const url = server.origin + path.replace('*', '');
      if (path.endsWith('*')) {
        said[path] = await (await fetch(url)).text();
      } else {
        const visit = await browser.visit('folder' in app.run ? `${url}index.html` : url);
        said[path] = visit.reported;
        complaints.push(...visit.complaints);
      }
    }
  } finally {
    await server.close();
  }
  return { said, complaints };
}

/** Starts a server, and waits until it answers. */
async function startServer(
  folder: string,
  command: string,
): Promise<{ origin: string; close(): Promise<void> }> {
  const port = await freePort();
  const child = start(folder, command, { PORT: String(port), HOST: '127.0.0.1' });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  const ended = new Promise<void>((resolve) => child.on('exit', () => resolve()));
  const origin = `http://127.0.0.1:${port}`;
  for (let tries = 0; ; tries++) {
    const response = await fetch(origin).catch(() => undefined);
    if (response !== undefined) break;
    if (child.exitCode !== null || tries > 600) throw new Error(`${command}: ${output}`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  return {
    origin,
    close: () => {
      kill(child);
      return ended;
    },
  };
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Runs commands and returns their output. Throws it if they fail. */
async function runCommands(folder: string, commands: string): Promise<string> {
  const child = start(folder, commands);
  let output = '';
  let errors = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    errors += text;
  });
  const timer = setTimeout(() => kill(child), patience);
  const status = await new Promise((resolve) => child.on('close', resolve));
  clearTimeout(timer);
  if (status !== 0) throw new Error(`${commands}: status ${status}\n${output}${errors}`);
  return output;
}

/**
 * Starts commands in a process group of their own, with no terminal that a generator could ask questions on. They run
 * on the newest Node that `npm run ecosystem` has installed: some generators refuse older ones.
 */
function start(
  folder: string,
  commands: string,
  environment: Readonly<Record<string, string>> = {},
): ChildProcess {
  const node = join(toolsFolder, 'node_modules/node26/bin');
  return spawn('sh', ['-ec', commands], {
    cwd: folder,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      ...withoutNpm(process.env),
      PATH: `${node}${delimiter}${process.env['PATH']}`,
      CI: '1',
      npm_config_audit: 'false',
      npm_config_fund: 'false',
      npm_config_yes: 'true',
      npm_config_prefer_offline: 'true',
      npm_config_legacy_peer_deps: 'false',
      ...environment,
    },
  });
}

/** The environment without what npm and Vitest set for their own programs. */
function withoutNpm(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(environment).filter(
      ([name]) =>
        !/^(npm_|VITE|VITEST|NODE_ENV$|NODE_OPTIONS$|TEST$|DEV$|PROD$|MODE$|BASE_URL$|SSR$)/.test(
          name,
        ),
    ),
  );
}

function kill(child: ChildProcess): void {
  if (child.pid === undefined || child.exitCode !== null) return;
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch {
    // It has ended.
  }
}

function versionOf(folder: string, tool: string): string {
  const text = readFileSync(join(folder, 'node_modules', tool, 'package.json'), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
