// SPDX-License-Identifier: MIT

import { Allocator } from '../blocks/allocator.js';
import { decodeUtf8 } from '../blocks/heap-string.js';
import { LeakError, type LiveBlock } from '../core/errors.js';
import type { WasmMemory } from '../core/host-types.js';
import type { Strategy } from '../core/strategies.js';
import type { TypedArrays } from '../core/typed-arrays.js';
import { clampSize } from '../core/validate.js';
import { formatAddress } from '../core/values.js';
import { checkHeap } from '../inspect/check.js';
import { HeapSnapshot } from '../inspect/snapshot.js';
import type { HeapStats } from '../inspect/stats.js';
import type { HeapBlock, HeapFunctions } from '../module/heap-functions.js';
import type { HeapBlocks } from './heap-blocks.js';

/**
 * The calls of a heap that only read: memory and its views, counters, blocks, checks and leaks.
 *
 * An element of a view at index i lies at address i times the bytes of an element. The views are current whenever they
 * are read from the heap; do not keep them across allocations.
 */
export abstract class InspectableHeap<
  B extends ArrayBufferLike = ArrayBuffer,
> extends Allocator<B> {
  /** The allocation strategy. */
  abstract readonly strategy: Strategy;

  /** @internal */
  protected abstract get functions(): HeapFunctions;

  /** @internal */
  protected abstract override get owner(): HeapBlocks<B>;

  /** The linear memory. Other code may grow it: the heap and its views stay correct. */
  get memory(): WasmMemory {
    return this.owner.memory;
  }

  /** The memory as unsigned 8-bit integers. */
  get u8(): TypedArrays<B>['Uint8Array'] {
    return this.owner.currentViews.u8;
  }

  /** The memory as signed 8-bit integers. */
  get i8(): TypedArrays<B>['Int8Array'] {
    return this.owner.currentViews.i8;
  }

  /** The memory as unsigned 16-bit integers. */
  get u16(): TypedArrays<B>['Uint16Array'] {
    return this.owner.currentViews.u16;
  }

  /** The memory as signed 16-bit integers. */
  get i16(): TypedArrays<B>['Int16Array'] {
    return this.owner.currentViews.i16;
  }

  /** The memory as unsigned 32-bit integers. */
  get u32(): TypedArrays<B>['Uint32Array'] {
    return this.owner.currentViews.u32;
  }

  /** The memory as signed 32-bit integers. */
  get i32(): TypedArrays<B>['Int32Array'] {
    return this.owner.currentViews.i32;
  }

  /** The memory as 32-bit floating-point numbers. */
  get f32(): TypedArrays<B>['Float32Array'] {
    return this.owner.currentViews.f32;
  }

  /** The memory as 64-bit floating-point numbers. */
  get f64(): TypedArrays<B>['Float64Array'] {
    return this.owner.currentViews.f64;
  }

  /** The memory as signed 64-bit integers. */
  get i64(): TypedArrays<B>['BigInt64Array'] {
    return this.owner.currentViews.i64;
  }

  /** The memory as unsigned 64-bit integers. */
  get u64(): TypedArrays<B>['BigUint64Array'] {
    return this.owner.currentViews.u64;
  }

  /**
   * Decodes bytes of memory as UTF-8. Invalid sequences become U+FFFD.
   *
   * @throws RangeError where the bytes are not in memory.
   */
  readString(address: number, byteLength: number): string {
    const end = clampSize('address', address) + clampSize('byteLength', byteLength);
    if (end > this.memory.buffer.byteLength) {
      throw new RangeError(
        `byteLength must end in memory, got ${byteLength} bytes at ${formatAddress(address)}`,
      );
    }
    return decodeUtf8(this.u8.subarray(address, end));
  }

  /**
   * Returns the counters and sizes of the heap. It takes constant time, except where the largest free block was
   * used since the last call: then it searches the free blocks.
   *
   * @example
   * ```ts
   * heap.malloc(100);
   * const { liveBlocks, liveBytes } = heap.stats();
   * console.log(liveBlocks, liveBytes); // 1 112
   * ```
   */
  stats(): HeapStats {
    const { strategy, functions } = this;
    const { memoryBytes, maximumBytes } = this.owner;
    return { strategy, memoryBytes, maximumBytes, ...functions.counters() };
  }

  /**
   * Iterates over the used and free blocks as they are now, in address order. Each ends where the next begins,
   * except where pages of other code lie between them. Adjacent blocks of `allocate` count as one block, because
   * nothing separates them. The call takes time and memory proportional to the number of blocks.
   *
   * @throws HeapCorruptionError where the heap is corrupted.
   *
   * @example
   * ```ts
   * const address = heap.malloc(100);
   * const used = [...heap.blocks()].filter(({ state }) => state === 'used');
   * console.log(used.some((block) => block.address === address)); // true
   * ```
   */
  blocks(): IterableIterator<HeapBlock> {
    checkHeap(this.functions);
    return this.functions.blocks().values();
  }

  /**
   * Checks the invariants of the whole heap, in time proportional to its size.
   *
   * @throws HeapCorruptionError where one is broken.
   *
   * @example
   * ```ts
   * const address = heap.malloc(64);
   * heap.free(address);
   * heap.u32.fill(7, address / 4, address / 4 + 16); // a write to a freed block
   * try {
   *   heap.check();
   * } catch (error) {
   *   console.log(error instanceof HeapCorruptionError); // true
   * }
   * ```
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
   *
   * @example
   * ```ts
   * const heap = await createHeap({ debug: true });
   * heap.malloc(10);
   * for (const { size, stack } of heap.leaks()) console.log(size, typeof stack); // 10 string
   * ```
   */
  leaks(): LiveBlock[] {
    const { debug } = this.owner;
    if (debug !== undefined) return debug.liveBlocks();
    const used = [...this.blocks()].filter(({ state }) => state === 'used');
    return used.map(({ address, size }) => ({
      address,
      // A block of `allocate` has no usable size of its own: only the next block's address is known.
      size: this.functions.usableSize(address) || size,
      stack: undefined,
    }));
  }

  /**
   * Checks that no block is live, in time proportional to the size of the heap.
   *
   * @throws LeakError where blocks are live. In a debug heap it lists them by the calls that allocated them, those
   * with the most bytes first.
   * @throws HeapCorruptionError where the heap is corrupted.
   *
   * @example
   * ```ts
   * heap.array(Uint8Array, 16);
   * try {
   *   heap.assertNoLeaks();
   * } catch (error) {
   *   console.log(error instanceof LeakError); // true
   * }
   * ```
   */
  assertNoLeaks(): void {
    const leaks = this.leaks();
    if (leaks.length !== 0) throw new LeakError(leaks, this.owner.debug?.listByStack(leaks));
  }

  /**
   * Returns the live blocks and the stats as they are now, in time proportional to the size of the heap.
   * `HeapSnapshot.diff` compares them with later ones.
   *
   * @throws HeapCorruptionError where the heap is corrupted.
   *
   * @example
   * ```ts
   * const before = heap.snapshot();
   * heap.array(Float32Array, 100);
   * console.log(heap.snapshot().blocks.length - before.blocks.length); // 1
   * ```
   */
  snapshot(): HeapSnapshot {
    return new HeapSnapshot(this.leaks(), this.stats());
  }

  /**
   * Returns a line with the strategy, the live blocks and the memory. The Node entry and `lite-alloc/inline` add a map
   * of the heap for the terminal: at most 12 lines of 64 characters, and a line that explains them. If the heap is
   * corrupted or disposed, the line names the error.
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
