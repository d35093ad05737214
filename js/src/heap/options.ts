// SPDX-License-Identifier: MIT

import type { LeakedHandle } from '../blocks/lost-handles.js';
import { defaultStrategy, type Strategy, strategies } from '../core/strategies.js';
import { pageBytes } from '../core/units.js';
import { assertBytes, assertOptions, assertType, describeMismatch } from '../core/validate.js';
import { show } from '../core/values.js';
import type { DebugOptions } from '../debug/types.js';
import { canStopDetaching } from '../module/memory-views.js';
import type { Region } from '../module/region.js';
import type { WasmSource } from '../module/wasm-module.js';

/** The options of `createHeap`. */
export interface HeapOptions {
  /** The allocation strategy. Default: `'segregated-fit'`. */
  strategy?: Strategy;
  /** The initial size of the memory, in bytes, rounded up to pages of 65 536 bytes. Default: 262 144. */
  initialBytes?: number;
  /**
   * The size up to which the memory can grow, in bytes, rounded up to pages; at most 4 GiB. Default: 2 GiB. If the
   * platform refuses that, the heap tries half of it, and so on; `stats().maximumBytes` is the result.
   */
  maximumBytes?: number;
  /**
   * The package's wasm file, for hosts that do not find it beside the JavaScript: as a compiled module, bytes, a
   * URL, a response, or a promise for one of these. `lite-alloc.wasm` has the default strategy alone,
   * `lite-alloc.strategies.wasm` has all strategies.
   */
  wasm?: WasmSource | PromiseLike<WasmSource>;
  /**
   * Puts the heap into a memory that other code made. The heap uses the bytes from `start` to `end`, rounded inwards to
   * multiples of 16. It clears them first, touches no bytes outside, and never grows the memory. Its own state takes
   * about 5 KiB at the start of the region. Several heaps may lie in one memory. A heap whose region overlaps that of a
   * live heap ends the older one: that heap's handles are dead, and its calls throw `UseAfterFreeError`. The option
   * `wasm`, if any, must be the package's `lite-alloc.region.wasm`.
   */
  memory?: WebAssembly.Memory;
  /** Where the region begins, in bytes from the start of `memory`. Required with `memory`. */
  start?: number;
  /** Where the region ends, in bytes from the start of `memory`: the first byte behind it. Required with `memory`. */
  end?: number;
  /**
   * Makes the buffer of the memory resizable, so that views stay valid when it grows, even those that you keep. Such
   * views are several times slower than ordinary ones, and WebGL and other interfaces refuse them. It needs Chrome 144,
   * Firefox 145, Safari 26.2, Node 26 or newer. Default: false.
   */
  stableViews?: boolean;
  /**
   * Called for each handle that was collected as garbage while it was alive, after its block was freed. Default: the
   * first five such handles of the program are warnings on the console, one more warning says how many there are, and
   * it is repeated whenever there are ten times as many. The handles of a heap that soon is garbage itself are left out.
   */
  onLeak?: (leak: LeakedHandle) => void;
  /**
   * Makes a debug heap, which detects writes beside a block or into a freed one, wrong frees, and leaks. Calls take
   * longer and blocks take more memory. A debug heap of a bump strategy places blocks as `'segregated-fit'` does,
   * because the bump strategies never join free blocks, and debugging changes their sizes and order. Default: false;
   * true means `{}`.
   */
  debug?: boolean | DebugOptions;
}

/** Checked options. */
export interface HeapPlan {
  readonly strategy: Strategy;
  /** Undefined for a heap with its own memory. */
  readonly region: Region | undefined;
  readonly initialPages: number;
  readonly maximumPages: number;
  readonly wasm: WasmSource | PromiseLike<WasmSource> | undefined;
  readonly stableViews: boolean;
  /** Undefined for warnings on the console. */
  readonly onLeak: HeapOptions['onLeak'] | undefined;
  /** Checked when the debug layer is made. */
  readonly debug: boolean | DebugOptions;
}

/** The module's stack and data and a first region of the heap fit into this many pages. */
const minimumPages = 1;
/** The module's import of its memory allows this many pages. */
const mostPages = 65536;
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

/** Checks the options and fills in defaults. A bad one is a `TypeError` or `RangeError` that names it and its value. */
export function planHeap(options: HeapOptions = {}): HeapPlan {
  assertOptions(options, knownOptions);
  const maximumBytes = options.maximumBytes ?? defaultMaximumBytes;
  const maximum = toPages('maximumBytes', maximumBytes);
  const initialBytes = options.initialBytes ?? Math.min(defaultInitialBytes, maximumBytes);
  const initial = toPages('initialBytes', initialBytes);
  if (initial > maximum) {
    throw new RangeError(`initialBytes ${initialBytes} is more than maximumBytes ${maximumBytes}`);
  }
  const strategy = options.strategy ?? defaultStrategy;
  const stableViews = options.stableViews ?? false;
  const onLeak = options.onLeak ?? undefined;
  assertType('strategy', strategy, 'string');
  if (!strategies.includes(strategy)) {
    throw new RangeError(describeMismatch('strategy', `one of ${strategies.join(', ')}`, strategy));
  }
  assertType('stableViews', stableViews, 'boolean');
  const region = planRegion(options);
  if (stableViews && region === undefined && !canStopDetaching()) {
    throw new TypeError('stableViews: this platform has no toResizableBuffer');
  }
  if (onLeak !== undefined) assertType('onLeak', onLeak, 'function');
  return {
    strategy,
    region,
    initialPages: initial,
    maximumPages: maximum,
    wasm: options.wasm,
    stableViews,
    onLeak,
    debug: options.debug ?? false,
  };
}

/** Returns the options if they are for a region, which the part for regions checks. */
function planRegion(options: HeapOptions): Region | undefined {
  // Getters of options must not give other values later.
  const copy = { ...options };
  if (copy.memory !== undefined) return copy as Region;
  for (const name of ['start', 'end'] as const) {
    const value = copy[name];
    if (value === undefined) continue;
    throw new TypeError(`${name} requires the option memory, got ${show(value)}`);
  }
  return undefined;
}

function toPages(name: string, bytes: number): number {
  assertBytes(name, bytes, 0, mostPages * pageBytes);
  return Math.max(Math.ceil(bytes / pageBytes), minimumPages);
}
