// SPDX-License-Identifier: MIT
//
// Applications that use the packed package, each in its own folder, as the application of a user is.

import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { writeFiles } from './consumer.js';
import { repository } from './sources.js';

/** Makes an application with the package installed and with links to tools of this repository; returns its folder. */
export function makeApp(
  consumerFolder: string,
  name: string,
  files: Readonly<Record<string, string>>,
  tools: readonly string[] = [],
): string {
  const folder = join(consumerFolder, '..', 'apps', name);
  const modules = join(folder, 'node_modules');
  cpSync(join(consumerFolder, 'node_modules', 'lite-alloc'), join(modules, 'lite-alloc'), {
    recursive: true,
  });
  for (const tool of tools) {
    const link = join(modules, tool);
    mkdirSync(dirname(link), { recursive: true });
    symlinkSync(join(repository, 'node_modules', tool), link);
  }
  writeFiles(folder, { 'package.json': '{ "private": true, "type": "module" }\n', ...files });
  return folder;
}

/** Runs shell commands in `folder`, with the tools of this repository on the path. Throws their output if they fail. */
export function runShell(folder: string, commands: string): void {
  const { status, stdout, stderr } = spawnSync('sh', ['-e'], {
    cwd: folder,
    input: commands,
    encoding: 'utf8',
    env: {
      ...process.env,
      NODE_ENV: '',
      PATH: `${join(repository, 'node_modules', '.bin')}:${process.env['PATH']}`,
    },
  });
  if (status !== 0) throw new Error(`${commands}: status ${status}\n${stdout}${stderr}`);
}

/** The files below a folder, sorted. */
export function listFiles(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .toSorted();
}
