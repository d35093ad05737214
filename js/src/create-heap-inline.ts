// SPDX-License-Identifier: MIT
//
// Heaps from the wasm that is part of the JavaScript.

import bytes from '#wasm';
import { type Heap, makeHeap, makeHeapSync } from './heap.js';
import type { HeapOptions } from './options.js';
import { loadModule, loadModuleSync } from './wasm-module.js';

let compiled: WebAssembly.Module | undefined;

/**
 * A new heap with its own memory. Nothing is fetched; the wasm is compiled once for all heaps.
 *
 * @throws TypeError, RangeError where an option is wrong.
 * @throws WasmLoadError where the wasm cannot be compiled.
 */
export function createHeap(options?: HeapOptions): Promise<Heap> {
  return makeHeap(options, async () => {
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
  return makeHeapSync(options, () => {
    compiled ??= loadModuleSync(bytes);
    return compiled;
  });
}
