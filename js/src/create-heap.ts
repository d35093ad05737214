// SPDX-License-Identifier: MIT
//
// Heaps from the wasm file that lies beside the JavaScript.

import { type Heap, makeHeap, makeHeapSync, type WasmFile } from './heap.js';
import type { HeapOptions } from './options.js';
import { loadRounds } from './replay.js';
import type { Advice, ReplayOptions, ReplayResult, RoundOptions } from './replay-types.js';
import type { AllocationTrace } from './trace.js';

/** In the form that bundlers look for. */
function packagedWasm(file: WasmFile): URL {
  switch (file) {
    case 'default':
      return new URL('./lite-alloc.wasm', import.meta.url);
    case 'strategies':
      return new URL('./lite-alloc.strategies.wasm', import.meta.url);
    case 'region':
      return new URL('./lite-alloc.region.wasm', import.meta.url);
  }
}

/**
 * A new heap with its own memory, or in a region of another. There is a wasm file for the default strategy,
 * one for the others, and one for regions: each is loaded when it is first needed, and compiled once.
 *
 * @throws TypeError, RangeError where an option is wrong.
 * @throws WasmLoadError where the wasm cannot be had.
 */
export function createHeap(options?: HeapOptions): Promise<Heap> {
  return makeHeap(options, packagedWasm);
}

/**
 * The same without a promise: in Node and in workers; on a browser's main thread after `createHeap`
 * with the same strategy has loaded the wasm once, or with `wasm` as a module or bytes. Outside of Node a
 * debug heap, or one in a region, comes after a first `createHeap` of the kind.
 *
 * @throws TypeError, RangeError where an option is wrong.
 * @throws WasmLoadError where the wasm, or what such heaps need, cannot be had without a promise.
 */
export function createHeapSync(options?: HeapOptions): Heap {
  return makeHeapSync(options, packagedWasm);
}

/**
 * Makes the calls of a trace on fresh heaps of one strategy, and tells what they cost. The event loop
 * gets its turn several times a second.
 *
 * @throws TypeError, RangeError where an option is wrong.
 * @throws WasmLoadError where the wasm cannot be had.
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
 * @throws WasmLoadError where the wasm cannot be had, or `wasm` has the default strategy alone.
 */
export async function advise(trace: AllocationTrace, options?: RoundOptions): Promise<Advice[]> {
  const rounds = await loadRounds(createHeap);
  return rounds.advise(trace, options, rounds.entry);
}
