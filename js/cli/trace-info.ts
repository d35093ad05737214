// SPDX-License-Identifier: MIT
//
// What `lite-alloc info` prints: counts over the operations of a trace. Nothing is replayed.

import { granuleBytes } from '../src/core/units.js';
import {
  allocateCode,
  deallocateCode,
  freeCode,
  mallocCode,
  memalignCode,
  type Operations,
  reallocateCode,
  reallocCode,
  resetCode,
  zeroedCode,
} from '../src/traces/operations.js';
import type { TraceFile } from './read-trace-file.js';

/** Blocks and their bytes, as they were requested. */
interface Amount {
  blocks: number;
  bytes: number;
}

/** The figures of a trace. Sizes are those that the program requested, in bytes. */
export interface TraceInfo {
  file: { bytes: number; gzip: boolean; format: string };
  truncated: boolean;
  operations: number;
  calls: Record<string, number>;
  /** Frees of blocks that were allocated before the recording. */
  olderFrees: number;
  /** Missing if nothing was allocated. */
  sizes?: { smallest: number; median: number; largest: number; total: number };
  /** Allocations by size, each up to a power of two and above the one before. */
  sizeClasses: { upTo: number; allocations: number; bytes: number }[];
  /** Allocations by alignment in bytes. */
  alignments: Record<string, number>;
  /** The most live bytes, and the number of the operation after which they were live, from 1. */
  peak: Amount & { operation: number };
  peakLiveBlocks: number;
  atEnd: Amount;
  resizes: { blocks: number; grown: number; shrunk: number; longestChain: number };
  /** The median number of operations from the allocation of a block to its free; missing without frees. */
  medianLifetime?: number;
}

const names: Readonly<Record<number, string>> = {
  [mallocCode]: 'malloc',
  [zeroedCode]: 'calloc',
  [memalignCode]: 'memalign',
  [allocateCode]: 'allocate',
  [reallocCode]: 'realloc',
  [reallocateCode]: 'reallocate',
  [freeCode]: 'free',
  [deallocateCode]: 'deallocate',
  [resetCode]: 'reset',
};

/** Computes the figures of a trace. */
export function inspectTrace({ trace, bytes, gzip, version }: TraceFile): TraceInfo {
  // The published types leave out the operations.
  const { chunks, operations, truncated } = trace as unknown as Operations;
  const counter = new Counter();
  let left = operations * 3;
  for (const chunk of chunks) {
    const end = Math.min(chunk.length, left);
    for (let at = 0; at < end; at += 3) {
      counter.count(chunk[at] as number, chunk[at + 1] as number, chunk[at + 2] as number);
    }
    left -= end;
  }
  const format = version === undefined ? 'plain pairs' : `version ${version}`;
  return { file: { bytes, gzip, format }, truncated, operations, ...counter.figures() };
}

interface LiveBlock {
  size: number;
  resizes: number;
  /** The number of the operation that allocated it. */
  born: number;
}

/** Counts operations, one after the other. */
class Counter {
  readonly #live = new Map<number, LiveBlock>();
  readonly #calls = new Map<number, number>();
  readonly #sizes = new Map<number, number>();
  readonly #alignments = new Map<number, number>();
  readonly #lifetimes = new Map<number, number>();
  readonly #resizes = { blocks: 0, grown: 0, shrunk: 0, longestChain: 0 };
  readonly #peak = { blocks: 0, bytes: 0, operation: 0 };
  #operations = 0;
  #olderFrees = 0;
  #liveBytes = 0;
  #peakLiveBlocks = 0;

  count(key: number, size: number, detail: number): void {
    const code = key % granuleBytes;
    const address = key - code;
    const exponent = detail % granuleBytes;
    this.#operations++;
    increase(this.#calls, code);
    switch (code) {
      case resetCode:
        for (const block of this.#live.keys()) this.#free(block);
        break;
      case freeCode:
      case deallocateCode:
        if (!this.#free(address)) this.#olderFrees++;
        break;
      case reallocCode:
      case reallocateCode:
        // The encoder writes a resized block that is older than the recording as a new one.
        this.#resize(address, detail - (code === reallocateCode ? exponent : 0), size);
        break;
      default:
        increase(this.#sizes, size);
        increase(this.#alignments, granuleBytes * 2 ** exponent);
        this.#add(address, { size, resizes: 0, born: this.#operations });
    }
    this.#notePeak();
  }

  figures(): Omit<TraceInfo, 'file' | 'truncated' | 'operations'> {
    const sizes = [...this.#sizes].sort(byKey);
    const medianLifetime = medianOf([...this.#lifetimes].sort(byKey));
    return {
      calls: Object.fromEntries(
        Object.entries(names).map(([code, name]) => [name, this.#calls.get(Number(code)) ?? 0]),
      ),
      olderFrees: this.#olderFrees,
      ...(sizes.length === 0 ? {} : { sizes: summarizeSizes(sizes) }),
      sizeClasses: classify(sizes),
      alignments: Object.fromEntries([...this.#alignments].sort(byKey)),
      peak: this.#peak,
      peakLiveBlocks: this.#peakLiveBlocks,
      atEnd: { blocks: this.#live.size, bytes: this.#liveBytes },
      resizes: this.#resizes,
      ...(medianLifetime === undefined ? {} : { medianLifetime }),
    };
  }

  #add(address: number, block: LiveBlock): void {
    this.#live.set(address, block);
    this.#liveBytes += block.size;
  }

  #free(address: number): boolean {
    const block = this.#live.get(address);
    if (block === undefined) return false;
    this.#live.delete(address);
    this.#liveBytes -= block.size;
    increase(this.#lifetimes, this.#operations - block.born);
    return true;
  }

  #resize(address: number, moved: number, size: number): void {
    const block = this.#live.get(address) ?? { size, resizes: 0, born: this.#operations };
    const resizes = block.resizes + 1;
    if (this.#live.delete(address)) this.#liveBytes -= block.size;
    if (resizes === 1) this.#resizes.blocks++;
    if (size > block.size) this.#resizes.grown++;
    if (size < block.size) this.#resizes.shrunk++;
    this.#resizes.longestChain = Math.max(this.#resizes.longestChain, resizes);
    this.#add(moved, { ...block, size, resizes });
  }

  #notePeak(): void {
    this.#peakLiveBlocks = Math.max(this.#peakLiveBlocks, this.#live.size);
    if (this.#liveBytes <= this.#peak.bytes) return;
    this.#peak.blocks = this.#live.size;
    this.#peak.bytes = this.#liveBytes;
    this.#peak.operation = this.#operations;
  }
}

type Counts = readonly (readonly [number, number])[];

function summarizeSizes(sizes: Counts): NonNullable<TraceInfo['sizes']> {
  return {
    smallest: sizes[0]?.[0] ?? 0,
    median: medianOf(sizes) ?? 0,
    largest: sizes.at(-1)?.[0] ?? 0,
    total: sizes.reduce((sum, [size, count]) => sum + size * count, 0),
  };
}

/** Sums allocations up to 16 bytes, up to 32 bytes and so on, without empty classes. */
function classify(sizes: Counts): TraceInfo['sizeClasses'] {
  const classes = new Map<number, { upTo: number; allocations: number; bytes: number }>();
  for (const [size, count] of sizes) {
    const upTo = Math.max(granuleBytes, 2 ** Math.ceil(Math.log2(Math.max(size, 1))));
    const found = classes.get(upTo) ?? { upTo, allocations: 0, bytes: 0 };
    found.allocations += count;
    found.bytes += size * count;
    classes.set(upTo, found);
  }
  return [...classes.values()];
}

/** Returns the lower median of counted values, in ascending order. */
function medianOf(counts: Counts): number | undefined {
  let left = counts.reduce((sum, [, count]) => sum + count, 0) / 2;
  return counts.find(([, count]) => {
    left -= count;
    return left <= 0;
  })?.[0];
}

function increase(counts: Map<number, number>, key: number): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

function byKey([left]: readonly [number, number], [right]: readonly [number, number]): number {
  return left - right;
}
