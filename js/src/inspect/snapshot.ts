// SPDX-License-Identifier: MIT

import type { LiveBlock } from '../core/errors.js';
import type { HeapStats } from './stats.js';

/** The live blocks and the stats of a heap at one time. */
export class HeapSnapshot {
  /** The live blocks, in address order. */
  readonly blocks: readonly LiveBlock[];
  /** The result of `Heap.stats` at the time of the snapshot. */
  readonly stats: Readonly<HeapStats>;

  /**
   * Use `Heap.snapshot`.
   *
   * @internal
   */
  constructor(blocks: readonly LiveBlock[], stats: HeapStats) {
    this.blocks = blocks;
    this.stats = stats;
  }

  /**
   * Returns the changes from this snapshot to a later one of the same heap. A block that was freed and then
   * allocated again at the same address with the same size counts as unchanged. It takes time and memory
   * proportional to the number of blocks of both.
   *
   * @example
   * ```ts
   * const before = heap.snapshot();
   * heap.array(Float32Array, 100);
   * const { added, removed, liveBytes } = before.diff(heap.snapshot());
   * console.log(added.length, removed.length, liveBytes); // 1 0 400
   * ```
   */
  diff(later: HeapSnapshot): HeapDiff {
    return new HeapDiff(this, later);
  }
}

/** The changes between two snapshots of a heap. */
export class HeapDiff {
  /** Blocks that are live only in the later snapshot, in address order. A resized block is added and removed. */
  readonly added: readonly LiveBlock[];
  /** Blocks that are live only in the earlier snapshot, in address order. */
  readonly removed: readonly LiveBlock[];
  /** The increase in live blocks; negative for a decrease. */
  readonly liveBlocks: number;
  /** The increase in bytes of live blocks. */
  readonly liveBytes: number;
  /** The increase in bytes of memory. */
  readonly memoryBytes: number;

  /** Use `HeapSnapshot.diff`. */
  constructor(before: HeapSnapshot, later: HeapSnapshot) {
    this.added = without(later.blocks, before.blocks);
    this.removed = without(before.blocks, later.blocks);
    this.liveBlocks = later.stats.liveBlocks - before.stats.liveBlocks;
    this.liveBytes = later.stats.liveBytes - before.stats.liveBytes;
    this.memoryBytes = later.stats.memoryBytes - before.stats.memoryBytes;
  }

  /**
   * Returns a line with sums. The Node entry and `lite-alloc/inline` add a line for each block that was added or
   * removed, at most 20 each. In a debug heap each line ends with the call that allocated the block.
   */
  toString(): string {
    const { added, removed } = this;
    return `${added.length} blocks added, ${removed.length} removed: ${signed(this.liveBytes)} bytes live, ${signed(this.memoryBytes)} bytes of memory`;
  }
}

function without(blocks: readonly LiveBlock[], others: readonly LiveBlock[]): LiveBlock[] {
  const sizes = new Map(others.map(({ address, size }) => [address, size]));
  return blocks.filter(({ address, size }) => sizes.get(address) !== size);
}

function signed(bytes: number): string {
  return bytes < 0 ? String(bytes) : `+${bytes}`;
}
