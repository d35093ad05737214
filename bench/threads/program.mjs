// SPDX-License-Identifier: MIT
//
// A module with workloads and an allocator, loaded into this process, and what its threads found.

import { loadPlain } from './plain.mjs';
import { loadPthread } from './pthread.mjs';

/** @typedef {{ workload: number, threads: number, low: number, high: number }} Work */

/** @param {'plain' | 'pthread'} kind */
export async function load(kind, path) {
  const program = await (kind === 'plain' ? loadPlain(path) : loadPthread(path));
  const { exports } = program;
  explainCrashes(exports);
  return {
    ...program,
    /** Resolves once all threads have run a workload, to what each of them found. */
    measure: async ({ workload, threads, low, high }, { warmUp, milliseconds }) => {
      exports.bench_choose(workload, threads, low, high, warmUp, milliseconds);
      await program.run(threads);
      return Array.from({ length: threads }, (_, index) => ({
        operations: exports.bench_operations(index),
        milliseconds: exports.bench_milliseconds(index),
        frees: exports.bench_frees(index),
        remoteFrees: exports.bench_remote_frees(index),
        wrongBlocks: exports.bench_wrong_blocks(index),
      }));
    },
  };
}

/** Ends the process with one line when a thread has crashed. */
function explainCrashes(exports) {
  process.on('uncaughtException', (error) => {
    const reason = exports.bench_out_of_memory() === 0 ? error.stack : 'Error: malloc returned 0';
    process.stderr.write(`${reason}\n`, () => process.exit(1));
  });
}
