// SPDX-License-Identifier: MIT
//
// Makes heaps: loads what they need, and asks the engine for memory.

import { OutOfMemoryError, wrapFailure } from '../core/errors.js';
import { getPart, loadPart } from '../core/lazy-part.js';
import { defaultStrategy } from '../core/strategies.js';
import { pageBytes } from '../core/units.js';
import { cure, loadModule, type WasmSource } from '../module/wasm-module.js';
import { Heap } from './heap.js';
import type { HeapMemory } from './heap-blocks.js';
import { debugPart, regionPart } from './lazy-parts.js';
import { markClasses } from './mark-classes.js';
import { type HeapOptions, type HeapPlan, planHeap } from './options.js';

markClasses();

/** A wasm file of the package: with the default strategy alone, with all strategies, or for regions. */
export type WasmFile = 'default' | 'strategies' | 'region';

/** Scripts that are not modules have no address for `packagedWasm`, and audio worklets have no `URL`. */
function findWasm<Source>(
  { region, strategy }: HeapPlan,
  packagedWasm: (file: WasmFile) => Source,
): Source {
  return wrapFailure(`cannot find the wasm here: ${cure}`, () => {
    if (region !== undefined) return packagedWasm('region');
    return packagedWasm(strategy === defaultStrategy ? 'default' : 'strategies');
  });
}

/** Makes a heap from the option `wasm`; without that, from what `packagedWasm` returns. */
export async function makeHeap(
  options: HeapOptions | undefined,
  packagedWasm: (file: WasmFile) => WasmSource | Promise<WasmSource>,
): Promise<Heap> {
  const plan = planHeap(options);
  if (plan.debug !== false) await loadPart(debugPart);
  if (plan.region !== undefined) await loadPart(regionPart);
  const make = prepareHeap(plan);
  const wasm =
    plan.wasm === undefined
      ? await findWasm(plan, packagedWasm)
      : await wrapFailure('wasm: the promise was rejected', async () => plan.wasm as WasmSource);
  const module = await loadModule(wasm, false);
  const memory = requestMemory(plan);
  // The engine may have no address space left, held by unreachable heaps. It collects them between tasks.
  if (memory === undefined) await nextTask();
  return make(module, memory ?? findLargestMemory(plan));
}

/** Does the same without a promise. */
export function makeHeapSync(
  options: HeapOptions | undefined,
  packagedWasm: (file: WasmFile) => WasmSource,
): Heap {
  const plan = planHeap(options);
  const wasm = plan.wasm as WasmSource | undefined;
  if (wasm !== undefined && 'then' in Object(wasm)) {
    throw new TypeError('wasm: a promise requires createHeap, which can wait for it');
  }
  const make = prepareHeap(plan);
  const module = loadModule(wasm === undefined ? findWasm(plan, packagedWasm) : wasm, true);
  return make(module, requestMemory(plan) ?? findLargestMemory(plan));
}

/** Returns a function that makes the heap. Throws `WasmLoadError` where a lazily loaded part is missing. */
function prepareHeap(plan: HeapPlan): (module: WebAssembly.Module, memory: HeapMemory) => Heap {
  const { debug, region } = plan;
  const makeDebugLayer = debug === false ? undefined : getPart(debugPart).planDebug(debug);
  const openRegion = region && getPart(regionPart).planRegion(region);
  return (module, memory) => new Heap(plan, memory, module, makeDebugLayer, openRegion);
}

/** Waits for the next task. Worklets have no timers, so they continue at once. */
function nextTask(): Promise<void> {
  return new Promise((resolve) => {
    typeof setTimeout === 'function' ? setTimeout(resolve) : resolve();
  });
}

/** Returns the memory that the options ask for; undefined where the engine refuses it. */
function requestMemory({ region, initialPages, maximumPages }: HeapPlan): HeapMemory | undefined {
  if (region === undefined) return reserveMemory(initialPages, maximumPages);
  const { memory, start, end } = region;
  return { memory, regionBytes: end - start, maximumBytes: end - start };
}

/** Returns a memory with the largest maximum that the engine grants. Some engines refuse to reserve gigabytes. */
function findLargestMemory({ initialPages, maximumPages }: HeapPlan): HeapMemory {
  // The smallest memory is tried first: if the engine refuses that, it refuses every memory, and each refusal takes
  // long.
  const least = reserveMemory(initialPages, initialPages);
  if (least === undefined) {
    throw new OutOfMemoryError(
      initialPages * pageBytes,
      0,
      maximumPages * pageBytes,
      'the engine refuses another memory; dispose heaps that are no longer used',
    );
  }
  for (let pages = maximumPages; pages > initialPages; pages >>>= 1) {
    const granted = reserveMemory(initialPages, pages);
    if (granted !== undefined) return granted;
  }
  return least;
}

function reserveMemory(initialPages: number, maximumPages: number): HeapMemory | undefined {
  try {
    const memory = new WebAssembly.Memory({ initial: initialPages, maximum: maximumPages });
    return { memory, maximumBytes: maximumPages * pageBytes };
  } catch (error) {
    // The error may be of another realm, where `RangeError` is another class.
    if ((error as Error).name !== 'RangeError') throw error;
    return undefined;
  }
}
