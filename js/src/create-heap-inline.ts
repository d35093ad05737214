// SPDX-License-Identifier: MIT
//
// Heaps from the wasm that is part of the JavaScript.

import bytes from '#wasm';
import { describeObjects } from './describe.js';
import { type Heap, makeHeap, makeHeapSync, type WasmFile } from './heap.js';
import type { HeapOptions } from './options.js';
import { loadRounds } from './replay.js';
import type { Advice, ReplayOptions, ReplayResult, RoundOptions } from './replay-types.js';
import { codecs } from './strings.js';
import type { AllocationTrace } from './trace.js';
import { codec } from './utf8.js';
import { loadModule, loadModuleSync } from './wasm-module.js';

let compiled: WebAssembly.Module | undefined;

// Worklets import nothing later.
codecs.push(codec);
describeObjects();

/**
 * A new heap with its own memory. Nothing is fetched; the wasm is compiled once for all heaps.
 *
 * @throws TypeError, RangeError where an option is wrong.
 * @throws WasmLoadError where the wasm cannot be compiled.
 */
export function createHeap(options?: HeapOptions): Promise<Heap> {
  return makeHeap(options, async (file) => {
    assertInlined(file);
    compiled ??= await loadModule(bytes);
    return compiled;
  });
}

/**
 * The same without a promise, wherever WebAssembly may be compiled at once. With `debug` after
 * `createHeap({ debug: true })`.
 *
 * @throws TypeError, RangeError where an option is wrong.
 * @throws WasmLoadError where the wasm cannot be compiled, or what debug heaps need is not there.
 */
export function createHeapSync(options?: HeapOptions): Heap {
  return makeHeapSync(options, (file) => {
    assertInlined(file);
    compiled ??= loadModuleSync(bytes);
    return compiled;
  });
}

function assertInlined(file: WasmFile): void {
  if (file !== 'region') return;
  throw new TypeError(
    "memory needs the package's lite-alloc.region.wasm as the option wasm: it is not inlined",
  );
}

/**
 * Makes the calls of a trace on fresh heaps of one strategy, and tells what they cost. The event loop
 * gets its turn several times a second.
 *
 * @throws TypeError, RangeError where an option is wrong.
 * @throws WasmLoadError where the wasm cannot be compiled.
 */
export async function replay(
  trace: AllocationTrace,
  options?: ReplayOptions,
): Promise<ReplayResult> {
  const rounds = await loadRounds(createHeap);
  return rounds.replay(trace, options, rounds.entry);
}

/**
 * Replays a trace on every strategy and ranks them, the best first.
 *
 * The score of a strategy is the geometric mean of its time over the least time and of its memory over the
 * least memory. Of equal scores, to two digits, less memory goes first, then the strategy whose calls have
 * the better bounds. Last come those that ran out of memory or time, by how far they got.
 *
 * @throws TypeError, RangeError where an option is wrong.
 * @throws WasmLoadError where the wasm cannot be compiled, or `wasm` has the default strategy alone.
 */
export async function advise(trace: AllocationTrace, options?: RoundOptions): Promise<Advice[]> {
  const rounds = await loadRounds(createHeap);
  return rounds.advise(trace, options, rounds.entry);
}
