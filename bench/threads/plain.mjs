// SPDX-License-Identifier: MIT
//
// Threads without a runtime: each is a worker with its own instance of one module, over one shared memory.

import { readFileSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { instantiate } from './instance.mjs';
import { initialPages, maximumPages } from './memory.mjs';

/**
 * The program for one case; `run` resolves once all threads have finished.
 *
 * @param {string} path
 */
export async function loadPlain(path) {
  const memory = new WebAssembly.Memory({
    initial: initialPages,
    maximum: maximumPages,
    shared: true,
  });
  const module = await WebAssembly.compile(readFileSync(path));
  // The first instance initialises the memory, before any other one exists.
  const exports = instantiate(module, memory);
  return {
    exports,
    memory,
    malloc: exports.candidate_malloc,
    free: exports.candidate_free,
    run: (threads) =>
      Promise.all(
        Array.from({ length: threads }, (_, index) => runWorker({ module, memory, index })),
      ),
  };
}

function runWorker(workerData) {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL('plain-worker.mjs', import.meta.url), { workerData });
    worker.once('error', reject);
    worker.once('exit', resolve);
  });
}
