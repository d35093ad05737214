// SPDX-License-Identifier: MIT
//
// Makes heaps from the wasm that is part of the JavaScript.

import { provideCodec } from './blocks/utf8.js';
import { WasmLoadError, wrapFailure } from './core/errors.js';
import type { WasmBytes } from './core/host-types.js';
import { loadPart } from './core/lazy-part.js';
import { describeObjects } from './heap/describe-objects.js';
import type { Heap } from './heap/heap.js';
import { makeHeap, makeHeapSync, type WasmFile } from './heap/make-heap.js';
import type { HeapOptions } from './heap/options.js';
import { useSystemRandom } from './module/node-random.js';
import { strategiesWasm } from './module/strategies-wasm.js';
import { replayPart } from './replay/replay-part.js';
import type { Advice, AdviseOptions, ReplayOptions, ReplayResult } from './replay/types.js';
import type { AllocationTrace } from './traces/trace.js';

interface InlinedWasm {
  /** Returns the bytes. */
  readonly decode: () => WasmBytes;
  /** A failed compilation is removed, so that the next heap tries again. */
  compiling?: Promise<WebAssembly.Module> | undefined;
  module?: WebAssembly.Module;
}

const strategies: InlinedWasm = { decode: strategiesWasm };
let region: InlinedWasm | undefined;

/** Lets heaps in regions use this wasm. The entries for regions call it. */
export function inlineRegionWasm(decode: () => WasmBytes): void {
  region ??= { decode };
}

// Worklets cannot import more files later, so these parts are here from the start.
provideCodec();
describeObjects();
// The entry for Node uses this file, too.
useSystemRandom();

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
  return makeHeap(options, (file) => {
    const wasm = inlinedWasm(file);
    if (wasm.module !== undefined) return wasm.module;
    wasm.compiling ??= compile(wasm);
    return wasm.compiling;
  });
}

/**
 * Makes a heap without a promise, wherever WebAssembly may be compiled synchronously. A debug heap or a
 * heap in a region requires the import of `lite-alloc/inline/debug` or `lite-alloc/inline/region`, or that `createHeap`
 * has made a heap of that kind.
 *
 * @throws TypeError, RangeError where an option is wrong.
 * @throws WasmLoadError where the wasm cannot be compiled, or the code for such a heap is not loaded.
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
    const wasm = inlinedWasm(file);
    wasm.module ??= wrapFailure(refusal, () => new WebAssembly.Module(wasm.decode()));
    return wasm.module;
  });
}

const refusal =
  "this host does not compile WebAssembly from bytes: pass wasm as a compiled module, or allow 'wasm-unsafe-eval' in the content security policy";

function compile(wasm: InlinedWasm): Promise<WebAssembly.Module> {
  const compiling = wrapFailure(refusal, () => WebAssembly.compile(wasm.decode()));
  compiling.then(
    (module) => {
      wasm.module ??= module;
    },
    () => {
      wasm.compiling = undefined;
    },
  );
  return compiling;
}

function inlinedWasm(file: WasmFile): InlinedWasm {
  const wasm = file === 'region' ? region : strategies;
  if (wasm !== undefined) return wasm;
  throw new WasmLoadError(
    'lite-alloc/inline has no wasm for a heap in a region: import lite-alloc/inline/region, or pass lite-alloc/lite-alloc.region.wasm as wasm',
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
 * @throws WasmLoadError where the wasm cannot be compiled, or `wasm` has the default strategy alone.
 * @throws OutOfMemoryError where the engine refuses the memory of a heap.
 */
export async function advise(trace: AllocationTrace, options?: AdviseOptions): Promise<Advice[]> {
  return (await loadPart(replayPart)).adviseOnTrace(trace, options, createHeap);
}
