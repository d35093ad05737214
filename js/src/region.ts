// SPDX-License-Identifier: MIT
//
// A heap inside somebody else's memory: the module for that is position independent. In the region lie its
// state, its stack, which grows down towards that, and the heap.
//
//     start            stack limit                                          end
//     | state          | ... stack  | the heap                              |

// Only heaps in regions load this file, with copies of the functions that it imports; `RegionParts` are those
// of the entry.

import { assertBytes, mustBe } from './arguments.js';
import type { wrapFailure } from './errors.js';
import {
  type HeapFunctions,
  heapFunctions,
  type ModuleFunctions,
  mapCalls,
  type TrapHandler,
} from './heap-functions.js';
import { randomSecret } from './secret.js';

/** What this needs of the entry. */
export interface RegionParts {
  readonly wrapFailure: typeof wrapFailure;
}

/** Bytes from `start` to `end` of a memory. */
export interface Region {
  readonly memory: WebAssembly.Memory;
  readonly start: number;
  readonly end: number;
}

/** A heap in a region, as other heaps over the same memory see it. */
export interface Tenant {
  /** Ends the heap, if it is alive: from now on its calls throw with this reason. */
  end(reason: string): void;
}

/** What a heap gets of the region it lies in. */
export interface OpenedRegion {
  readonly functions: HeapFunctions;
  /** Removes a heap that ended from those that later heaps look at. */
  leave(): void;
}

interface Lease {
  readonly start: number;
  readonly end: number;
  readonly tenant: WeakRef<Tenant>;
}

/** Of each memory the heaps that are alive: neither is kept from being collected. */
const leasesOf = new WeakMap<WebAssembly.Memory, Set<Lease>>();

const otherModule = 'the wasm module is not the one for regions of this version of the package';

const unit = 16;
const stackBytes = 2048;
/** What the smallest heap needs beside state and stack. */
const leastBytes = 4 * unit;
/** The last multiple of a unit that 32 bits can say. */
const lastAddress = 2 ** 32 - unit;

/**
 * Opens a heap over all of a region, which is cleared: what an earlier heap left there could pass for
 * blocks. Ends every older heap whose region overlaps: each byte of a memory belongs to one live heap. The
 * caller keeps `tenant` reachable as long as the heap is.
 *
 * Throws `RangeError` where the region is too small, `WasmLoadError` where the module is another.
 */
export type RegionOpener = (
  module: WebAssembly.Module,
  strategy: number,
  tenant: Tenant,
  onTrap: TrapHandler,
) => OpenedRegion;

/** What opens heaps in a region. A bad option is a `TypeError` or `RangeError` that names it. */
export function planRegion(region: Region, parts: RegionParts): RegionOpener {
  const { memory, start, end } = region;
  if (!isUnsharedMemory(memory)) {
    throw new TypeError(mustBe('memory', 'an unshared WebAssembly.Memory', memory));
  }
  assertBytes('start', start, 0, memory.buffer.byteLength);
  assertBytes('end', end, start, memory.buffer.byteLength);
  return (...rest) => openRegion(region, parts, ...rest);
}

/**
 * By what the engine knows of the object: a memory of a frame, or of a context that a test runner made, is of
 * another class than the one here.
 */
function isUnsharedMemory(memory: WebAssembly.Memory): boolean {
  try {
    const buffer: unknown = readGetter(WebAssembly.Memory.prototype, 'buffer', memory);
    readGetter(ArrayBuffer.prototype, 'byteLength', buffer);
    return true;
  } catch {
    return false;
  }
}

/** Throws where `object` is not of the engine's class that has this getter. */
function readGetter(prototype: object, name: string, object: unknown): unknown {
  return Object.getOwnPropertyDescriptor(prototype, name)?.get?.call(object);
}

function openRegion(
  { memory, start, end }: Region,
  parts: RegionParts,
  ...[module, strategy, tenant, onTrap]: Parameters<RegionOpener>
): OpenedRegion {
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
  endOverlapping(memory, start, end);
  new Uint8Array(memory.buffer, first, last - first).fill(0);
  const functions = parts.wrapFailure(otherModule, () => {
    const { exports } = new WebAssembly.Instance(module, {
      env: {
        memory,
        __memory_base: new WebAssembly.Global({ value: 'i32' }, first),
        __stack_pointer: new WebAssembly.Global({ value: 'i32', mutable: true }, heapStart),
      },
    });
    const calls = mapCalls(exports as Record<string, RawFunction>, (call) =>
      unsigned(call, onTrap),
    );
    calls['start']?.(strategy, heapStart, last, randomSecret());
    return heapFunctions(calls as unknown as ModuleFunctions, memory);
  });
  const leases = leasesOf.get(memory) ?? new Set();
  leasesOf.set(memory, leases);
  const lease = { start, end, tenant: new WeakRef(tenant) };
  leases.add(lease);
  return { functions, leave: () => leases.delete(lease) };
}

/** Ends the heaps that share a byte with `[start, end)`. Forgets those that were collected. */
function endOverlapping(memory: WebAssembly.Memory, start: number, end: number): void {
  const leases = leasesOf.get(memory) ?? new Set();
  for (const lease of leases) {
    const tenant = lease.tenant.deref();
    const overlaps = lease.start < end && start < lease.end;
    if (tenant !== undefined && !overlaps) continue;
    leases.delete(lease);
    tenant?.end(`a newer heap took bytes ${start} to ${end} of this memory`);
  }
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
