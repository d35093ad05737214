// SPDX-License-Identifier: MIT
//
// Puts a heap into a region of a memory that other code made. The module for that is position independent. At
// the start of the region lie the heap's state and its stack, which grows down towards the state:
//
//     start                                                                 end
//     | state          | <- stack   | the heap                              |
//
// Only heaps in regions load this file.

import { wrapFailure } from '../core/errors.js';
import type { WasmMemory, WasmModule } from '../core/host-types.js';
import { granuleBytes } from '../core/units.js';
import { assertBytes, describeMismatch } from '../core/validate.js';
import { show } from '../core/values.js';
import {
  type HeapFunctions,
  heapFunctions,
  type StartedFunctions,
  type TrapHandler,
} from './heap-functions.js';
import { randomSecret } from './secret.js';

/** The bytes of a memory from `start` to just before `end`. */
export interface Region {
  readonly memory: WasmMemory;
  readonly start: number;
  readonly end: number;
}

/** The options of a heap in a region, and those that such a heap must not have. */
interface RegionOptions extends Region {
  readonly initialBytes?: number;
  readonly maximumBytes?: number;
  readonly stableViews?: boolean;
}

/** A heap in a region, as other heaps in the same memory see it. */
export interface Tenant {
  /** Ends the heap if it is alive: from now on its calls throw an error with this reason. */
  end(reason: string): void;
}

/** The functions of the module for regions. */
interface RegionFunctions extends StartedFunctions {
  start(strategy: number, start: number, end: number, secret: number): number;
}

/** The connection of a heap to its region. */
export interface OpenedRegion {
  readonly functions: HeapFunctions;
  /** Releases the region, because the heap has ended. */
  leave(): void;
}

interface Lease {
  readonly start: number;
  readonly end: number;
  readonly tenant: WeakRef<Tenant>;
}

/** The live heaps of each memory. The garbage collector may still collect the memories and the heaps. */
const leasesOf = new WeakMap<WebAssembly.Memory, Set<Lease>>();

const otherModule =
  'wasm: the module is not the lite-alloc.region.wasm of this version of lite-alloc';

const stackBytes = 2048;
/** The size of the smallest heap, without state and stack. */
const leastBytes = 4 * granuleBytes;
/** The last granule that 32 bits can address. */
const lastAddress = 2 ** 32 - granuleBytes;

/**
 * Opens a heap over a whole region. It clears the region first, because metadata that remains from an earlier heap
 * could be accepted as blocks. It ends every older heap whose region overlaps: each byte of a memory belongs to at most
 * one live heap. The caller keeps `tenant` reachable as long as the heap is.
 *
 * Throws `RangeError` if the region is too small, `WasmLoadError` if the module is not the one for regions.
 */
export type RegionOpener = (
  module: WasmModule,
  strategy: number,
  tenant: Tenant,
  onTrap: TrapHandler,
) => OpenedRegion;

/** Checks the options for a region, and returns the function that opens a heap in it. */
export function planRegion(options: RegionOptions): RegionOpener {
  for (const name of ['initialBytes', 'maximumBytes', 'stableViews'] as const) {
    const value = options[name];
    if (value === undefined) continue;
    throw new TypeError(`${name} cannot be combined with the option memory, got ${show(value)}`);
  }
  const { memory, start, end } = options;
  if (!isUnsharedMemory(memory)) {
    throw new TypeError(describeMismatch('memory', 'an unshared WebAssembly.Memory', memory));
  }
  assertBytes('start', start, 0, memory.buffer.byteLength);
  assertBytes('end', end, start, memory.buffer.byteLength);
  return (...rest) => openRegion({ memory, start, end }, ...rest);
}

/**
 * Asks the engine what the object is, since a memory of a frame, or of a context of a test runner, has another
 * class.
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

/** Reads a getter of one of the engine's classes. Throws where `object` is not an instance of it, in any realm. */
function readGetter(prototype: object, name: string, object: unknown): unknown {
  return Object.getOwnPropertyDescriptor(prototype, name)?.get?.call(object);
}

function openRegion(
  { memory, start, end }: Region,
  ...[module, strategy, tenant, onTrap]: Parameters<RegionOpener>
): OpenedRegion {
  const first = Math.max(Math.ceil(start / granuleBytes), 1) * granuleBytes;
  const last = Math.min(Math.floor(end / granuleBytes) * granuleBytes, lastAddress);
  const stateBytes = wrapFailure(otherModule, () => stateBytesOf(module));
  const heapStart = first + Math.ceil(stateBytes / granuleBytes) * granuleBytes + stackBytes;
  const least = heapStart + leastBytes;
  if (last < least) {
    throw new RangeError(
      `end must be ${least} or more, got ${end}: a heap at start ${start} needs ${least - start} bytes`,
    );
  }
  endOverlapping(memory, start, end);
  new Uint8Array(memory.buffer, first, last - first).fill(0);
  const functions = wrapFailure(otherModule, () => {
    const instance = new WebAssembly.Instance(module, {
      env: {
        memory,
        __memory_base: new WebAssembly.Global({ value: 'i32' }, first),
        __stack_pointer: new WebAssembly.Global({ value: 'i32', mutable: true }, heapStart),
      },
    });
    const { start, ...calls } = instance.exports as unknown as RegionFunctions;
    start(strategy, heapStart, last, randomSecret());
    return heapFunctions(calls, memory, onTrap);
  });
  const leases = leasesOf.get(memory) ?? new Set();
  leasesOf.set(memory, leases);
  const lease = { start, end, tenant: new WeakRef(tenant) };
  leases.add(lease);
  return { functions, leave: () => leases.delete(lease) };
}

/** Ends the heaps that share a byte with `[start, end)`, and forgets those that were collected. */
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

/**
 * Returns the bytes that the module needs for its state: the first number in the first part of its `dylink.0`
 * section (WebAssembly tool conventions, Dynamic Linking).
 */
function stateBytesOf(module: WebAssembly.Module): number {
  const [section] = WebAssembly.Module.customSections(module, 'dylink.0');
  const [part, , ...bytes] = new Uint8Array(section as ArrayBuffer);
  if (part !== 1) throw new Error('its section dylink.0 does not begin with the size of its state');
  // LEB128: seven bits a byte, the lowest first.
  const length = bytes.findIndex((byte) => byte < 128) + 1;
  return bytes.slice(0, length).reduceRight((sum, byte) => sum * 128 + (byte % 128), 0);
}
