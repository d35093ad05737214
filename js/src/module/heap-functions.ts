// SPDX-License-Identifier: MIT
//
// The functions that the calls of `Heap` use: those of the module, and the layers that may wrap them.

import type { WasmMemory } from '../core/host-types.js';

/**
 * The functions of `cpp/bindings/module_functions.hpp` and `start`, over one instance. Numbers must be integers
 * from 0 to 2^32 - 1: the module does not check them. `heap_functions.hpp` describes what they do.
 */
export interface ModuleFunctions {
  start(strategy: number, secret: number): number;
  malloc(size: number): number;
  zeroed(size: number): number;
  memalign(alignment: number, size: number): number;
  realloc(address: number, size: number): number;
  free(address: number): number;
  usableSize(address: number): number;
  reset(): number;
  allocate(size: number, alignment: number): number;
  deallocate(address: number, size: number, alignment: number): number;
  reallocate(address: number, oldSize: number, newSize: number, alignment: number): number;
  mayBeSizedBlock(address: number, size: number, alignment: number): number;
  report(): number;
  check(): number;
  walk(restart: number): number;
}

/** The functions of a started module. As the engine makes them, they return signed numbers. */
export type StartedFunctions = Omit<ModuleFunctions, 'start'>;

/** The counters of a heap. */
export interface HeapCounters {
  /** Blocks that are allocated and not freed. */
  liveBlocks: number;
  /** Bytes of live blocks: rounding included, headers excluded. */
  liveBytes: number;
  /** The largest `liveBytes` so far. */
  peakLiveBytes: number;
  /** Bytes of the heap that no block uses, slack included. */
  freeBytes: number;
  /** The part of `freeBytes` behind the last block, which growth added ahead of need. */
  slackBytes: number;
  /** The size of the largest free block, slack excluded. */
  largestFreeBytes: number;
  /** Calls that returned a new block. */
  allocations: number;
  /** Calls that freed a block. */
  frees: number;
  /** Calls that failed because memory could not hold the block. */
  failures: number;
  /** The number of times that the heap grew its memory. */
  growths: number;
  /** The share of free bytes outside the largest free block, from 0 to below 1; slack excluded. */
  fragmentation: number;
}

/** A used or free block of the heap, as a walk over the heap shows it. */
export interface HeapBlock {
  /** Bytes from the start of memory. For a used block, the address that its owner got. */
  address: number;
  /** Bytes up to the next block's address. The header of the next block, if it has one, is included. */
  size: number;
  /** Whether the block is allocated. */
  state: 'used' | 'free';
}

/** A broken invariant of a heap. */
export interface Corruption {
  /** A `lite_alloc::Corruption::Kind`, from 1. */
  readonly kind: number;
  /** The address of the fault; 0 where it has no single address. */
  readonly address: number;
}

/** The functions of a heap: those of the module, with its records decoded. */
export interface HeapFunctions extends Omit<StartedFunctions, 'report' | 'check' | 'walk'> {
  counters(): HeapCounters;
  /** Returns the first broken invariant; undefined for a sound heap. */
  findCorruption(): Corruption | undefined;
  /** Returns all used and free blocks in address order. */
  blocks(): HeapBlock[];
}

/** Receives what a call of the module throws, and throws an error in its place. */
export type TrapHandler = (trap: unknown) => never;

/** Wraps the functions of a heap: it stands between the heap's calls and the module. */
export interface HeapLayer {
  /** Returns the functions of `below`, some of them wrapped. The heap calls it again whenever its layers change. */
  wrap(below: HeapFunctions): HeapFunctions;
}

type NumberFunction = (...numbers: number[]) => number;

/** Returns an object with the same names, in which `map` replaces each function. */
export function mapFunctions<Calls extends object>(
  calls: Calls,
  map: (call: NumberFunction) => unknown,
): Calls {
  return Object.fromEntries(
    Object.entries(calls).map(([name, call]) => [name, map(call)]),
  ) as Calls;
}

/**
 * Returns the function with unsigned results. What it throws goes to `onTrap`. The module's functions ignore further
 * arguments, so one form serves all of them; rest parameters would cost time.
 */
function guard(call: NumberFunction, onTrap: TrapHandler): NumberFunction {
  return (a, b, c, d) => {
    try {
      return call(a, b, c, d) >>> 0;
    } catch (trap) {
      return onTrap(trap);
    }
  };
}

/** Returns the functions of a started module. `cpp/bindings/heap_functions.cpp` asserts the layouts of its records. */
export function heapFunctions(
  functions: StartedFunctions,
  memory: WasmMemory,
  onTrap: TrapHandler,
): HeapFunctions {
  const { report, check, walk, ...calls } = mapFunctions(functions, (call) => guard(call, onTrap));
  const recordAt = (address: number): DataView => new DataView(memory.buffer, address);
  return {
    ...calls,
    counters() {
      const record = recordAt(report());
      const bytes = (offset: number): number => record.getUint32(offset, true);
      const count = (offset: number): number => Number(record.getBigUint64(offset, true));
      return {
        liveBlocks: bytes(32),
        liveBytes: bytes(36),
        peakLiveBytes: bytes(40),
        freeBytes: bytes(48),
        slackBytes: bytes(52),
        largestFreeBytes: bytes(56),
        allocations: count(0),
        frees: count(8),
        failures: count(16),
        growths: count(24),
        fragmentation: record.getFloat64(64, true),
      };
    },
    findCorruption() {
      const address = check();
      if (address === 0) return undefined;
      const record = recordAt(address);
      return { kind: record.getUint8(0), address: record.getUint32(4, true) };
    },
    blocks() {
      const blocks: HeapBlock[] = [];
      const bytes = recordAt(0);
      for (let record = walk(1); record !== 0; record = walk(0)) {
        blocks.push({
          address: bytes.getUint32(record, true),
          size: bytes.getUint32(record + 4, true),
          state: bytes.getUint8(record + 8) === 0 ? 'used' : 'free',
        });
      }
      return blocks;
    },
  };
}
