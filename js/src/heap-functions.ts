// SPDX-License-Identifier: MIT
//
// The functions of a heap below its calls: what the module offers, and what may stand between.

/**
 * The functions of `cpp/bindings/module_functions.hpp` and `start`, over one instance. Numbers must be integers
 * from 0 to 2^32 - 1: embind does not check them. `heap_functions.hpp` describes what they do.
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
  walkStart(): number;
  walkNext(): number;
}

/** What a heap knows of itself, in bytes and counts. */
export interface HeapFigures {
  liveBlocks: number;
  /** Handed out and not freed: rounding included, headers not. */
  liveBytes: number;
  peakLiveBytes: number;
  /** What the heap has and nobody uses, slack included. */
  freeBytes: number;
  /** The part of `freeBytes` behind the last block: what growth added ahead of need. */
  slackBytes: number;
  /** The largest free block, slack left out. */
  largestFreeBytes: number;
  /** Calls that gave a new block. */
  allocations: number;
  frees: number;
  /** Calls that found no memory. */
  failures: number;
  /** Times the heap grew its memory. */
  growths: number;
  /** The share of free bytes outside the largest free block, from 0 towards 1; slack left out. */
  fragmentation: number;
}

/** A stretch of the heap. */
export interface HeapBlock {
  /** Of a used block what its owner knows. */
  address: number;
  /** Bytes up to the next stretch, whose header, where it has one, is counted here. */
  size: number;
  state: 'used' | 'free';
}

/** What is wrong with a heap. */
export interface Corruption {
  /** A `lite_alloc::Corruption::Kind`, from 1. */
  readonly kind: number;
  /** 0 where no single place shows. */
  readonly address: number;
}

/** What the calls of a heap stand on: the module's, its records read. */
export interface HeapFunctions
  extends Omit<ModuleFunctions, 'start' | 'report' | 'check' | 'walkStart' | 'walkNext'> {
  figures(): HeapFigures;
  /** Undefined for a sound heap. */
  findCorruption(): Corruption | undefined;
  /** All stretches in address order. */
  blocks(): HeapBlock[];
}

/** Takes what a call of the module throws, and throws something else. */
export type TrapHandler = (trap: unknown) => never;

/** What stands between a heap's calls and its module. */
export interface HeapLayer {
  /** The functions of `below`, some of them wrapped. Called anew whenever a heap's layers change. */
  wrap(below: HeapFunctions): HeapFunctions;
}

/** The same functions by name, each in another's place. */
export function mapCalls<Calls extends object>(
  calls: Calls,
  map: (call: (...numbers: number[]) => number) => unknown,
): Calls {
  return Object.fromEntries(
    Object.entries(calls).map(([name, call]) => [name, map(call)]),
  ) as Calls;
}

/** Those of a started module. Its records are of `cpp/bindings/heap_functions.cpp`, which asserts their layouts. */
export function heapFunctions(
  { start, report, check, walkStart, walkNext, ...calls }: ModuleFunctions,
  memory: WebAssembly.Memory,
): HeapFunctions {
  const recordAt = (address: number): DataView => new DataView(memory.buffer, address);
  return {
    ...calls,
    figures() {
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
      for (let record = walkStart(); record !== 0; record = walkNext()) {
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
