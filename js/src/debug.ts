// SPDX-License-Identifier: MIT
//
// Blocks that watch their borders. Below each lies a block of the heap with room around it:
//
//     base      front            address          size               end
//      | unused  | canary bytes   | the owner's    | canary bytes      |
//
// A freed block stays as it is, filled with a pattern, until the quarantine lets go of it.

import { AddressMap } from './address-map.js';
import { assertBytes, assertOptions, assertType, mustBe } from './arguments.js';
import { type CallStack, captureStack, readStack } from './call-stacks.js';
import type { DebugLayer, DebugLayerMaker, DebugOptions, DebugParts } from './debug-layer.js';
import type { BlockFacts, HeapCorruptionError, InvalidFreeError, LiveBlock } from './errors.js';
import type { HeapBlock, HeapFunctions } from './heap-functions.js';
import { formatAddress } from './values.js';
import { MemoryViews } from './views.js';

/** Of the entry that loads this file. */
let entry: DebugParts;

/** Checked options. */
interface DebugPlan {
  /** Most bytes that freed blocks are held back with. */
  readonly quarantineBytes: number;
  /** Watched on each side of a block: a multiple of 16. */
  readonly canaryBytes: number;
  readonly stacks: boolean;
}

/** What gives heaps their debug layers. A bad option is a `TypeError` or `RangeError` that names it. */
export function planDebug(debug: true | DebugOptions, parts: DebugParts): DebugLayerMaker {
  entry = parts;
  if (debug !== true && (typeof debug !== 'object' || debug === null)) {
    throw new TypeError(mustBe('debug', 'a boolean or an object', debug));
  }
  const options = debug === true ? {} : debug;
  assertOptions(options, ['quarantineBytes', 'canaryBytes', 'stacks'], 'debug.');
  const { quarantineBytes = 1 << 20, canaryBytes = unit, stacks = true } = options;
  assertBytes('debug.quarantineBytes', quarantineBytes, 0, 2 ** 32);
  assertBytes('debug.canaryBytes', canaryBytes, 1, 65536);
  assertType('debug.stacks', stacks, 'boolean');
  const plan = { quarantineBytes, canaryBytes: roundUp(canaryBytes), stacks };
  return (memory) => new DebugHeap(memory, plan);
}

/** Most freed blocks in quarantine, and most that are remembered after it: what bounds their records. */
const mostRecords = 4096;

/** Stacks that the message of a `LeakError` lists. */
const mostGroups = 10;

const unit = 16;

/** More than a heap can be asked for. */
const tooLarge = 0xffffffff;

// Three patterns, easily known in a dump: bytes behind the fence, clean ones and dead ones.
const canaryByte = 0xfd;
const newByte = 0xcd;
const freedByte = 0xdd;

interface Block {
  readonly address: number;
  /** What its owner asked for, at least 1. */
  size: number;
  readonly alignment: number;
  /** Of the block below. */
  readonly base: number;
  readonly end: number;
  /** Whether it is one of the sized calls. */
  readonly isSized: boolean;
  isLive: boolean;
  /** What a block of a handle, arena or scope belongs to, and how to free it. */
  owner?: string;
  allocation: CallStack | undefined;
  freeing: CallStack | undefined;
}

/** The calls of a heap over those of the module, with every block watched. */
class DebugHeap implements DebugLayer {
  readonly #plan: DebugPlan;
  readonly #memory: MemoryViews;
  /** By address: live ones, and freed ones until something new lies there or too many came after. */
  readonly #blocks = new AddressMap<Block>();
  readonly #quarantine = new Queue<Block>();
  #quarantinedBytes = 0;
  /** Freed blocks that were written to: told of once where they would leave the quarantine, then kept. */
  #damaged: Block[] = [];
  /** New blocks, whose stacks are no text yet. */
  #unread: Block[] = [];
  /** Blocks that left the quarantine. */
  readonly #history = new Queue<Block>();

  #liveBlocks = 0;
  #liveBytes = 0;
  #peakLiveBytes = 0;
  #allocations = 0;
  #frees = 0;
  #failures = 0;

  constructor(memory: WebAssembly.Memory, plan: DebugPlan) {
    this.#plan = plan;
    this.#memory = new MemoryViews(() => memory);
  }

  wrap(below: HeapFunctions): HeapFunctions {
    return {
      ...below,
      malloc: (size) => this.#allocate(below, size, unit, false),
      zeroed: (size) => {
        const address = this.#allocate(below, size, unit, false);
        if (address !== 0) this.#memory.u8.fill(0, address, address + size);
        return address;
      },
      memalign: (alignment, size) => this.#allocate(below, size, alignment, false),
      realloc: (address, size) =>
        address === 0
          ? this.#allocate(below, size, unit, false)
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

      figures: () => {
        const figures = below.figures();
        return {
          ...figures,
          liveBlocks: this.#liveBlocks,
          liveBytes: this.#liveBytes,
          peakLiveBytes: this.#peakLiveBytes,
          freeBytes: figures.freeBytes + this.#quarantinedBytes,
          allocations: this.#allocations,
          frees: this.#frees,
          failures: this.#failures,
        };
      },
      findCorruption: () => {
        this.#check();
        return below.findCorruption();
      },
      blocks: () => this.#walk(below),
    };
  }

  liveBlocks(): LiveBlock[] {
    return [...this.#blocks.values()]
      .filter(({ isLive }) => isLive)
      .sort((left, right) => left.address - right.address)
      .map(({ address, size, allocation }) => ({ address, size, stack: allocation?.toString() }));
  }

  listByStack(blocks: readonly LiveBlock[]): string {
    const groups = new Map<string | undefined, { bytes: number; blocks: LiveBlock[] }>();
    for (const block of blocks) {
      const group = groups.get(block.stack) ?? { bytes: 0, blocks: [] };
      group.bytes += block.size;
      group.blocks.push(block);
      groups.set(block.stack, group);
    }
    const largestFirst = [...groups].sort(([, left], [, right]) => right.bytes - left.bytes);
    const lines = largestFirst.slice(0, mostGroups).map(([stack = '', group]) => {
      const frames = stack.replace(/^(?=.)/gm, '\n    ').replace(/\n+/g, '\n');
      return entry.listBlocks(group.blocks) + frames;
    });
    if (groups.size > mostGroups) lines.push(`\nand from ${groups.size - mostGroups} other places`);
    return lines.join('');
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
    throw new entry.InvalidFreeError(
      address,
      withStacks(`${describe(block)} belongs to ${owner}`, call),
      factsOf(call),
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
    const alignment = Math.max(wantedAlignment, unit);
    const front = Math.max(alignment, canaryBytes);
    const wholeSize = roundUp(front + size + canaryBytes);
    if (wholeSize >= tooLarge) return undefined;

    this.#shrinkQuarantine(below, quarantineBytes, mostRecords);
    let base = below.memalign(alignment, wholeSize);
    if (base === 0 && this.#quarantine.length !== 0) {
      this.#shrinkQuarantine(below, 0, 0);
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
      this.#paint(block.address - canaryBytes, block.address, canaryByte);
      this.#paint(block.address, block.address + size, newByte);
      this.#paint(block.address + size, block.end, canaryByte);
      this.#blocks.set(block.address, block);
      this.#keepStack(block);
    } catch (error) {
      // The engine has no memory for the record: nobody would free the block.
      this.#blocks.delete(block.address);
      below.free(base);
      throw error;
    }
    return block;
  }

  #free(block: Block): void {
    this.#assertWhole(block);
    this.#retire(block, this.#captureStack(this.#free));
    this.#frees++;
    this.#liveBlocks--;
    this.#countBytes(0, block.size);
  }

  /** Always to another place, so that old addresses show; where there is no other, in place if it is no larger. */
  #move(below: HeapFunctions, block: Block, size: number): number {
    this.#assertWhole(block);
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
    this.#keepStack(block);
    this.#paint(block.address + block.size, block.end, canaryByte);
    this.#countBytes(block.size, oldSize);
    return block.address;
  }

  #retire(block: Block, freeing: CallStack | undefined): void {
    block.isLive = false;
    block.freeing = freeing;
    this.#paint(block.address, block.address + block.size, freedByte);
    this.#quarantine.push(block);
    this.#quarantinedBytes += block.end - block.base;
  }

  /** Gives the oldest freed blocks back until so much is left. */
  #shrinkQuarantine(below: HeapFunctions, mostBytes: number, mostBlocks: number): void {
    while (this.#quarantinedBytes > mostBytes || this.#quarantine.length > mostBlocks) {
      const block = this.#quarantine.shift();
      if (block === undefined) return;
      this.#quarantinedBytes -= block.end - block.base;
      this.#release(below, block);
    }
  }

  #release(below: HeapFunctions, block: Block): void {
    try {
      this.#assertWhole(block);
      if (below.free(block.base) !== 0) {
        throw corruption(block, 0, `what the heap keeps of ${describe(block)} was overwritten`);
      }
    } catch (error) {
      this.#damaged.push(block);
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
    this.#damaged = [];
    this.#unread = [];
    this.#quarantinedBytes = 0;
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

  /**
   * Reads the stack of a new block when the code that runs has ended, or many wait: by then most short
   * lives are over, and reading takes as long as all the rest.
   */
  #keepStack(block: Block): void {
    if (block.allocation === undefined) return;
    if (this.#unread.push(block) === 1) void Promise.resolve().then(() => this.#readStacks());
    if (this.#unread.length > 2 * mostRecords) {
      this.#unread = this.#unread.filter(({ isLive }) => isLive);
      if (this.#unread.length > mostRecords) this.#readStacks();
    }
  }

  #readStacks(): void {
    for (const block of this.#unread) {
      if (block.isLive && block.allocation !== undefined)
        block.allocation = readStack(block.allocation);
    }
    this.#unread = [];
  }

  #findLive(address: number): Block {
    const block = this.#blocks.get(address);
    if (block?.isLive !== true) throw this.#explainNotLive(address);
    return block;
  }

  #findUnsized(address: number, call: string): Block {
    const block = this.#findToGive(address, call);
    if (!block.isSized) return block;
    throw new entry.InvalidFreeError(
      address,
      withStacks(`${describe(block)} is one of the sized calls, not one for ${call}`, block),
      factsOf(block),
    );
  }

  #findSized(address: number, size: number, alignment: number): Block {
    const block = this.#findToGive(address, 'deallocate');
    if (
      block.isSized &&
      block.size === Math.max(size, 1) &&
      block.alignment === Math.max(alignment, unit)
    ) {
      return block;
    }
    const truth = block.isSized
      ? `is aligned to ${block.alignment}: not one of ${size} bytes aligned to ${alignment}`
      : 'is not one of the sized calls';
    throw new entry.InvalidFreeError(
      address,
      withStacks(`${describe(block)} ${truth}`, block),
      factsOf(block),
    );
  }

  /** The live block that is to be freed or moved. */
  #findToGive(address: number, call: string): Block {
    const block = this.#blocks.get(address);
    if (block?.isLive === true) return block;
    const isReused = this.#findAround(address)?.isLive === true;
    if (block === undefined || isReused || call === 'realloc') return this.#findLive(address);
    throw new entry.DoubleFreeError(
      address,
      withStacks(`${describe(block)} is freed again`, block),
      factsOf(block),
    );
  }

  #explainNotLive(address: number): InvalidFreeError {
    const place = formatAddress(address);
    const block = this.#findAround(address) ?? this.#blocks.get(address);
    if (block === undefined) {
      return new entry.InvalidFreeError(address, `${place} is not a live block of this heap`);
    }
    const offset = address - block.address;
    return new entry.InvalidFreeError(
      address,
      withStacks(
        offset === 0
          ? `${describe(block)} is not a live block of this heap`
          : `${place} is not a live block of this heap: it is ${placeIn(offset, block)} ${describe(block)}`,
        block,
      ),
      factsOf(block, offset),
    );
  }

  /** The block whose stretch an address lies in; live ones hide freed ones. */
  #findAround(address: number): Block | undefined {
    let found: Block | undefined;
    for (const block of this.#blocks.values()) {
      if (block.base <= address && address < block.end && found?.isLive !== true) found = block;
    }
    return found;
  }

  #check(): void {
    for (const block of this.#damaged) this.#assertWhole(block);
    for (const block of this.#quarantine) this.#assertWhole(block);
    for (const block of this.#blocks.values()) if (block.isLive) this.#assertWhole(block);
  }

  /** Throws where a canary, or a byte of a freed block, is not as it was left. */
  #assertWhole(block: Block): void {
    const { address, size, end, isLive } = block;
    const place =
      this.#findOther(address - this.#plan.canaryBytes, address, canaryByte) ||
      this.#findOther(address + size, end, canaryByte) ||
      (isLive ? 0 : this.#findOther(address, address + size, freedByte));
    if (place === 0) return;
    const offset = place - address;
    const value = formatAddress(this.#memory.u8[place] ?? 0);
    const event =
      offset < 0
        ? 'was written to in front of its start'
        : offset >= size
          ? 'was written to past its end'
          : 'was written to since';
    throw corruption(block, offset, `${describe(block)} ${event}: byte ${offset} holds ${value}`);
  }

  #paint(begin: number, end: number, byte: number): void {
    // For a few bytes a loop takes less than the call does.
    const bytes = this.#memory.u8;
    if (end - begin > 64) bytes.fill(byte, begin, end);
    else for (let place = begin; place < end; place++) bytes[place] = byte;
  }

  /** The first byte that is another; 0 where there is none. */
  #findOther(begin: number, end: number, byte: number): number {
    const { u8, u32 } = this.#memory.all;
    const word = Math.imul(byte, 0x01010101) >>> 0;
    let place = begin;
    while (place < end && place % 4 !== 0 && u8[place] === byte) place++;
    if (place % 4 === 0) while (place + 4 <= end && u32[place / 4] === word) place += 4;
    while (place < end && u8[place] === byte) place++;
    return place < end ? place : 0;
  }

  /** The stretches below, with owners' addresses; blocks in quarantine are free. */
  #walk(below: HeapFunctions): HeapBlock[] {
    const live = new AddressMap<Block>();
    for (const block of this.#blocks.values()) if (block.isLive) live.set(block.base, block);

    const stretches: HeapBlock[] = [];
    let end = 0;
    for (const { address: begin, size } of below.blocks()) {
      const block = live.get(begin);
      const address = block?.address ?? begin;
      // What lies in front of an address counts to the stretch before it, as a header does.
      const last = stretches.at(-1);
      if (last !== undefined && begin === end) last.size += address - begin;
      end = begin + size;
      stretches.push({
        address,
        size: end - address,
        state: block === undefined ? 'free' : 'used',
      });
    }
    return stretches;
  }
}

/** First in, first out. */
class Queue<T> {
  #items: T[] = [];
  #first = 0;

  get length(): number {
    return this.#items.length - this.#first;
  }

  push(item: T): void {
    this.#items.push(item);
  }

  shift(): T | undefined {
    const item = this.#items[this.#first];
    if (item !== undefined) this.#first++;
    // Moves each item once, on average.
    if (this.#first * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#first);
      this.#first = 0;
    }
    return item;
  }

  clear(): void {
    this.#items = [];
    this.#first = 0;
  }

  *[Symbol.iterator](): Generator<T, undefined> {
    yield* this.#items.slice(this.#first);
  }
}

function roundUp(size: number): number {
  return Math.ceil(size / unit) * unit;
}

function describe({ size, address, isLive }: Block): string {
  return `the ${isLive ? '' : 'freed '}block of ${size} bytes at ${formatAddress(address)}`;
}

function placeIn(offset: number, { size }: Block): string {
  if (offset < 0) return `${-offset} bytes below`;
  return offset < size ? `byte ${offset} of` : `${offset - size} bytes behind the end of`;
}

function factsOf(block: Block, offset = 0): BlockFacts {
  return {
    size: block.size,
    offset,
    allocatedAt: block.allocation?.toString(),
    freedAt: block.freeing?.toString(),
  };
}

function withStacks(message: string, { allocation, freeing }: Block): string {
  return message + paragraph('allocated', allocation) + paragraph('freed', freeing);
}

function paragraph(title: string, stack: CallStack | undefined): string {
  return stack === undefined ? '' : `\n${title}\n${String(stack).replace(/^/gm, '    ')}`;
}

function corruption(block: Block, offset: number, message: string): HeapCorruptionError {
  return new entry.HeapCorruptionError(
    block.address,
    withStacks(message, block),
    factsOf(block, offset),
  );
}
