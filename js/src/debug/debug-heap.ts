// SPDX-License-Identifier: MIT
//
// A debug heap surrounds every block with canaries, keeps freed blocks in a quarantine, and records the stacks of
// calls. block.ts shows how a block is laid out.

import { AddressMap } from '../core/address-map.js';
import { DoubleFreeError, InvalidFreeError, type LiveBlock } from '../core/errors.js';
import { granuleBytes, largestSize } from '../core/units.js';
import { formatAddress } from '../core/values.js';
import type { HeapFunctions } from '../module/heap-functions.js';
import { MemoryViews } from '../module/memory-views.js';
import {
  type Block,
  corruption,
  describe,
  detailsOf,
  listByStack,
  placeIn,
  roundUp,
  withStacks,
} from './block.js';
import { BlockStacks } from './block-stacks.js';
import { type CallStack, captureStack } from './call-stacks.js';
import { Canaries } from './canaries.js';
import { Quarantine, Queue } from './quarantine.js';
import type { DebugLayer } from './types.js';
import { walkOwners } from './walk.js';

/** Checked options. */
export interface DebugPlan {
  /** The most bytes that blocks in quarantine take. */
  readonly quarantineBytes: number;
  /** Bytes of each canary: a multiple of 16. */
  readonly canaryBytes: number;
  /** Whether the stacks of calls are recorded. */
  readonly stacks: boolean;
}

/** The largest number of freed blocks in quarantine, and of blocks whose records stay after they left it. */
const mostRecords = 4096;

/** The layer that wraps the functions of a debug heap. */
export class DebugHeap implements DebugLayer {
  readonly #plan: DebugPlan;
  readonly #memory: MemoryViews;
  /** By address: live blocks, and freed ones until the address is used again or many later blocks were freed. */
  readonly #blocks = new AddressMap<Block>();
  readonly #canaries: Canaries;
  readonly #quarantine = new Quarantine();
  /**
   * Corrupted blocks that left the quarantine. They are reported at that moment and by each `check`, and are never
   * reused.
   */
  #corrupted: Block[] = [];
  readonly #stacks = new BlockStacks();
  /** Blocks that left the quarantine, the oldest first. */
  readonly #history = new Queue<Block>();

  #liveBlocks = 0;
  #liveBytes = 0;
  #peakLiveBytes = 0;
  #allocations = 0;
  #frees = 0;
  #failures = 0;

  constructor(memory: WebAssembly.Memory, plan: DebugPlan) {
    this.#plan = plan;
    this.#memory = new MemoryViews({ memory });
    this.#canaries = new Canaries(this.#memory, plan.canaryBytes);
  }

  wrap(below: HeapFunctions): HeapFunctions {
    return {
      ...below,
      malloc: (size) => this.#allocate(below, size, granuleBytes, false),
      zeroed: (size) => {
        const address = this.#allocate(below, size, granuleBytes, false);
        if (address !== 0) this.#memory.u8.fill(0, address, address + size);
        return address;
      },
      memalign: (alignment, size) => this.#allocate(below, size, alignment, false),
      realloc: (address, size) =>
        address === 0
          ? this.#allocate(below, size, granuleBytes, false)
          : this.#move(below, this.#findUnsized(address, 'realloc'), size),
      free: (address) => {
        if (address !== 0) this.#free(this.#findUnsized(address, 'free'));
        return 0;
      },
      usableSize: (address) => this.#findLive(address).size,
      reset: () => {
        this.#forgetAll();
        return below.reset();
      },

      allocate: (size, alignment) => this.#allocate(below, size, alignment, true),
      deallocate: (address, size, alignment) => {
        this.#free(this.#findSized(address, size, alignment));
        return 1;
      },
      reallocate: (address, oldSize, newSize, alignment) =>
        this.#move(below, this.#findSized(address, oldSize, alignment), newSize),
      mayBeSizedBlock: (address, size, alignment) =>
        Number(this.#findSized(address, size, alignment).isLive),

      counters: () => {
        const counters = below.counters();
        return {
          ...counters,
          liveBlocks: this.#liveBlocks,
          liveBytes: this.#liveBytes,
          peakLiveBytes: this.#peakLiveBytes,
          freeBytes: counters.freeBytes + this.#quarantine.bytes,
          allocations: this.#allocations,
          frees: this.#frees,
          failures: this.#failures,
        };
      },
      findCorruption: () => {
        this.#check();
        return below.findCorruption();
      },
      blocks: () => walkOwners(below.blocks(), this.#blocks.values()),
    };
  }

  liveBlocks(): LiveBlock[] {
    return [...this.#blocks.values()]
      .filter(({ isLive }) => isLive)
      .sort((left, right) => left.address - right.address)
      .map(({ address, size, allocation }) => ({ address, size, stack: allocation?.toString() }));
  }

  listByStack(blocks: readonly LiveBlock[]): string {
    return listByStack(blocks);
  }

  historyOf(address: number, size: number): string {
    const block = this.#blocks.get(address);
    return block?.isLive === false && block.size === Math.max(size, 1) ? withStacks('', block) : '';
  }

  describe(address: number, kind: string): void {
    const block = this.#blocks.get(address);
    if (block === undefined) return;
    block.owner =
      kind === 'arena'
        ? 'an arena: free it with arena.free()'
        : `a ${kind}: free it with handle.free()`;
  }

  refuseLoss(address: number): void {
    const block = this.#blocks.get(address);
    if (block?.isLive !== true) return;
    const {
      owner = 'a scope: free it with scope.free(address), or take it out with scope.keep(address)',
    } = block;
    const call = { ...block, freeing: this.#captureStack(this.refuseLoss) };
    throw new InvalidFreeError(
      address,
      withStacks(`${describe(block)} belongs to ${owner}`, call),
      detailsOf(call),
    );
  }

  #allocate(below: HeapFunctions, size: number, alignment: number, isSized: boolean): number {
    const allocation = this.#captureStack(this.#allocate);
    const block = this.#obtain(below, size, alignment, isSized, allocation);
    if (block === undefined) {
      this.#failures++;
      return 0;
    }
    this.#allocations++;
    this.#liveBlocks++;
    this.#countBytes(block.size, 0);
    return block.address;
  }

  /** A new block, not yet counted. */
  #obtain(
    below: HeapFunctions,
    wantedSize: number,
    wantedAlignment: number,
    isSized: boolean,
    allocation: CallStack | undefined,
  ): Block | undefined {
    const { canaryBytes, quarantineBytes } = this.#plan;
    const size = Math.max(wantedSize, 1);
    const alignment = Math.max(wantedAlignment, granuleBytes);
    const front = Math.max(alignment, canaryBytes);
    const wholeSize = roundUp(front + size + canaryBytes);
    if (wholeSize >= largestSize) return undefined;

    const release = (freed: Block): void => this.#release(below, freed);
    this.#quarantine.shrink(quarantineBytes, mostRecords, release);
    let base = below.memalign(alignment, wholeSize);
    if (base === 0 && !this.#quarantine.isEmpty) {
      this.#quarantine.shrink(0, 0, release);
      base = below.memalign(alignment, wholeSize);
    }
    if (base === 0) return undefined;

    const block: Block = {
      address: base + front,
      size,
      alignment,
      base,
      end: base + wholeSize,
      isSized,
      isLive: true,
      allocation,
      freeing: undefined,
    };
    try {
      this.#canaries.fillNew(block);
      this.#blocks.set(block.address, block);
      this.#stacks.add(block);
    } catch (error) {
      // The engine has no memory for the record. A block without a record could never be freed, so it is freed now.
      this.#blocks.delete(block.address);
      below.free(base);
      throw error;
    }
    return block;
  }

  #free(block: Block): void {
    this.#canaries.assertIntact(block);
    this.#retire(block, this.#captureStack(this.#free));
    this.#frees++;
    this.#liveBlocks--;
    this.#countBytes(0, block.size);
  }

  /**
   * Moves a block to another address, so that later uses of the old one are detected. Where memory has no room for
   * that, a block that does not grow stays where it is.
   */
  #move(below: HeapFunctions, block: Block, size: number): number {
    this.#canaries.assertIntact(block);
    const stack = this.#captureStack(this.#move);
    const moved = this.#obtain(below, size, block.alignment, block.isSized, stack);
    const oldSize = block.size;
    if (moved !== undefined) {
      const kept = Math.min(oldSize, moved.size);
      this.#memory.u8.copyWithin(moved.address, block.address, block.address + kept);
      if (block.owner !== undefined) moved.owner = block.owner;
      this.#retire(block, stack);
      this.#countBytes(moved.size, oldSize);
      return moved.address;
    }
    if (size > oldSize) {
      this.#failures++;
      return 0;
    }
    block.size = Math.max(size, 1);
    block.allocation = stack;
    this.#stacks.add(block);
    this.#canaries.fillEnd(block);
    this.#countBytes(block.size, oldSize);
    return block.address;
  }

  #retire(block: Block, freeing: CallStack | undefined): void {
    block.isLive = false;
    block.freeing = freeing;
    this.#canaries.fillFreed(block);
    this.#quarantine.add(block);
  }

  #release(below: HeapFunctions, block: Block): void {
    try {
      this.#canaries.assertIntact(block);
      if (below.free(block.base) !== 0) {
        throw corruption(block, 0, `allocator metadata of ${describe(block)} was overwritten`);
      }
    } catch (error) {
      this.#corrupted.push(block);
      throw error;
    }
    this.#history.push(block);
    if (this.#history.length <= mostRecords) return;
    const oldest = this.#history.shift();
    if (oldest !== undefined && this.#blocks.get(oldest.address) === oldest) {
      this.#blocks.delete(oldest.address);
    }
  }

  #forgetAll(): void {
    this.#blocks.clear();
    this.#quarantine.clear();
    this.#history.clear();
    this.#corrupted = [];
    this.#stacks.clear();
    this.#liveBlocks = 0;
    this.#liveBytes = 0;
    this.#frees = this.#allocations;
  }

  #countBytes(added: number, removed: number): void {
    this.#liveBytes += roundUp(added) - roundUp(removed);
    this.#peakLiveBytes = Math.max(this.#peakLiveBytes, this.#liveBytes);
  }

  #captureStack(from: object): CallStack | undefined {
    return this.#plan.stacks ? captureStack(from) : undefined;
  }

  #findLive(address: number): Block {
    const block = this.#blocks.get(address);
    if (block?.isLive !== true) throw this.#explainNotLive(address);
    return block;
  }

  #findUnsized(address: number, call: string): Block {
    const block = this.#findOwned(address, call);
    if (!block.isSized) return block;
    throw new InvalidFreeError(
      address,
      withStacks(
        `${describe(block)} was allocated with allocate(); ${call} does not take it: use deallocate() or reallocate()`,
        block,
      ),
      detailsOf(block),
    );
  }

  #findSized(address: number, size: number, alignment: number): Block {
    const block = this.#findOwned(address, 'deallocate');
    if (
      block.isSized &&
      block.size === Math.max(size, 1) &&
      block.alignment === Math.max(alignment, granuleBytes)
    ) {
      return block;
    }
    const truth = block.isSized
      ? `is aligned to ${block.alignment}; it is not one of ${size} bytes aligned to ${alignment}`
      : 'was not allocated with allocate(); use free() or realloc()';
    throw new InvalidFreeError(
      address,
      withStacks(`${describe(block)} ${truth}`, block),
      detailsOf(block),
    );
  }

  /** Returns the live block at `address`, which `call` is to free or move. */
  #findOwned(address: number, call: string): Block {
    const block = this.#blocks.get(address);
    if (block?.isLive === true) return block;
    const isReused = this.#findAround(address)?.isLive === true;
    if (block === undefined || isReused || call === 'realloc') return this.#findLive(address);
    throw new DoubleFreeError(
      address,
      withStacks(`${describe(block)} is freed again`, block),
      detailsOf(block),
    );
  }

  #explainNotLive(address: number): InvalidFreeError {
    const place = formatAddress(address);
    const block = this.#findAround(address) ?? this.#blocks.get(address);
    if (block === undefined) {
      return new InvalidFreeError(address, `${place} is not a live block of this heap`);
    }
    const offset = address - block.address;
    return new InvalidFreeError(
      address,
      withStacks(
        offset === 0
          ? `${describe(block)} is not a live block of this heap`
          : `${place} is not a live block of this heap: it is ${placeIn(offset, block)} ${describe(block)}`,
        block,
      ),
      detailsOf(block, offset),
    );
  }

  /** Returns the block around an address, canaries included. Live blocks take precedence over freed ones. */
  #findAround(address: number): Block | undefined {
    let found: Block | undefined;
    for (const block of this.#blocks.values()) {
      if (block.base <= address && address < block.end && found?.isLive !== true) found = block;
    }
    return found;
  }

  #check(): void {
    for (const block of this.#corrupted) this.#canaries.assertIntact(block);
    for (const block of this.#quarantine) this.#canaries.assertIntact(block);
    for (const block of this.#blocks.values()) if (block.isLive) this.#canaries.assertIntact(block);
  }
}
