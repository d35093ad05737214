// SPDX-License-Identifier: MIT

import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const tsc = fileURLToPath(new URL('../../node_modules/typescript/bin/tsc', import.meta.url));

/** Writes files of a program that uses the package, by path below `folder`. */
export function writeFiles(folder: string, files: Readonly<Record<string, string>>): void {
  for (const [path, text] of Object.entries(files)) {
    const file = join(folder, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  }
}

/** Runs Node and returns its output without white space at the ends. Throws all output if it fails. */
export function runNode(folder: string, ...nodeArguments: string[]): string {
  const { status, stdout, stderr } = spawnSync(process.execPath, nodeArguments, {
    cwd: folder,
    encoding: 'utf8',
    timeout: 100_000,
  });
  if (status !== 0)
    throw new Error(`node ${nodeArguments.join(' ')}: status ${status}\n${stdout}${stderr}`);
  return stdout.trim();
}

/** Runs the TypeScript compiler and returns the lines of its error messages. */
export function runTypeScript(folder: string, ...tscArguments: string[]): string[] {
  const { stdout } = spawnSync(process.execPath, [tsc, '--pretty', 'false', ...tscArguments], {
    cwd: folder,
    encoding: 'utf8',
  });
  return stdout.split('\n').filter((line) => line !== '');
}
