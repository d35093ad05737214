// SPDX-License-Identifier: MIT

import { LeakError, type LiveBlock } from '../core/errors.js';
import type { Strategy } from '../core/strategies.js';
import { checkHeap } from '../inspect/check.js';
import { HeapSnapshot } from '../inspect/snapshot.js';
import type { HeapStats } from '../inspect/stats.js';
import type { HeapBlock, HeapFunctions } from '../module/heap-functions.js';
import { HeapViews } from './heap-views.js';

/** The calls of a heap that look into it: counters, blocks, checks and leaks. */
export abstract class InspectableHeap extends HeapViews {
  /** The allocation strategy. */
  abstract readonly strategy: Strategy;

  /** @internal */
  protected abstract get functions(): HeapFunctions;

  /**
   * Returns the counters and sizes of the heap. It takes constant time, except where the largest free block was
   * used since the last call: then it searches the free blocks.
   */
  stats(): HeapStats {
    return {
      strategy: this.strategy,
      memoryBytes: this.owner.memoryBytes,
      maximumBytes: this.owner.maximumBytes,
      ...this.functions.counters(),
    };
  }

  /**
   * Iterates over the used and free blocks as they are now, in address order. Each ends where the next begins,
   * except where pages of other code lie between them. Adjacent blocks of `allocate` count as one block, because
   * nothing separates them.
   *
   * @throws HeapCorruptionError where the heap is corrupted.
   */
  blocks(): IterableIterator<HeapBlock> {
    checkHeap(this.functions);
    return this.functions.blocks().values();
  }

  /**
   * Checks the invariants of the whole heap, in time proportional to its size.
   *
   * @throws HeapCorruptionError where one is broken.
   */
  check(): void {
    checkHeap(this.functions);
  }

  /**
   * Returns the live blocks in address order, in a debug heap with the stacks of the calls that allocated them. In
   * other heaps adjacent blocks of `allocate` may count as one block. It takes time proportional to the size of the
   * heap.
   *
   * @throws HeapCorruptionError where the heap is corrupted.
   */
  leaks(): LiveBlock[] {
    if (this.owner.debug !== undefined) return this.owner.debug.liveBlocks();
    const used = [...this.blocks()].filter(({ state }) => state === 'used');
    return used.map(({ address, size }) => ({
      address,
      // A block of `allocate` has no usable size of its own: only the next block's address is known.
      size: this.functions.usableSize(address) || size,
      stack: undefined,
    }));
  }

  /**
   * Checks that no block is live.
   *
   * @throws LeakError where blocks are live. In a debug heap it lists them by the calls that allocated them, those
   * with the most bytes first.
   * @throws HeapCorruptionError where the heap is corrupted.
   */
  assertNoLeaks(): void {
    const leaks = this.leaks();
    if (leaks.length !== 0) throw new LeakError(leaks, this.owner.debug?.listByStack(leaks));
  }

  /**
   * Returns the live blocks and the stats as they are now. `HeapSnapshot.diff` compares them with later ones.
   *
   * @throws HeapCorruptionError where the heap is corrupted.
   */
  snapshot(): HeapSnapshot {
    return new HeapSnapshot(this.leaks(), this.stats());
  }

  /**
   * Returns a line with the strategy, the live blocks and the memory. The Node entry and `lite-alloc/inline`
   * add a map of the heap for the terminal: at most 12 lines of 64 characters, and a line that explains
   * them. Of a heap that is corrupted or disposed, the line names the error.
   */
  override toString(): string {
    try {
      this.check();
      const { liveBlocks, liveBytes, memoryBytes } = this.stats();
      return `${this.strategy}: ${liveBlocks} blocks, ${liveBytes} bytes live, ${memoryBytes} bytes of memory`;
    } catch (error) {
      return `${this.strategy}: ${String(error)}`;
    }
  }
}
