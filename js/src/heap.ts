// SPDX-License-Identifier: MIT
/// <reference lib="esnext.disposable" preserve="true" />

import { Allocator } from './allocator.js';
import { Arena, type ArenaOptions, planArena } from './arena.js';
import { assertAlignment, defaultAlignment, isAddress, toByteLength, toSize } from './arguments.js';
import {
  type BlockOwner,
  deadEpoch,
  disposeSymbol,
  doubleFree,
  type HeapOwner,
  type LeakedHandle,
  lostEpoch,
} from './blocks.js';
import type { DebugLayer, DebugLayerMaker } from './debug-layer.js';
import {
  HeapCorruptionError,
  invalidAddress,
  LeakError,
  type LiveBlock,
  OutOfMemoryError,
  readStack,
  UseAfterFreeError,
  WasmLoadError,
  wrapRejection,
} from './errors.js';
import { type GrowthListener, GrowthWatch } from './growth.js';
import { type HeapBlock, type HeapFunctions, type HeapLayer, mapCalls } from './heap-functions.js';
import { debugPart, entryParts, regionPart } from './lazy-parts.js';
import { LeakNet } from './leak-net.js';
import {
  defaultStrategy,
  type HeapOptions,
  type HeapPlan,
  planHeap,
  type Strategy,
  strategies,
} from './options.js';
import { OwnedBlocks } from './owned-blocks.js';
import { Recorder, type RecordOptions } from './recorder.js';
import type { RegionOpener, Tenant } from './region.js';
import { Scope } from './scope.js';
import { checkHeap, type HeapStats } from './sight.js';
import { HeapSnapshot } from './snapshot.js';
import { decodeUtf8 } from './strings.js';
import { formatAddress } from './values.js';
import { detachViews, MemoryViews, stopDetaching, type WholeViews } from './views.js';
import { instantiate, loadModule, loadModuleSync, type WasmSource } from './wasm-module.js';

const pageBytes = 65536;

// `lite_alloc::FreeResult`
const freedResult = 0;
const alreadyFreeResult = 2;

type MutableOwner = { -readonly [Key in keyof HeapOwner]: HeapOwner[Key] };

/** A heap over its own linear memory. `createHeap` makes one. */
export class Heap extends Allocator {
  /** How blocks are found and kept. */
  readonly strategy: Strategy;

  #module = {} as HeapFunctions;
  /** What stands between the calls and the module, the lowest first. */
  #layers: HeapLayer[] = [];
  #debug: DebugLayer | undefined;
  readonly #growth: GrowthWatch;
  /** The module's functions below all layers: what every call with raw addresses goes to. */
  #functions!: HeapFunctions;
  /** The same for what calls the owner of a block, or calls several of them in one operation. */
  #ownerFunctions!: HeapFunctions;
  // The hottest two once more: the engine reads a field faster than one of a module's many properties.
  #malloc!: HeapFunctions['malloc'];
  #free!: HeapFunctions['free'];
  /** Of blocks that belong to handles, arenas and scopes; undefined while there has been none. */
  #owned: OwnedBlocks | undefined;
  readonly #net: LeakNet;
  /** Blocks of earlier epochs are gone. */
  #firstEpoch = 0;
  /** Throws, once the heap was disposed or its module has trapped: all that calls do then. */
  #end: (() => never) | undefined;
  #isDisposed = false;
  /** Reachable as long as the heap is: other heaps in the same memory know it weakly. */
  readonly #tenant: Tenant;
  #leaveRegion: (() => void) | undefined;
  readonly #regionBytes: number | undefined;
  readonly #maximumBytes: number;
  readonly #owner: MutableOwner;

  /** Use `createHeap`. */
  constructor(
    plan: HeapPlan,
    { memory, maximumPages }: HeapMemory,
    module: WebAssembly.Module,
    makeDebugLayer: DebugLayerMaker | undefined,
    openRegion: RegionOpener | undefined,
  ) {
    super();
    const { region } = plan;
    if (plan.stableViews) stopDetaching(memory);
    this.strategy = plan.strategy;
    // Canaries and the quarantine change the sizes and the order of blocks, and the bump strategies never join
    // free ones: a program that they suit would run out of memory.
    const isJoined = makeDebugLayer !== undefined && plan.strategy.includes('bump');
    const strategy = strategies.indexOf(isJoined ? defaultStrategy : plan.strategy);
    this.#tenant = { end: (reason) => this.#dispose(reason) };
    const onTrap = (trap: unknown): never => this.#breakOff(trap);
    const opened = openRegion?.(module, strategy, this.#tenant, onTrap);
    this.#leaveRegion = opened?.leave;
    const functions = opened?.functions ?? instantiate(module, memory, strategy, onTrap);
    if (functions === undefined) {
      throw new WasmLoadError(
        `wasm: this file has the default strategy alone, not ${plan.strategy}; lite-alloc/lite-alloc.strategies.wasm has all`,
      );
    }
    this.#module = functions;
    this.#debug = makeDebugLayer?.(memory);
    if (this.#debug !== undefined) this.#layers.push(this.#debug);
    this.#growth = new GrowthWatch(
      () => this.#owner.views.u8.length,
      () => this.#applyLayers(),
    );
    this.#regionBytes = region && region.end - region.start;
    this.#maximumBytes = this.#regionBytes ?? maximumPages * pageBytes;
    this.#net = this.#makeNet(plan.onLeak);
    this.#owner = this.#makeOwner(memory);
    this.#applyLayers();
  }

  /** The linear memory. Whoever grows it, the heap and its views stay right. */
  get memory(): WebAssembly.Memory {
    return this.#owner.memory;
  }

  /**
   * Calls `listener` when memory has grown, whoever grew it: when the operation that grew it is complete,
   * before that returns or throws, or at the next operation or read of a view. Not where `stableViews` are
   * on and a view alone is read. It may do everything with the heap: free, resize, reset, dispose. All
   * listeners hear of one growth before any of them hears of the next, also where a listener causes it. What
   * it throws becomes an uncaught error of its own.
   *
   * Calls take some times as long while there are listeners, and nothing more while there are none.
   *
   * @returns what ends it.
   * @throws TypeError where `listener` is not a function.
   */
  onGrow(listener: GrowthListener): Disposable {
    this.#end?.();
    return this.#growth.add(listener);
  }

  // Views of the whole memory, index 0 at address 0. Always current when read from here; do not keep
  // them across allocations.

  get u8(): Uint8Array {
    return this.#views.u8;
  }

  get i8(): Int8Array {
    return this.#views.i8;
  }

  get u16(): Uint16Array {
    return this.#views.u16;
  }

  get i16(): Int16Array {
    return this.#views.i16;
  }

  get u32(): Uint32Array {
    return this.#views.u32;
  }

  get i32(): Int32Array {
    return this.#views.i32;
  }

  get f32(): Float32Array {
    return this.#views.f32;
  }

  get f64(): Float64Array {
    return this.#views.f64;
  }

  get i64(): BigInt64Array {
    return this.#views.i64;
  }

  get u64(): BigUint64Array {
    return this.#views.u64;
  }

  override malloc(size: number): number {
    return this.tryMalloc(size) || this.#failAllocation(size);
  }

  /**
   * As `malloc`, but 0 where memory cannot hold it.
   *
   * @throws RangeError where `size` is not a non-negative integer.
   */
  tryMalloc(size: number): number {
    return this.#malloc(toSize('size', size));
  }

  override calloc(count: number, size: number): number {
    toSize('size', size);
    const bytes = toByteLength('count', count, size);
    return this.#functions.zeroed(toSize('size', bytes)) || this.#failAllocation(bytes);
  }

  override memalign(alignment: number, size: number): number {
    assertAlignment(alignment);
    return this.#functions.memalign(alignment, toSize('size', size)) || this.#failAllocation(size);
  }

  /**
   * The block with `size` bytes, contents kept up to the smaller size: in place where it can, else
   * elsewhere, and `address` is dead. Keeps the block's alignment. An address of 0 is `malloc`.
   *
   * @throws RangeError where `size` is not a non-negative integer.
   * @throws OutOfMemoryError where memory cannot hold it; the block is as it was then.
   * @throws InvalidFreeError where `address` is not a live block of this heap.
   */
  realloc(address: number, size: number): number {
    const bytes = toSize('size', size);
    const moved = isAddress(address) ? this.#functions.realloc(address, bytes) : 0;
    if (moved === 0 && address !== 0) this.usableSize(address);
    return moved || this.#failAllocation(size);
  }

  /**
   * Frees a block; 0 is ignored. The block of a handle, arena or scope should be freed by that: freed by its
   * address, its owner is dead from then on and throws, and a debug heap refuses it.
   *
   * @throws DoubleFreeError where the block was freed before, as far as its bytes still tell.
   * @throws InvalidFreeError where `address` is not a live block of this heap.
   */
  free(address: number): void {
    const result = isAddress(address) ? this.#free(address) : -1;
    if (result !== freedResult) this.#failFree(address, result);
  }

  /**
   * The bytes that a block really has, at least what was asked for.
   *
   * @throws InvalidFreeError where `address` is not a live block of this heap.
   */
  usableSize(address: number): number {
    const size = isAddress(address) ? this.#functions.usableSize(address) : 0;
    if (size === 0) throw invalidAddress(address);
    return size;
  }

  /**
   * A block of the strategy itself: no header, `deallocate` and `reallocate` are told its size. Do not
   * give it to `free`.
   *
   * @throws RangeError where `size` is not a non-negative integer or `alignment` not a power of two.
   * @throws OutOfMemoryError where memory cannot hold it.
   */
  allocate(size: number, alignment = defaultAlignment): number {
    assertAlignment(alignment);
    return this.#functions.allocate(toSize('size', size), alignment) || this.#failAllocation(size);
  }

  /**
   * Frees what `allocate` gave, with the size and alignment it has now.
   *
   * @throws RangeError where `size` is not a non-negative integer or `alignment` not a power of two.
   * @throws InvalidFreeError where no such block can be at `address`; not every mistake shows.
   */
  deallocate(address: number, size: number, alignment = defaultAlignment): void {
    assertAlignment(alignment);
    const bytes = toSize('size', size);
    if (!isAddress(address) || this.#functions.deallocate(address, bytes, alignment) === 0) {
      this.#failSized(address, size, alignment);
    }
  }

  /**
   * What `allocate` gave, with `newSize` bytes, contents kept up to the smaller size, perhaps elsewhere.
   *
   * @throws RangeError where a size is not a non-negative integer or `alignment` not a power of two.
   * @throws OutOfMemoryError where memory cannot hold it; the block is as it was then.
   * @throws InvalidFreeError where no such block can be at `address`; not every mistake shows.
   */
  reallocate(
    address: number,
    oldSize: number,
    newSize: number,
    alignment = defaultAlignment,
  ): number {
    assertAlignment(alignment);
    const oldBytes = toSize('oldSize', oldSize);
    const bytes = toSize('newSize', newSize);
    if (
      !isAddress(address) ||
      this.#ownerFunctions.mayBeSizedBlock(address, oldBytes, alignment) === 0
    ) {
      this.#failSized(address, oldSize, alignment);
    }
    return (
      this.#functions.reallocate(address, oldBytes, bytes, alignment) ||
      this.#failAllocation(newSize)
    );
  }

  /** Drops every block at once; handles are dead. Memory is kept for reuse. */
  reset(): void {
    this.#ownerFunctions.reset();
    this.#dropBlocks();
    this.#growth.notice();
  }

  /**
   * The text that bytes in memory are in UTF-8; what is none becomes U+FFFD.
   *
   * @throws RangeError where the bytes are not in memory.
   */
  readString(address: number, byteLength: number): string {
    const end = toSize('address', address) + toSize('byteLength', byteLength);
    if (end > this.memory.buffer.byteLength) {
      throw new RangeError(
        `byteLength must end in memory, got ${byteLength} bytes at ${formatAddress(address)}`,
      );
    }
    return decodeUtf8(this.u8.subarray(address, end));
  }

  /**
   * Runs `fn` with a scope, and frees what it allocated through that, the last first, when it returns or
   * throws: all but what it returns (a handle, an arena, an address, or arrays and plain objects of these, at
   * any depth) or gives to `scope.keep`. What it returns belongs to the outer scope where `scope` was called
   * in the function of another `scope` of this heap.
   *
   * @throws TypeError where `fn` is asynchronous: all is freed then, and there is `scopeAsync`.
   * @throws RangeError where the result has more than 4 194 304 objects, after all was freed.
   * @throws what `fn`, a getter or a Proxy in the result throws, after all was freed; what a free throws,
   * after all others were freed; an `AggregateError` of several.
   */
  scope<Result>(fn: (scope: Scope) => Result): Result {
    return Scope.run(this.#owner, fn);
  }

  /**
   * The same for a function that gives a promise: the scope closes when that is settled. It is neither within
   * another scope nor around one: what it returns belongs to the caller.
   */
  scopeAsync<Result>(fn: (scope: Scope) => Result | PromiseLike<Result>): Promise<Result> {
    return Scope.runAsync(this.#owner, fn);
  }

  /** A scope for `using`, or to be closed by `close`. */
  openScope(): Scope {
    return new Scope(this.#owner);
  }

  /**
   * An arena in one block of this heap: for blocks that all end together. It lives until its `free`.
   *
   * @throws RangeError, TypeError where an option is wrong.
   * @throws OutOfMemoryError where memory cannot hold it.
   */
  arena(options: ArenaOptions): Arena {
    return this.note(new Arena(planArena(options), this.#owner));
  }

  /** Counters and figures. Constant time, but for a look through the free blocks where the largest was used since. */
  stats(): HeapStats {
    return {
      strategy: this.strategy,
      memoryBytes: this.#memoryBytes,
      maximumBytes: this.#maximumBytes,
      ...this.#functions.figures(),
    };
  }

  /**
   * The blocks and free stretches in address order, as they are now: each ends where the next begins,
   * but where somebody else's pages lie in between. Blocks of `allocate` that lie side by side have
   * nothing between them and show as one.
   *
   * @throws HeapCorruptionError where the heap is damaged.
   */
  blocks(): IterableIterator<HeapBlock> {
    checkHeap(this.#functions);
    return this.#functions.blocks().values();
  }

  /**
   * Looks through the whole heap for what cannot be.
   *
   * @throws HeapCorruptionError where it finds something.
   */
  check(): void {
    checkHeap(this.#functions);
  }

  /**
   * The live blocks in address order; in a debug heap with the calls that allocated them. In another
   * heap blocks of `allocate` that lie side by side may show as one. Takes time in proportion to the
   * heap.
   *
   * @throws HeapCorruptionError where the heap is damaged.
   */
  leaks(): LiveBlock[] {
    if (this.#debug !== undefined) return this.#debug.liveBlocks();
    const used = [...this.blocks()].filter(({ state }) => state === 'used');
    return used.map(({ address, size }) => ({
      address,
      // Of a sized block the heap knows no more than where the next one begins.
      size: this.#functions.usableSize(address) || size,
      stack: undefined,
    }));
  }

  /**
   * Throws where a block is live.
   *
   * @throws LeakError that lists them by the calls that allocated them, the most bytes first.
   * @throws HeapCorruptionError where the heap is damaged.
   */
  assertNoLeaks(): void {
    const leaks = this.leaks();
    if (leaks.length !== 0) throw new LeakError(leaks, this.#debug?.listByStack(leaks));
  }

  /**
   * Starts to record the allocation calls on this heap, those of its handles too, until the recorder is
   * stopped. Several recordings may run at a time.
   *
   * @throws TypeError, RangeError where an option is wrong.
   */
  record(options: RecordOptions = {}): Recorder {
    this.#end?.();
    const recorder = new Recorder(options, (layer) => {
      this.#layers.splice(this.#layers.indexOf(layer), 1);
      this.#applyLayers();
    });
    this.#layers.push(recorder);
    this.#applyLayers();
    return recorder;
  }

  /**
   * The live blocks and the figures as they are now, to be compared with later ones: see
   * `HeapSnapshot.diff`.
   *
   * @throws HeapCorruptionError where the heap is damaged.
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

  /**
   * Drops the heap and its memory: everything in it is dead, and every call throws `UseAfterFreeError`.
   * Nothing that the heap made keeps the memory reachable then. Views of it have length 0, but where it
   * is a region of a memory that other code made.
   */
  [disposeSymbol](): void {
    this.#dispose('the heap was disposed');
  }

  #dispose(reason: string): void {
    if (this.#isDisposed) return;
    this.#isDisposed = true;
    this.#leaveRegion?.();
    this.#leaveRegion = undefined; // engines keep the memory with this function
    if (this.#regionBytes === undefined) detachViews(this.memory);
    const fail = (): never => {
      throw new UseAfterFreeError(reason);
    };
    this.#stop(fail);
    this.#growth.end();
    this.#owner.debug = undefined;
    this.#owner.views = new MemoryViews(() => this.memory);
    Object.defineProperty(this.#owner, 'memory', { get: fail });
    this.#dropBlocks();
    this.#net.end();
  }

  /** @internal */
  protected override get owner(): BlockOwner {
    return this.#owner;
  }

  /** What handles, arenas and scopes ask of this heap. It captures nothing that keeps the memory. */
  #makeOwner(memory: WebAssembly.Memory): MutableOwner {
    return {
      epoch: 0,
      memory,
      heap: this,
      growth: this.#growth,
      debug: this.#debug,
      views: new MemoryViews(() => this.memory),
      memalign: (alignment, bytes) => {
        const size = toSize('size', bytes);
        const address =
          alignment <= defaultAlignment
            ? this.#ownerFunctions.malloc(size)
            : this.#ownerFunctions.memalign(alignment, size);
        return this.#own(address || this.#failAllocation(bytes));
      },
      realloc: (address, _oldBytes, bytes) => {
        const moved = this.#ownerFunctions.realloc(address, toSize('size', bytes));
        if (moved === 0) this.#failAllocation(bytes);
        this.#owned?.delete(address);
        return this.#own(moved);
      },
      free: (address) => {
        this.#owned?.delete(address);
        const result = this.#ownerFunctions.free(address);
        if (result !== freedResult) this.#failFree(address, result);
      },
      disown: (address) => this.#owned?.delete(address),
      renew: (address, epoch) => {
        if (epoch < this.#firstEpoch) return deadEpoch;
        return this.#owned?.takeLoss(address, epoch) ? lostEpoch : this.#owner.epoch;
      },
      watch: (handle) => this.#net.watch(handle),
    };
  }

  #makeNet(onLeak: (leak: LeakedHandle) => void): LeakNet {
    return new LeakNet((leak) => this.#reclaim(leak, onLeak));
  }

  #own(address: number): number {
    if (this.#owned === undefined) {
      this.#owned = new OwnedBlocks((lost) => {
        this.#debug?.refuseLoss(lost);
        return this.#owner.epoch++;
      });
      this.#applyLayers();
    }
    this.#owned.add(address);
    return address;
  }

  /** Ends the lives of all handles. */
  #dropBlocks(): void {
    this.#firstEpoch = ++this.#owner.epoch;
    this.#owned?.clear();
  }

  /** Frees what a lost handle owned, and reports it. */
  #reclaim(
    leak: LeakedHandle & { readonly epoch: number },
    report: (leak: LeakedHandle) => void,
  ): void {
    const { epoch, ...lost } = leak;
    if (this.#end !== undefined || this.#owner.renew(lost.address, epoch) < 0) return;
    this.#owner.free(lost.address);
    report(lost);
  }

  /**
   * Takes what a call of the module threw. After a trap nothing is known of the state of the heap, so from
   * now on every call throws. What else can come out of the module is the engine's error for an exhausted
   * stack. Most of these do no harm, and they cannot be handled: that would need stack, too.
   */
  #breakOff(cause: unknown): never {
    // By its name: it may be of another realm.
    if ((cause as Error).name !== 'RuntimeError') throw cause;
    readStack(cause as Error);
    const message = 'the heap is damaged, its module trapped: dispose it';
    const error = new HeapCorruptionError(0, message, {}, { cause });
    this.#stop(() => {
      throw error;
    });
    throw error;
  }

  /** From now on all calls end so. */
  #stop(end: () => never): void {
    this.#end = end;
    this.#layers = [];
    this.#debug = undefined;
    this.#module = mapCalls(this.#module, () => end);
    this.#applyLayers();
  }

  /** Makes all calls go through the layers there are now. */
  #applyLayers(): void {
    const put = (below: HeapFunctions, layer: HeapLayer): HeapFunctions => layer.wrap(below);
    this.#ownerFunctions = this.#layers.reduce(put, this.#module);
    const above = [];
    if (this.#owned !== undefined) above.push(this.#owned);
    if (this.#growth.isNeeded) above.push(this.#growth);
    this.#functions = above.reduce(put, this.#ownerFunctions);
    this.#malloc = this.#functions.malloc;
    this.#free = this.#functions.free;
  }

  get #views(): WholeViews {
    this.#growth.notice();
    return this.#owner.views.all;
  }

  get #memoryBytes(): number {
    return this.#regionBytes ?? this.memory.buffer.byteLength;
  }

  #failAllocation(bytes: number): never {
    this.#growth.notice();
    throw new OutOfMemoryError(bytes, this.#memoryBytes, this.#maximumBytes);
  }

  #failFree(address: number, result: number): never {
    throw result === alreadyFreeResult ? doubleFree(address) : invalidAddress(address);
  }

  #failSized(address: number, size: number, alignment: number): never {
    throw invalidAddress(
      address,
      `no block of ${size} bytes aligned to ${alignment} can be at ${formatAddress(address)}`,
    );
  }
}

/** Which of the package's modules a heap is of: that of the default strategy alone, of all, or for regions. */
export type WasmFile = 'default' | 'strategies' | 'region';

function fileOf({ region, strategy }: HeapPlan): WasmFile {
  if (region !== undefined) return 'region';
  return strategy === defaultStrategy ? 'default' : 'strategies';
}

/** A heap from the wasm that `options` name, else from what `packagedWasm` gives. */
export async function makeHeap(
  options: HeapOptions | undefined,
  packagedWasm: (file: WasmFile) => WasmSource | Promise<WasmSource>,
): Promise<Heap> {
  const plan = planHeap(options);
  if (plan.debug !== false) await debugPart.load();
  if (plan.region !== undefined) await regionPart.load();
  const make = prepareHeap(plan);
  const wasm =
    plan.wasm === undefined
      ? await packagedWasm(fileOf(plan))
      : await wrapRejection('wasm: the promise failed', async () => plan.wasm as WasmSource);
  const module = await loadModule(wasm);
  const memory = wantedMemory(plan);
  // Dead heaps may stay reachable until the task ends that dropped them, and hold what the engine has.
  if (memory === undefined) await nextTask();
  return make(module, memory ?? grantedMemory(plan));
}

/** The same without a promise. */
export function makeHeapSync(
  options: HeapOptions | undefined,
  packagedWasm: (file: WasmFile) => WasmSource,
): Heap {
  const plan = planHeap(options);
  const wasm = plan.wasm as WasmSource | undefined;
  if (wasm !== undefined && 'then' in Object(wasm)) {
    throw new TypeError('wasm: a promise cannot be waited for here; use createHeap');
  }
  const make = prepareHeap(plan);
  const module = loadModuleSync(wasm === undefined ? packagedWasm(fileOf(plan)) : wasm);
  return make(module, wantedMemory(plan) ?? grantedMemory(plan));
}

/** What makes a heap of a module. Fails where the parts that it needs were not loaded. */
function prepareHeap(plan: HeapPlan): (module: WebAssembly.Module, memory: HeapMemory) => Heap {
  const { debug, region } = plan;
  const makeDebugLayer = debug === false ? undefined : debugPart.loaded(debug, entryParts);
  const openRegion = region && regionPart.loaded(region, entryParts);
  return (module, memory) => new Heap(plan, memory, module, makeDebugLayer, openRegion);
}

/** Worklets have no timers: they go on at once. */
function nextTask(): Promise<void> {
  return new Promise((resolve) => {
    typeof setTimeout === 'function' ? setTimeout(resolve) : resolve();
  });
}

interface HeapMemory {
  readonly memory: WebAssembly.Memory;
  /** Of a heap that owns its memory. */
  readonly maximumPages: number;
}

/** The memory as it was asked for; undefined where the engine refuses it. */
function wantedMemory({ region, initialPages, maximumPages }: HeapPlan): HeapMemory | undefined {
  return region === undefined
    ? reserveMemory(initialPages, maximumPages)
    : { memory: region.memory, maximumPages: 0 };
}

/** The largest maximum that the engine grants: some refuse to reserve gigabytes. */
function grantedMemory({ initialPages, maximumPages }: HeapPlan): HeapMemory {
  // An engine that refuses the smallest memory, too, would refuse all in between, and takes long for each.
  const least = reserveMemory(initialPages, initialPages);
  if (least === undefined) {
    throw new OutOfMemoryError(
      initialPages * pageBytes,
      0,
      maximumPages * pageBytes,
      'the engine refuses another memory; dispose heaps that are no longer used',
    );
  }
  for (let pages = maximumPages; pages > initialPages; pages >>>= 1) {
    const granted = reserveMemory(initialPages, pages);
    if (granted !== undefined) return granted;
  }
  return least;
}

function reserveMemory(initialPages: number, maximumPages: number): HeapMemory | undefined {
  try {
    const memory = new WebAssembly.Memory({ initial: initialPages, maximum: maximumPages });
    return { memory, maximumPages };
  } catch (error) {
    // By its name: it may be of another realm.
    if ((error as Error).name !== 'RangeError') throw error;
    return undefined;
  }
}
