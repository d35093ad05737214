// SPDX-License-Identifier: MIT

import { assertBytes, assertOptions, assertType, mustBe } from './arguments.js';
import type { LeakedHandle } from './blocks.js';
import type { DebugOptions } from './debug-layer.js';
import { warnOfLeak } from './leak-net.js';
import type { Region } from './region.js';
import { show } from './values.js';
import { canStopDetaching } from './views.js';
import { maximumPages, minimumPages, type WasmSource } from './wasm-module.js';

/** The names of the allocation strategies. */
export const strategies = [
  'bump-free-list',
  'segregated-bump',
  'free-list',
  'segregated-fit',
] as const;

export type Strategy = (typeof strategies)[number];

/** The one that `lite-alloc.wasm` has. */
export const defaultStrategy: Strategy = 'segregated-fit';

export interface HeapOptions {
  /** How blocks are found and kept. Default: `'segregated-fit'`. */
  strategy?: Strategy;
  /** The size of the memory at the start, in bytes, rounded up to pages of 65 536. Default: 262 144. */
  initialBytes?: number;
  /**
   * What the memory can grow to, in bytes, rounded up to pages; at most 4 GiB. Default: 2 GiB. Where
   * the platform refuses, half of it is tried, and so on: `stats().maximumBytes` tells what it became.
   */
  maximumBytes?: number;
  /**
   * The package's wasm file where it cannot be found beside its JavaScript: compiled, as bytes, as a
   * URL, or as a response that is being fetched. `lite-alloc.wasm` has the default strategy alone,
   * `lite-alloc.strategies.wasm` has all.
   */
  wasm?: WasmSource | PromiseLike<WasmSource>;
  /**
   * Puts the heap into the memory of other code: it uses the bytes from `start` to `end`, rounded inwards
   * to multiples of 16, touches none outside, and never grows. All of them are cleared first. The start
   * of the region holds the heap's own state, some 5 KiB. Several heaps may lie in one memory. A heap
   * whose region overlaps that of a live heap ends the older one: its handles are dead, and its calls
   * throw `UseAfterFreeError`. `wasm` is then the package's `lite-alloc.region.wasm`.
   */
  memory?: WebAssembly.Memory;
  /** The first byte of the region in `memory`. */
  start?: number;
  /** The byte behind the last of the region in `memory`. */
  end?: number;
  /**
   * Makes memory a resizable buffer, so that views stay valid when it grows: also those that you keep.
   * They are some times slower than others, and WebGL and other interfaces refuse them. Chrome 144,
   * Firefox 145, Safari 26.2, Node 26 or newer. Default: false.
   */
  stableViews?: boolean;
  /**
   * Is told of each handle that was collected as garbage while it was alive; its block was freed just
   * before. Default: a warning on the console.
   */
  onLeak?: (leak: LeakedHandle) => void;
  /**
   * Whether blocks are watched: for what is written beside or after them, freed wrongly, or never.
   * Calls take longer and blocks more memory then. The bump strategies never join free blocks, which the
   * watching changes in size and order: there blocks lie as in `'segregated-fit'`. Default: false; true is
   * `{}`.
   */
  debug?: boolean | DebugOptions;
}

/** Checked options, in pages. */
export interface HeapPlan {
  readonly strategy: Strategy;
  /** Undefined for a heap with its own memory. */
  readonly region: Region | undefined;
  readonly initialPages: number;
  readonly maximumPages: number;
  readonly wasm: WasmSource | PromiseLike<WasmSource> | undefined;
  readonly stableViews: boolean;
  readonly onLeak: (leak: LeakedHandle) => void;
  /** Checked where debug heaps are made. */
  readonly debug: boolean | DebugOptions;
}

const pageBytes = 65536;
const defaultInitialBytes = 4 * pageBytes;
const defaultMaximumBytes = 2 ** 31;
const knownOptions = [
  'strategy',
  'initialBytes',
  'maximumBytes',
  'wasm',
  'memory',
  'start',
  'end',
  'stableViews',
  'onLeak',
  'debug',
];

/** Fills in defaults. A bad option is a `TypeError` or `RangeError` that names it and its value. */
export function planHeap(options: HeapOptions = {}): HeapPlan {
  assertOptions(options, knownOptions);
  const maximumBytes = options.maximumBytes ?? defaultMaximumBytes;
  const maximum = toPages('maximumBytes', maximumBytes, maximumPages);
  const initialBytes = options.initialBytes ?? Math.min(defaultInitialBytes, maximumBytes);
  const initial = toPages('initialBytes', initialBytes, maximumPages);
  if (initial > maximum) {
    throw new RangeError(`initialBytes ${initialBytes} is more than maximumBytes ${maximumBytes}`);
  }
  return {
    strategy: toStrategy(options.strategy ?? defaultStrategy),
    region: planRegion(options),
    initialPages: initial,
    maximumPages: maximum,
    wasm: options.wasm,
    stableViews: toStableViews(options.stableViews ?? false),
    onLeak: toListener(options.onLeak ?? warnOfLeak),
    debug: options.debug ?? false,
  };
}

function planRegion({ memory, ...options }: HeapOptions): Region | undefined {
  const isRegion = memory !== undefined;
  const misplaced = isRegion
    ? (['initialBytes', 'maximumBytes', 'stableViews'] as const)
    : (['start', 'end'] as const);
  for (const name of misplaced) {
    if (options[name] === undefined) continue;
    throw new TypeError(
      `${name} cannot go with${isRegion ? '' : 'out'} memory, got ${show(options[name])}`,
    );
  }
  // Checked where regions are opened.
  return isRegion
    ? { memory, start: options.start as number, end: options.end as number }
    : undefined;
}

function toPages(name: string, bytes: number, mostPages: number): number {
  assertBytes(name, bytes, 0, mostPages * pageBytes);
  return Math.max(Math.ceil(bytes / pageBytes), minimumPages);
}

function toStrategy(strategy: Strategy): Strategy {
  assertType('strategy', strategy, 'string');
  if (!strategies.includes(strategy)) {
    throw new RangeError(mustBe('strategy', `one of ${strategies.join(', ')}`, strategy));
  }
  return strategy;
}

function toStableViews(stableViews: boolean): boolean {
  assertType('stableViews', stableViews, 'boolean');
  if (stableViews && !canStopDetaching()) {
    throw new TypeError('stableViews: this platform has no toResizableBuffer');
  }
  return stableViews;
}

function toListener(onLeak: (leak: LeakedHandle) => void): (leak: LeakedHandle) => void {
  assertType('onLeak', onLeak, 'function');
  return onLeak;
}
