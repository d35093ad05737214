// SPDX-License-Identifier: MIT
//
// Threads of a program that Emscripten built with -pthread.

import { setTimeout as wait } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';

/**
 * The program for one case; `run` resolves once all threads have finished. Meanwhile the main thread sleeps: it serves
 * what Emscripten's threads ask it for.
 *
 * @param {string} path
 */
export async function loadPthread(path) {
  const { default: create } = await import(pathToFileURL(path).href);
  const module = await create();
  const exports = new Proxy(module, { get: (target, name) => target[`_${String(name)}`] });
  return {
    exports,
    memory: module.wasmMemory,
    malloc: module._malloc,
    free: module._free,
    run: async (threads) => {
      const failure = module._bench_start(threads);
      if (failure !== 0) throw new Error(`pthread_create failed with ${failure}.`);
      while (module._bench_finished() < threads) await wait(2);
    },
  };
}
