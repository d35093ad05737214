// SPDX-License-Identifier: MIT
//
// A heap inside somebody else's memory: the module for that is position independent. In the region lie its
// state, its stack, which grows down towards that, and the heap.
//
//     start            stack limit                                          end
//     | state          | ... stack  | the heap                              |

// Only heaps in regions load this file: types alone are imported, and `RegionParts` handed in.

import type { wrapFailure } from './errors.js';
import type {
  HeapFunctions,
  heapFunctions,
  ModuleFunctions,
  mapCalls,
  TrapHandler,
} from './heap-functions.js';

/** What this needs of the entry. */
export interface RegionParts {
  readonly heapFunctions: typeof heapFunctions;
  readonly mapCalls: typeof mapCalls;
  readonly wrapFailure: typeof wrapFailure;
}

/** Bytes from `start` to `end` of a memory. */
export interface Region {
  readonly memory: WebAssembly.Memory;
  readonly start: number;
  readonly end: number;
}

const otherModule = 'the wasm module is not the one for regions of this version of the package';

const unit = 16;
const stackBytes = 2048;
/** What the smallest heap needs beside state and stack. */
const leastBytes = 4 * unit;
/** The last multiple of a unit that 32 bits can say. */
const lastAddress = 2 ** 32 - unit;

/**
 * A heap over all of the region, which is cleared: what an earlier heap left there would pass for blocks.
 *
 * @throws RangeError where the region is too small.
 * @throws WasmLoadError where the module is another.
 */
export function openRegion(
  module: WebAssembly.Module,
  { memory, start, end }: Region,
  strategy: number,
  parts: RegionParts,
  onTrap: TrapHandler,
): HeapFunctions {
  const first = Math.max(Math.ceil(start / unit), 1) * unit;
  const last = Math.min(Math.floor(end / unit) * unit, lastAddress);
  const stateBytes = parts.wrapFailure(otherModule, () => stateBytesOf(module));
  const heapStart = first + Math.ceil(stateBytes / unit) * unit + stackBytes;
  const least = heapStart + leastBytes;
  if (last < least) {
    throw new RangeError(
      `end must be ${least} or more, got ${end}: a heap at start ${start} needs ${least - start} bytes`,
    );
  }
  new Uint8Array(memory.buffer).fill(0, first, last);
  return parts.wrapFailure(otherModule, () => {
    const { exports } = new WebAssembly.Instance(module, {
      env: {
        memory,
        __memory_base: new WebAssembly.Global({ value: 'i32' }, first),
        __stack_pointer: new WebAssembly.Global({ value: 'i32', mutable: true }, heapStart),
      },
    });
    const functions = parts.mapCalls(exports as Record<string, RawFunction>, (call) =>
      unsigned(call, onTrap),
    );
    functions['start']?.(strategy, heapStart, last);
    return parts.heapFunctions(functions as unknown as ModuleFunctions, memory);
  });
}

type RawFunction = (...numbers: number[]) => number;

/** Numbers of 32 bits come out of a module signed. One function for each number of parameters, for speed. */
function unsigned(call: RawFunction, onTrap: TrapHandler): RawFunction {
  return [
    () => {
      try {
        return call() >>> 0;
      } catch (trap) {
        return onTrap(trap);
      }
    },
    (a: number) => {
      try {
        return call(a) >>> 0;
      } catch (trap) {
        return onTrap(trap);
      }
    },
    (a: number, b: number) => {
      try {
        return call(a, b) >>> 0;
      } catch (trap) {
        return onTrap(trap);
      }
    },
    (a: number, b: number, c: number) => {
      try {
        return call(a, b, c) >>> 0;
      } catch (trap) {
        return onTrap(trap);
      }
    },
    (a: number, b: number, c: number, d: number) => {
      try {
        return call(a, b, c, d) >>> 0;
      } catch (trap) {
        return onTrap(trap);
      }
    },
  ][call.length] as RawFunction;
}

/**
 * How much memory the module says it needs for its state: the first number of the first part of its
 * `dylink.0` section (WebAssembly tool conventions, Dynamic Linking).
 */
function stateBytesOf(module: WebAssembly.Module): number {
  const [section] = WebAssembly.Module.customSections(module, 'dylink.0');
  const [part, , ...bytes] = new Uint8Array(section as ArrayBuffer);
  if (part !== 1) throw new Error('no memory information in dylink.0');
  // LEB128: seven binary digits a byte, the lowest first.
  const length = bytes.findIndex((byte) => byte < 128) + 1;
  return bytes.slice(0, length).reduceRight((sum, byte) => sum * 128 + (byte % 128), 0);
}
