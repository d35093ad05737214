// SPDX-License-Identifier: MIT
//
// What every entry of the package exports.

export type { HeapArray, TypedArray, TypedArrayConstructor, TypedArrays } from './blocks.js';
export {
  DoubleFreeError,
  type ErrorCode,
  HeapCorruptionError,
  InvalidFreeError,
  LiteAllocError,
  OutOfMemoryError,
  UseAfterFreeError,
  WasmLoadError,
} from './errors.js';
export type {
  ArrayOptions,
  Heap,
  HeapBlock,
  HeapStats,
} from './heap.js';
export { type HeapOptions, type Strategy, strategies } from './options.js';
export type { WasmSource } from './wasm-module.js';
