// SPDX-License-Identifier: MIT

import type { LiveBlock } from './errors.js';
import type { HeapStats } from './sight.js';
import { formatAddress } from './values.js';

/** Lines of the text form for each of came and went. */
const shownBlocks = 20;

/** The live blocks and the figures of a heap as they were. */
export class HeapSnapshot {
  /** In address order. */
  readonly blocks: readonly LiveBlock[];
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
   * What changed from this snapshot to a later one of the same heap. A block that was freed and
   * allocated again at the same place with the same size does not show.
   */
  diff(later: HeapSnapshot): HeapDiff {
    return new HeapDiff(this, later);
  }
}

/** What changed between two snapshots. */
export class HeapDiff {
  /** Live later, not before; in address order. A block whose size changed came and went. */
  readonly came: readonly LiveBlock[];
  /** Live before, not later. */
  readonly went: readonly LiveBlock[];
  /** Blocks more than before. */
  readonly liveBlocks: number;
  /** Bytes more than before, in live blocks. */
  readonly liveBytes: number;
  /** Bytes more than before, of memory. */
  readonly memoryBytes: number;

  /** Use `HeapSnapshot.diff`. */
  constructor(before: HeapSnapshot, later: HeapSnapshot) {
    this.came = without(later.blocks, before.blocks);
    this.went = without(before.blocks, later.blocks);
    this.liveBlocks = later.stats.liveBlocks - before.stats.liveBlocks;
    this.liveBytes = later.stats.liveBytes - before.stats.liveBytes;
    this.memoryBytes = later.stats.memoryBytes - before.stats.memoryBytes;
  }

  /**
   * A line of sums, then one for each block that came or went, as far as they are few; in a debug heap
   * with the call that allocated it.
   */
  toString(): string {
    const { came, went } = this;
    const sums = `${came.length} blocks came, ${went.length} went: ${signed(this.liveBytes)} bytes live, ${signed(this.memoryBytes)} bytes of memory`;
    return [sums, ...listRanges('+', came), ...listRanges('-', went)].join('\n');
  }
}

function without(blocks: readonly LiveBlock[], others: readonly LiveBlock[]): LiveBlock[] {
  const sizes = new Map(others.map(({ address, size }) => [address, size]));
  return blocks.filter(({ address, size }) => sizes.get(address) !== size);
}

function listRanges(sign: string, blocks: readonly LiveBlock[]): string[] {
  const lines = blocks
    .slice(0, shownBlocks)
    .map(({ address, size, stack = '' }) =>
      `${sign} ${formatAddress(address)} ${size} bytes ${stack.split('\n', 1)}`.trimEnd(),
    );
  const hidden = blocks.length - lines.length;
  return hidden === 0 ? lines : [...lines, `${sign} and ${hidden} more`];
}

function signed(bytes: number): string {
  return bytes < 0 ? String(bytes) : `+${bytes}`;
}
