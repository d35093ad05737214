// SPDX-License-Identifier: MIT
//
// Heaps from the wasm file that lies beside the JavaScript.

import { type Heap, makeHeap, makeHeapSync } from './heap.js';
import type { HeapOptions } from './options.js';

/** In the form that bundlers look for. */
const packagedWasm = (): URL => new URL('./lite-alloc.wasm', import.meta.url);

/**
 * A new heap with its own memory. The wasm is loaded and compiled once for all heaps.
 *
 * @throws TypeError, RangeError where an option is wrong.
 * @throws WasmLoadError where the wasm cannot be had.
 */
export function createHeap(options?: HeapOptions): Promise<Heap> {
  return makeHeap(options, packagedWasm);
}

/**
 * The same without a promise: in Node and in workers; on a browser's main thread after `createHeap`
 * has loaded the wasm once, or with `wasm` as a module or bytes. With `debug` outside of Node after
 * `createHeap({ debug: true })`.
 *
 * @throws TypeError, RangeError where an option is wrong.
 * @throws WasmLoadError where the wasm, or what debug heaps need, cannot be had without a promise.
 */
export function createHeapSync(options?: HeapOptions): Heap {
  return makeHeapSync(options, packagedWasm);
}
