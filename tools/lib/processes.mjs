// SPDX-License-Identifier: MIT
//
// Runs commands, several at a time.

import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../..', import.meta.url));
export const cores = availableParallelism();

/** Runs `task` for every item, `count` at a time. Resolves with the results in the items' order. */
export async function runAtOnce(items, task, count = cores) {
  const waiting = [...items.entries()];
  const done = [];
  const runWaiting = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const [index, item] = next;
      done[index] = await task(item);
    }
  };
  await Promise.all(Array.from({ length: count }, runWaiting));
  return done;
}

/**
 * Runs a command in `folder` and kills it after `timeout` seconds, unless that is 0. Calls `onText` with each piece of
 * its output. Resolves with everything that the command printed and with its exit status, which is null if a signal
 * ended it.
 */
export function run(
  command,
  commandArguments,
  { environment = {}, timeout = 0, folder = root, onText = () => {} } = {},
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
        onText(text);
      });
    }
    child.on('error', (error) => {
      output += error.message;
    });
    child.on('close', (status, signal) => {
      if (signal !== null) output += `\n${command} was killed by ${signal}\n`;
      resolve({ status, output });
    });
  });
}

/** The files that git tracks and those that it would track, below the root, without deleted ones. */
export function listFiles() {
  const listed = spawnSync(
    'git',
    ['ls-files', '--cached', '--others', '--exclude-standard', '-z'],
    {
      cwd: root,
      encoding: 'utf8',
      maxBuffer: 1 << 26,
    },
  );
  if (listed.status !== 0) throw new Error(`git ls-files failed: ${listed.stderr}`);
  return listed.stdout.split('\0').filter((file) => file !== '' && existsSync(join(root, file)));
}
