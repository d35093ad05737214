// SPDX-License-Identifier: MIT
//
// The names that every entry of the package exports, apart from its own functions.

export type { Allocator } from './blocks/allocator.js';
export type { Arena, ArenaOptions } from './blocks/arena.js';
export type { HeapHandle } from './blocks/handle.js';
export type { HeapArray } from './blocks/heap-array.js';
export type { HeapString } from './blocks/heap-string.js';
export type { LeakedHandle } from './blocks/lost-handles.js';
export type { Scope } from './blocks/scope.js';
export {
  type BlockDetails,
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
} from './core/errors.js';
export { type Strategy, strategies } from './core/strategies.js';
export type {
  Elements,
  TypedArray,
  TypedArrayConstructor,
  TypedArrays,
} from './core/typed-arrays.js';
export type { Alignment, ArrayOptions } from './core/validate.js';
export type { DebugOptions } from './debug/types.js';
export type { GrowthListener, GrowthOptions, Subscription } from './heap/growth.js';
export type { Heap } from './heap/heap.js';
export type { HeapOptions } from './heap/options.js';
export type { HeapDiff, HeapSnapshot } from './inspect/snapshot.js';
export type { HeapStats } from './inspect/stats.js';
export type { HeapBlock } from './module/heap-functions.js';
export type { WasmSource } from './module/wasm-module.js';
export type { Advice, AdviseOptions, ReplayOptions, ReplayResult } from './replay/types.js';
export type { ReadOptions, TraceSource } from './traces/operations.js';
export type { Recorder, RecordOptions } from './traces/recorder.js';
export { AllocationTrace } from './traces/trace.js';
