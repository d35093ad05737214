// SPDX-License-Identifier: MIT
//
// Makes heaps from the wasm files that lie beside the JavaScript.

import { loadPart } from './core/lazy-part.js';
import type { Heap } from './heap/heap.js';
import { makeHeap, makeHeapSync, type WasmFile } from './heap/make-heap.js';
import type { HeapOptions } from './heap/options.js';
import { replayPart } from './replay/replay-part.js';
import type { Advice, AdviseOptions, ReplayOptions, ReplayResult } from './replay/types.js';
import type { AllocationTrace } from './traces/trace.js';

/** Returns the URL of a wasm file, in the form that bundlers recognise. */
function packagedWasm(file: WasmFile): URL {
  if (file === 'default') return new URL('./lite-alloc.wasm', import.meta.url);
  return file === 'region'
    ? new URL('./lite-alloc.region.wasm', import.meta.url)
    : new URL('./lite-alloc.strategies.wasm', import.meta.url);
}

/**
 * Makes a heap with its own memory, or in a region of another memory. The package has a wasm file for the default
 * strategy, one for all strategies, and one for regions. Each is loaded when it is first needed, and compiled once.
 *
 * @throws TypeError, RangeError where an option is wrong.
 * @throws WasmLoadError where the wasm cannot be loaded.
 * @throws OutOfMemoryError where the engine refuses the memory.
 *
 * @example
 * ```ts
 * import { createHeap } from 'lite-alloc';
 *
 * const heap = await createHeap({ maximumBytes: 64 << 20 });
 * const positions = heap.array(Float32Array, 3000);
 * positions.view[0] = 1.5;
 * console.log(positions.view[0], positions.byteLength); // 1.5 12000
 * positions.free();
 * ```
 */
export function createHeap(options?: HeapOptions): Promise<Heap> {
  return makeHeap(options, packagedWasm);
}

/**
 * Makes a heap without a promise, in Node and in workers. On a browser's main thread it requires that `createHeap`
 * has loaded the wasm of the same strategy, or the option `wasm` as a module or bytes. Outside of Node, a debug
 * heap or a heap in a region requires the import of `lite-alloc/debug` or `lite-alloc/region`, or that `createHeap` has
 * made a heap of that kind.
 *
 * @throws TypeError, RangeError where an option is wrong.
 * @throws WasmLoadError where the wasm, or a part that such a heap needs, cannot be loaded without a promise.
 * @throws OutOfMemoryError where the engine refuses the memory.
 *
 * @example
 * ```ts
 * import { createHeapSync } from 'lite-alloc';
 *
 * const heap = createHeapSync({ strategy: 'free-list' });
 * console.log(heap.strategy); // free-list
 * ```
 */
export function createHeapSync(options?: HeapOptions): Heap {
  return makeHeapSync(options, packagedWasm);
}

/**
 * Replays the calls of a trace on fresh heaps of one strategy, and measures time, memory and fragmentation. It
 * pauses several times a second for the event loop.
 *
 * @throws TypeError where `trace` is not an `AllocationTrace`; TypeError, RangeError where an option is wrong.
 * @throws WasmLoadError where the wasm cannot be loaded.
 * @throws OutOfMemoryError where the engine refuses the memory of a heap.
 *
 * @example
 * ```ts
 * const recorder = heap.record();
 * heap.free(heap.malloc(64));
 * const result = await replay(recorder.stop(), { strategy: 'free-list' });
 * console.log(result.operations, result.peakLiveBytes, result.failures); // 2 64 0
 * ```
 */
export async function replay(
  trace: AllocationTrace,
  options?: ReplayOptions,
): Promise<ReplayResult> {
  return (await loadPart(replayPart)).replayTrace(trace, options, createHeap);
}

/**
 * Replays a trace on every strategy and ranks them, the best first.
 *
 * The score of a strategy is the geometric mean of two ratios: its time to the least time, and its memory to the least
 * memory. If scores are equal to two digits, the strategy with less memory is first, then the one whose calls have the
 * better time bounds. Strategies that ran out of memory or time are last, in the order of the number of calls that they
 * completed.
 *
 * @throws TypeError where `trace` is not an `AllocationTrace`; TypeError, RangeError where an option is wrong.
 * @throws WasmLoadError where the wasm cannot be loaded, or `wasm` has the default strategy alone.
 * @throws OutOfMemoryError where the engine refuses the memory of a heap.
 *
 * @example
 * ```ts
 * const recorder = heap.record();
 * heap.free(heap.malloc(64));
 * const ranking = await advise(recorder.stop());
 * console.log(ranking.length, ranking[0]?.result.failures); // 4 0
 * ```
 */
export async function advise(trace: AllocationTrace, options?: AdviseOptions): Promise<Advice[]> {
  return (await loadPart(replayPart)).adviseOnTrace(trace, options, createHeap);
}
