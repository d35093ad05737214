// SPDX-License-Identifier: MIT

import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { repository } from './sources.js';

/** Runs a command with the project's Emscripten and returns its output. Throws if the command fails. */
export function emscripten(folder: string, ...command: string[]): string {
  const { status, stdout, stderr } = spawnSync(join(repository, 'tools', 'emscripten'), command, {
    cwd: folder,
    encoding: 'utf8',
    maxBuffer: 1 << 26,
    timeout: 380_000,
  });
  if (status !== 0) throw new Error(`${command.join(' ')}: status ${status}\n${stdout}${stderr}`);
  return stdout;
}

/** Configures a CMake project and builds some of its targets. */
export function buildWithCmake(
  source: string,
  build: string,
  settings: Readonly<Record<string, string>>,
  targets: readonly string[],
): void {
  const definitions = Object.entries(settings).map(([name, value]) => `-D${name}=${value}`);
  emscripten(source, 'emcmake', 'cmake', '-S', source, '-B', build, ...definitions);
  emscripten(source, 'cmake', '--build', build, '--parallel', '2', '--target', ...targets);
}
