// SPDX-License-Identifier: MIT
//
// Makes heaps from the wasm that is part of the JavaScript.

import bytes from '#wasm';
import { provideCodec } from './blocks/utf8.js';
import { describeObjects } from './heap/describe-objects.js';
import type { Heap } from './heap/heap.js';
import { makeHeap, makeHeapSync, type WasmFile } from './heap/make-heap.js';
import type { HeapOptions } from './heap/options.js';
import { loadModule } from './module/wasm-module.js';
import type { Advice, AdviseOptions, ReplayOptions, ReplayResult } from './replay/types.js';
import type { AllocationTrace } from './traces/trace.js';

let compiled: WebAssembly.Module | undefined;

// Worklets cannot import more files later, so these parts are here from the start.
provideCodec();
describeObjects();

/**
 * Makes a heap with its own memory. It fetches nothing, and compiles the wasm once for all heaps.
 *
 * @throws TypeError, RangeError where an option is wrong.
 * @throws WasmLoadError where the wasm cannot be compiled.
 * @throws OutOfMemoryError where the engine refuses the memory.
 *
 * @example
 * ```ts
 * import { createHeap } from 'lite-alloc/inline';
 *
 * const heap = await createHeap({ maximumBytes: 64 << 20 });
 * console.log(heap.stats().maximumBytes); // 67108864
 * ```
 */
export function createHeap(options?: HeapOptions): Promise<Heap> {
  return makeHeap(options, async (file) => {
    assertInlined(file);
    compiled ??= await loadModule(bytes, false);
    return compiled;
  });
}

/**
 * Makes a heap without a promise, wherever WebAssembly may be compiled synchronously. A debug heap requires that
 * `createHeap` has made one before.
 *
 * @throws TypeError, RangeError where an option is wrong.
 * @throws WasmLoadError where the wasm cannot be compiled, or the debug part is not loaded.
 * @throws OutOfMemoryError where the engine refuses the memory.
 *
 * @example
 * ```ts
 * import { createHeapSync } from 'lite-alloc/inline';
 *
 * const heap = createHeapSync({ strategy: 'free-list' });
 * console.log(heap.strategy); // free-list
 * ```
 */
export function createHeapSync(options?: HeapOptions): Heap {
  return makeHeapSync(options, (file) => {
    assertInlined(file);
    compiled ??= loadModule(bytes, true);
    return compiled;
  });
}

function assertInlined(file: WasmFile): void {
  if (file !== 'region') return;
  throw new TypeError(
    "memory requires the package's lite-alloc.region.wasm as the option wasm, because lite-alloc/inline does not contain it",
  );
}

/**
 * Replays the calls of a trace on fresh heaps of one strategy, and measures time, memory and fragmentation. It
 * pauses several times a second for the event loop.
 *
 * @throws TypeError where `trace` is not an `AllocationTrace`; TypeError, RangeError where an option is wrong.
 * @throws WasmLoadError where the wasm cannot be compiled.
 * @throws OutOfMemoryError where the engine refuses the memory of a heap.
 */
export async function replay(
  trace: AllocationTrace,
  options?: ReplayOptions,
): Promise<ReplayResult> {
  const { replayTrace } = await import('./replay/replay.js');
  return replayTrace(trace, options, createHeap);
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
 * @throws WasmLoadError where the wasm cannot be compiled, or `wasm` has the default strategy alone.
 * @throws OutOfMemoryError where the engine refuses the memory of a heap.
 */
export async function advise(trace: AllocationTrace, options?: AdviseOptions): Promise<Advice[]> {
  const { adviseOnTrace } = await import('./replay/replay.js');
  return adviseOnTrace(trace, options, createHeap);
}
