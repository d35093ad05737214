// SPDX-License-Identifier: MIT
//
// Commands that run side by side.

import { spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('..', import.meta.url));
export const cores = availableParallelism();

/** Runs `task` for every item, as many at a time as there are cores; the results in the items' order. */
export async function runAtOnce(items, task) {
  const waiting = [...items.entries()];
  const done = [];
  const runWaiting = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const [index, item] = next;
      done[index] = await task(item);
    }
  };
  await Promise.all(Array.from({ length: cores }, runWaiting));
  return done;
}

/**
 * Runs a command in `folder`, for `timeout` seconds at most if that is not 0. Resolves with its status, null
 * where it was ended by a signal, and all that it printed.
 */
export function run(
  command,
  commandArguments,
  { environment = {}, timeout = 0, folder = root } = {},
) {
  const child = spawn(command, commandArguments, {
    cwd: folder,
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: timeout * 1000,
    killSignal: 'SIGKILL',
  });
  return new Promise((resolve) => {
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text) => {
        output += text;
      });
    }
    child.on('error', (error) => {
      output += error.message;
    });
    child.on('close', (status, signal) => {
      if (signal !== null) output += `\n${command} was ended by ${signal}\n`;
      resolve({ status, output });
    });
  });
}
