// SPDX-License-Identifier: MIT
//
// What every entry of the package exports.

export type { Allocator } from './allocator.js';
export type { Arena, ArenaOptions } from './arena.js';
export type { Alignment, ArrayOptions } from './arguments.js';
export type { HeapArray, HeapHandle, LeakedHandle } from './blocks.js';
export type { DebugOptions } from './debug-layer.js';
export {
  type BlockFacts,
  DoubleFreeError,
  type ErrorCode,
  HeapCorruptionError,
  InvalidFreeError,
  LeakError,
  LiteAllocError,
  type LiveBlock,
  OutOfMemoryError,
  TraceError,
  UseAfterFreeError,
  WasmLoadError,
} from './errors.js';
export type { GrowthListener } from './growth.js';
export type { Heap } from './heap.js';
export type { HeapBlock } from './heap-functions.js';
export type { ReadOptions, TraceSource } from './operations.js';
export { type HeapOptions, type Strategy, strategies } from './options.js';
export type { Recorder, RecordOptions } from './recorder.js';
export type { Advice, ReplayOptions, ReplayResult, RoundOptions } from './replay-types.js';
export type { Scope } from './scope.js';
export type { HeapStats } from './sight.js';
export type { HeapDiff, HeapSnapshot } from './snapshot.js';
export type { HeapString } from './strings.js';
export { AllocationTrace } from './trace.js';
export type {
  Elements,
  TypedArray,
  TypedArrayConstructor,
  TypedArrays,
} from './typed-arrays.js';
export type { WasmSource } from './wasm-module.js';
