// SPDX-License-Identifier: MIT
//
// The hosts that the probe runs in. Each uses the installed package as docs/loading.md says.

import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants, copyFileSync, mkdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { findChromium, findFirefox, findWebKit } from '../../tools/lib/browsers.mjs';
import { runShell } from '../support/app.js';
import { openBrowser, pageWith } from '../support/browser.js';
import { writeFiles } from '../support/consumer.js';
import { firefox, type SpawnedBrowser, webkit } from '../support/spawned-browser.js';
import { serveFolder } from '../support/static-server.js';
import { inPackage, nodeVersions } from './packages.mjs';

export interface Check {
  readonly name: string;
  readonly ok: boolean;
  readonly detail: string;
}

export interface Host {
  /** The name in the table of docs/loading.md. */
  readonly name: string;
  readonly version: string;
  /** Runs the probe. `folder` has the package installed. */
  probe(folder: string): Promise<Check[]>;
}

/** The hosts that this machine has; of several with one name the first. */
export function findHosts(): Host[] {
  const node = [
    process.execPath,
    ...nodeVersions.map((version) => inPackage(`node${version}/bin/node`)),
  ];
  return [
    ...node.map((path) => program('Node', path, [])),
    program('Deno', inPackage('.bin/deno') ?? onPath('deno'), ['run', '--allow-read']),
    program('Bun', inPackage('.bin/bun') ?? onPath('bun'), ['run']),
    workerd(inPackage('.bin/workerd') ?? onPath('workerd')),
    ...findBrowsers(),
  ]
    .filter((host) => host !== undefined)
    .filter((host, index, all) => all.findIndex(({ name }) => name === host.name) === index);
}

/** A host that runs a file and prints its output. */
function program(name: string, path: string | undefined, options: string[]): Host | undefined {
  if (path === undefined) return undefined;
  const version = versionOf(path);
  return {
    name: name === 'Node' ? `Node ${version.split('.')[0]}` : name,
    version,
    async probe(folder) {
      const file = `${name.toLowerCase()}-${version}.mjs`;
      writeProbe(folder, { [file]: programLauncher });
      const { status, stdout, stderr } = spawnSync(path, [...options, file], {
        cwd: folder,
        encoding: 'utf8',
        timeout: 100_000,
      });
      if (status !== 0) throw new Error(`${path} ${file}: status ${status}\n${stdout}${stderr}`);
      return JSON.parse(stdout) as Check[];
    },
  };
}

const imports = `
  import * as main from 'lite-alloc';
  import * as inline from 'lite-alloc/inline';
  import { probe } from './probe.mjs';
`;

const programLauncher = `
  import { readFileSync } from 'node:fs';
  ${imports}
  const dist = new URL('./node_modules/lite-alloc/dist/', import.meta.url);
  const compile = (file) => WebAssembly.compile(readFileSync(new URL(file, dist)));
  console.log(JSON.stringify(await probe({ main, inline, compile })));
`;

/** Cloudflare's runtime, with a worker that esbuild has bundled. */
function workerd(path: string | undefined): Host | undefined {
  if (path === undefined) return undefined;
  return {
    name: 'workerd',
    version: versionOf(path),
    async probe(folder) {
      writeProbe(folder, { 'workerd.mjs': workerdLauncher, 'workerd.capnp': workerdConfig });
      runShell(
        folder,
        'esbuild workerd.mjs --bundle --format=esm --external:*.wasm --outfile=workerd.js',
      );
      const child = spawn(path, ['serve', 'workerd.capnp', '--control-fd=3'], {
        cwd: folder,
        stdio: ['ignore', 'inherit', 'inherit', 'pipe'],
      });
      try {
        const [message] = await once(child.stdio[3] as Readable, 'data');
        const { port } = JSON.parse(String(message)) as { port: number };
        const response = await fetch(`http://127.0.0.1:${port}/`);
        return (await response.json()) as Check[];
      } finally {
        child.kill();
      }
    },
  };
}

const wasmFiles = ['lite-alloc.wasm', 'lite-alloc.strategies.wasm', 'lite-alloc.region.wasm'];

const workerdLauncher = `
  ${imports}
  ${wasmFiles.map((file, index) => `import wasm${index} from 'lite-alloc/${file}';`).join('\n')}
  const modules = { ${wasmFiles.map((file, index) => `'${file}': wasm${index}`).join(', ')} };
  const compile = (file) => modules[file];
  export default {
    fetch: async () => Response.json(await probe({ main, inline, compile, passesWasm: true })),
  };
`;

const workerdConfig = `
  using Workerd = import "/workerd/workerd.capnp";
  const config :Workerd.Config = (
    services = [(name = "main", worker = .worker)],
    sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
  );
  const worker :Workerd.Worker = (
    modules = [
      (name = "main", esModule = embed "workerd.js"),
      ${wasmFiles.map((file) => `(name = "lite-alloc/${file}", wasm = embed "node_modules/lite-alloc/dist/${file}"),`).join('\n')}
    ],
    compatibilityDate = "2026-01-01",
  );
`;

function findBrowsers(): (Host | undefined)[] {
  const webkitPaths = findWebKit();
  const firefoxPath = findFirefox();
  return [
    browser('Chromium', findChromium(), () => openPage),
    browser('Firefox', firefoxPath, (path) => openIn(firefox(path))),
    browser('WebKitGTK', webkitPaths?.browser, () => webkitPaths && openIn(webkit(webkitPaths))),
  ];
}

/** Opens a page, waits for the promise, and closes the browser. */
type OpenPage = (url: string, until: Promise<unknown>) => Promise<void>;

const openPage: OpenPage = async (url, until) => {
  const chromium = await openBrowser();
  try {
    await Promise.all([chromium.visit(url), until]);
  } finally {
    await chromium.close();
  }
};

function openIn(spawned: SpawnedBrowser): OpenPage {
  return async (url, until) => {
    try {
      await spawned.open(url);
      await until;
    } finally {
      await spawned.close();
    }
  };
}

/** A browser, with a page that is not bundled and that posts its results to its server. */
function browser(
  name: string,
  path: string | undefined,
  opener: (path: string) => OpenPage | undefined,
): Host | undefined {
  const open = path && opener(path);
  if (!open) return undefined;
  return {
    name,
    version: versionOf(path),
    async probe(folder) {
      writeProbe(folder, { 'probe.html': pageWith('page.js'), 'page.js': pageLauncher });
      let receive: (body: string) => void = () => {};
      const posted = new Promise<string>((resolve) => {
        receive = resolve;
      });
      const server = await serveFolder(folder, {}, receive);
      try {
        await open(`${server.origin}/probe.html`, withTimeout(posted, name));
        return JSON.parse(await posted) as Check[];
      } finally {
        await server.close();
      }
    },
  };
}

const dist = '/node_modules/lite-alloc/dist';

const pageLauncher = `
  import * as main from '${dist}/index.js';
  import * as inline from '${dist}/inline.js';
  import { probe } from './probe.mjs';
  const compile = (file) => WebAssembly.compileStreaming(fetch('${dist}/' + file));
  const body = JSON.stringify(await probe({ main, inline, compile }));
  await fetch('/results', { method: 'POST', body });
  document.querySelector('output').textContent = 'done';
`;

/** Rejects after some time, so that the browser is closed. */
async function withTimeout(posted: Promise<string>, name: string): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${name} posted no results`)), 100_000);
  });
  await Promise.race([posted, late]);
  clearTimeout(timer);
}

function writeProbe(folder: string, files: Readonly<Record<string, string>>): void {
  mkdirSync(folder, { recursive: true });
  writeFiles(folder, files);
  copyFileSync(fileURLToPath(new URL('probe.mjs', import.meta.url)), join(folder, 'probe.mjs'));
}

function onPath(name: string): string | undefined {
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  return folders.map((folder) => join(folder, name)).find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function versionOf(path: string): string {
  // MiniBrowser needs a display even to print its version.
  const command = path.endsWith('MiniBrowser') ? ['xvfb-run', '-a', path] : [path];
  const [program = path, ...options] = command;
  const { stdout } = spawnSync(program, [...options, '--version'], { encoding: 'utf8' });
  return /\d+(?:[.-]\d+)+/.exec(stdout ?? '')?.[0] ?? 'unknown';
}
