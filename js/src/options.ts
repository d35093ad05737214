// SPDX-License-Identifier: MIT

import { assertOptions } from './arguments.js';
import type { LeakedHandle } from './blocks.js';
import { warnOfLeak } from './leak-net.js';
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
   * URL, or as a response that is being fetched.
   */
  wasm?: WasmSource | PromiseLike<WasmSource>;
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
}

/** Checked options, in pages. */
export interface HeapPlan {
  readonly strategy: Strategy;
  readonly initialPages: number;
  readonly maximumPages: number;
  readonly wasm: WasmSource | PromiseLike<WasmSource> | undefined;
  readonly stableViews: boolean;
  readonly onLeak: (leak: LeakedHandle) => void;
}

const pageBytes = 65536;
const defaultInitialBytes = 4 * pageBytes;
const defaultMaximumBytes = 2 ** 31;
const knownOptions = ['strategy', 'initialBytes', 'maximumBytes', 'wasm', 'stableViews', 'onLeak'];

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
    strategy: toStrategy(options.strategy ?? 'segregated-fit'),
    initialPages: initial,
    maximumPages: maximum,
    wasm: options.wasm,
    stableViews: toStableViews(options.stableViews ?? false),
    onLeak: toListener(options.onLeak ?? warnOfLeak),
  };
}

function toPages(name: string, bytes: number, mostPages: number): number {
  if (typeof bytes !== 'number') {
    throw new TypeError(`${name} must be a number of bytes, got ${String(bytes)}`);
  }
  if (!Number.isInteger(bytes) || bytes < 0 || bytes > mostPages * pageBytes) {
    throw new RangeError(
      `${name} must be an integer from 0 to ${mostPages * pageBytes}, got ${bytes}`,
    );
  }
  return Math.max(Math.ceil(bytes / pageBytes), minimumPages);
}

function toStrategy(strategy: Strategy): Strategy {
  if (typeof strategy !== 'string') {
    throw new TypeError(`strategy must be a string, got ${String(strategy)}`);
  }
  if (!strategies.includes(strategy)) {
    throw new RangeError(
      `strategy must be one of ${strategies.join(', ')}, got '${String(strategy)}'`,
    );
  }
  return strategy;
}

function toStableViews(stableViews: boolean): boolean {
  if (typeof stableViews !== 'boolean') {
    throw new TypeError(`stableViews must be true or false, got ${String(stableViews)}`);
  }
  if (stableViews && !canStopDetaching()) {
    throw new TypeError(
      'stableViews cannot be true: this platform has no WebAssembly.Memory.prototype.toResizableBuffer',
    );
  }
  return stableViews;
}

function toListener(onLeak: (leak: LeakedHandle) => void): (leak: LeakedHandle) => void {
  if (typeof onLeak === 'function') return onLeak;
  throw new TypeError(`onLeak must be a function, got ${String(onLeak)}`);
}
