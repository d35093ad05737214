// SPDX-License-Identifier: MIT
/// <reference lib="esnext.disposable" preserve="true" />

import { Arena, type ArenaOptions, planArena } from '../blocks/arena.js';
import { Scope } from '../blocks/scope.js';
import { disposeSymbol } from '../core/dispose.js';
import {
  HeapCorruptionError,
  invalidAddress,
  readStack,
  UseAfterFreeError,
  WasmLoadError,
} from '../core/errors.js';
import { defaultStrategy, type Strategy, strategies } from '../core/strategies.js';
import { granuleBytes } from '../core/units.js';
import { assertAlignment, clampSize, isUint32, toByteLength } from '../core/validate.js';
import { formatAddress } from '../core/values.js';
import type { DebugLayerMaker } from '../debug/types.js';
import { type HeapFunctions, type HeapLayer, mapFunctions } from '../module/heap-functions.js';
import { detachViews, stopDetaching } from '../module/memory-views.js';
import type { RegionOpener, Tenant } from '../module/region.js';
import { instantiate } from '../module/wasm-module.js';
import { Recorder, type RecordOptions } from '../traces/recorder.js';
import type { GrowthListener, GrowthOptions, Subscription } from './growth.js';
import { freedResult, HeapBlocks, type HeapMemory } from './heap-blocks.js';
import { InspectableHeap } from './inspectable-heap.js';
import type { HeapPlan } from './options.js';
import type { RawBlocks } from './raw-blocks.js';

/**
 * An allocator over a linear memory. `createHeap` makes one.
 *
 * After dispose every call throws `UseAfterFreeError`. After a trap in the wasm module every call throws the same
 * `HeapCorruptionError`.
 */
export class Heap extends InspectableHeap implements RawBlocks {
  /** The allocation strategy. */
  override readonly strategy: Strategy;

  #module = {} as HeapFunctions;
  /** The layers between the calls and the module, the lowest first. */
  #layers: HeapLayer[] = [];
  /** The module's functions below all layers. Every call with a raw address uses them. */
  #functions!: HeapFunctions;
  // The two that are called most are fields, because the engine reads a field faster than one of many properties.
  #malloc!: HeapFunctions['malloc'];
  #free!: HeapFunctions['free'];
  /** Throws. Set once the heap was disposed or its module has trapped: then every call does only this. */
  #fail: (() => never) | undefined;
  #isDisposed = false;
  /** Other heaps in the same memory know this object weakly, so the heap must keep it reachable. */
  readonly #tenant: Tenant;
  #leaveRegion: (() => void) | undefined;
  readonly #owner: HeapBlocks;

  /** Use `createHeap`. */
  constructor(
    plan: HeapPlan,
    size: HeapMemory,
    module: WebAssembly.Module,
    makeDebugLayer: DebugLayerMaker | undefined,
    openRegion: RegionOpener | undefined,
  ) {
    super();
    const { memory } = size;
    if (plan.stableViews) stopDetaching(memory);
    this.strategy = plan.strategy;
    // Canaries and the quarantine change the sizes and the order of blocks. The bump strategies never join free
    // blocks, so a program that suits them would run out of memory in a debug heap.
    const needsJoining = makeDebugLayer !== undefined && plan.strategy.includes('bump');
    const strategy = strategies.indexOf(needsJoining ? defaultStrategy : plan.strategy);
    this.#tenant = { end: (reason) => this.#dispose(reason) };
    const onTrap = (trap: unknown): never => this.#handleTrap(trap);
    const opened = openRegion?.(module, strategy, this.#tenant, onTrap);
    this.#leaveRegion = opened?.leave;
    const functions = opened?.functions ?? instantiate(module, memory, strategy, onTrap);
    if (functions === undefined) {
      throw new WasmLoadError(
        `wasm: this file has the default strategy alone, not ${plan.strategy}; lite-alloc/lite-alloc.strategies.wasm has all`,
      );
    }
    this.#module = functions;
    const debug = makeDebugLayer?.(memory);
    if (debug !== undefined) this.#layers.push(debug);
    this.#owner = new HeapBlocks(this, size, debug, () => this.#applyLayers(), plan.onLeak);
    this.#applyLayers();
  }

  /**
   * Calls `listener` after memory has grown, whether the heap or other code grew it. The call happens when the
   * operation that grew memory is complete, before that returns or throws; growth by other code is detected at
   * the next operation or read of a view (with `stableViews`, not at the read of a view). The listener may call
   * everything on the heap: free, resize, reset, dispose. All listeners receive one growth before any of them
   * receives the next, even one that a listener causes. An error that a listener throws becomes an uncaught error.
   *
   * While there are listeners, calls of the heap take several times as long.
   *
   * The listener stays until `remove` of the result is called, the option `signal` is aborted, or the heap is
   * disposed. Until then the signal keeps the heap reachable.
   *
   * @throws TypeError where `listener` is not a function, or an option is wrong.
   *
   * @example
   * ```ts
   * const sizes: number[] = [];
   * const subscription = heap.onGrow((memoryBytes) => sizes.push(memoryBytes));
   * heap.malloc(1 << 20);
   * console.log(sizes[0] === heap.stats().memoryBytes); // true
   * subscription.remove();
   * ```
   */
  onGrow(listener: GrowthListener, options: GrowthOptions = {}): Subscription {
    this.#fail?.();
    return this.#owner.growth.add(listener, options);
  }

  override malloc(size: number): number {
    return this.tryMalloc(size) || this.#owner.failAllocation(size);
  }

  tryMalloc(size: number): number {
    return this.#malloc(clampSize('size', size));
  }

  override calloc(count: number, size: number): number {
    clampSize('size', size);
    const bytes = toByteLength('count', count, size);
    return this.#functions.zeroed(clampSize('size', bytes)) || this.#owner.failAllocation(bytes);
  }

  override memalign(alignment: number, size: number): number {
    assertAlignment(alignment);
    return (
      this.#functions.memalign(alignment, clampSize('size', size)) ||
      this.#owner.failAllocation(size)
    );
  }

  realloc(address: number, size: number): number {
    const bytes = clampSize('size', size);
    const moved = isUint32(address) ? this.#functions.realloc(address, bytes) : 0;
    if (moved === 0 && address !== 0) this.usableSize(address);
    return moved || this.#owner.failAllocation(size);
  }

  free(address: number): void {
    const result = isUint32(address) ? this.#free(address) : -1;
    if (result !== freedResult) this.#owner.failFree(address, result);
  }

  usableSize(address: number): number {
    const size = isUint32(address) ? this.#functions.usableSize(address) : 0;
    if (size === 0) throw invalidAddress(address);
    return size;
  }

  allocate(size: number, alignment = granuleBytes): number {
    assertAlignment(alignment);
    return (
      this.#functions.allocate(clampSize('size', size), alignment) ||
      this.#owner.failAllocation(size)
    );
  }

  deallocate(address: number, size: number, alignment = granuleBytes): void {
    assertAlignment(alignment);
    const bytes = clampSize('size', size);
    if (!isUint32(address) || this.#functions.deallocate(address, bytes, alignment) === 0) {
      this.#failSized(address, size, alignment);
    }
  }

  reallocate(address: number, oldSize: number, newSize: number, alignment = granuleBytes): number {
    assertAlignment(alignment);
    const oldBytes = clampSize('oldSize', oldSize);
    const bytes = clampSize('newSize', newSize);
    if (
      !isUint32(address) ||
      this.#owner.functions.mayBeSizedBlock(address, oldBytes, alignment) === 0
    ) {
      this.#failSized(address, oldSize, alignment);
    }
    return (
      this.#functions.reallocate(address, oldBytes, bytes, alignment) ||
      this.#owner.failAllocation(newSize)
    );
  }

  /**
   * Frees every block at once. All handles are dead. The heap keeps its memory for reuse. `segregated-fit` takes
   * time proportional to the number of blocks, because it marks each of them as free.
   *
   * @example
   * ```ts
   * const array = heap.array(Uint8Array, 100);
   * heap.reset();
   * console.log(array.alive, heap.stats().liveBlocks); // false 0
   * ```
   */
  reset(): void {
    this.#owner.functions.reset();
    this.#owner.drop();
    this.#owner.growth.reportGrowth();
  }

  /**
   * Runs `fn` with a scope. When `fn` returns or throws, the scope frees the blocks that were allocated through it,
   * the last one first. Blocks that `fn` returns (a handle, an arena, an address, or arrays and plain objects of
   * these, at any depth) or passes to `scope.keep` stay alive. If `scope` is called in the function of another
   * `scope` of this heap, returned blocks belong to that outer scope.
   *
   * @throws TypeError where `fn` is asynchronous, after all blocks were freed. Use `scopeAsync` instead.
   * @throws RangeError where the result has more than 4 194 304 objects, after all blocks were freed.
   * @throws what `fn`, a getter or a Proxy in the result throws, after all blocks were freed; what freeing a block
   * throws, after all other blocks were freed; an `AggregateError` for several errors.
   *
   * @example
   * ```ts
   * const sum = heap.scope((scope) => {
   *   const values = scope.from(Float64Array, [1, 2, 3]);
   *   return values.view.reduce((total, value) => total + value);
   * });
   * console.log(sum, heap.stats().liveBlocks); // 6 0
   * ```
   */
  scope<Result>(fn: (scope: Scope) => Result): Result {
    return Scope.run(this.#owner, fn);
  }

  /**
   * Does the same for a function that returns a promise. The scope closes when the promise is settled. It does not
   * nest in other scopes, nor they in it: what `fn` returns belongs to the caller.
   *
   * @throws TypeError where `fn` is not a function. The promise is rejected with what `scope` throws.
   *
   * @example
   * ```ts
   * const length = await heap.scopeAsync(async (scope) => {
   *   const body = scope.from(new Uint8Array(await new Blob(['abc']).arrayBuffer()));
   *   return body.length;
   * });
   * console.log(length, heap.stats().liveBlocks); // 3 0
   * ```
   */
  scopeAsync<Result>(fn: (scope: Scope) => Result | PromiseLike<Result>): Promise<Result> {
    return Scope.runAsync(this.#owner, fn);
  }

  /**
   * Opens a scope that closes at the end of a `using` block, or by its `close`.
   *
   * @example
   * ```ts
   * {
   *   using scope = heap.openScope();
   *   scope.array(Float32Array, 100);
   * }
   * console.log(heap.stats().liveBlocks); // 0
   * ```
   */
  openScope(): Scope {
    return new Scope(this.#owner);
  }

  /**
   * Makes an arena: one block of this heap, for blocks that are all freed together. It lives until its `free`.
   *
   * @throws RangeError, TypeError where an option is wrong.
   * @throws OutOfMemoryError where memory cannot hold it.
   *
   * @example
   * ```ts
   * const frame = heap.arena({ bytes: 4096 });
   * frame.array(Float32Array, 16);
   * console.log(frame.usedBytes); // 64
   * frame.reset(); // drops all blocks of the arena
   * frame.free();
   * ```
   */
  arena(options: ArenaOptions): Arena {
    return this.finish(new Arena(planArena(options), this.#owner));
  }

  /**
   * Records the allocation calls on this heap, including those of its handles, until the recorder is stopped.
   * Several recorders may run at the same time. While one runs, calls of the heap take longer.
   *
   * @throws TypeError, RangeError where an option is wrong.
   *
   * @example
   * ```ts
   * const recorder = heap.record();
   * heap.free(heap.malloc(64));
   * console.log(recorder.stop().operations); // 2
   * ```
   */
  record(options: RecordOptions = {}): Recorder {
    this.#fail?.();
    const recorder = new Recorder(options, (layer) => {
      this.#layers.splice(this.#layers.indexOf(layer), 1);
      this.#applyLayers();
    });
    this.#layers.push(recorder);
    this.#applyLayers();
    return recorder;
  }

  /**
   * Disposes the heap and its memory. All handles are dead, and every call throws `UseAfterFreeError`. Nothing that
   * the heap made keeps the memory reachable. Views of the memory have length 0, except where the heap lies in a
   * region of a memory that other code made. A second call does nothing.
   *
   * @example
   * ```ts
   * const array = heap.array(Uint8Array, 100);
   * heap.dispose();
   * console.log(array.alive); // false
   * ```
   */
  dispose(): void {
    this.#dispose('the heap was disposed');
  }

  /** Disposes the heap, at the end of a `using` block. */
  [disposeSymbol](): void {
    this.dispose();
  }

  #dispose(reason: string): void {
    if (this.#isDisposed) return;
    this.#isDisposed = true;
    const ownsMemory = this.#leaveRegion === undefined;
    this.#leaveRegion?.();
    this.#leaveRegion = undefined; // this function keeps the memory reachable
    if (ownsMemory) detachViews(this.memory);
    const fail = (): never => {
      throw new UseAfterFreeError(reason);
    };
    this.#stop(fail);
    this.#owner.end(fail);
  }

  /** @internal */
  protected override get functions(): HeapFunctions {
    return this.#functions;
  }

  /** @internal */
  protected override get owner(): HeapBlocks {
    return this.#owner;
  }

  /**
   * Handles what a call of the module threw. After a trap the state of the heap is unknown, so every later call
   * throws. The other error that a call can throw is that of the engine for an exhausted stack. It passes through:
   * most of these do no harm, and handling one would need stack, too.
   */
  #handleTrap(cause: unknown): never {
    // The error may be of another realm, where `RuntimeError` is another class.
    if ((cause as Error).name !== 'RuntimeError') throw cause;
    readStack(cause as Error);
    const message = 'the heap is corrupted: its module trapped; dispose the heap';
    const error = new HeapCorruptionError(0, message, {}, { cause });
    this.#stop(() => {
      throw error;
    });
    throw error;
  }

  /** Replaces all functions by one that throws. */
  #stop(fail: () => never): void {
    this.#fail = fail;
    this.#owner.hasEnded = true;
    this.#layers = [];
    this.#owner.debug = undefined;
    this.#module = mapFunctions(this.#module, () => fail);
    this.#applyLayers();
  }

  /** Wraps the module's functions in the present layers. */
  #applyLayers(): void {
    this.#owner.functions = this.#layers.reduce((below, layer) => layer.wrap(below), this.#module);
    const { functions, owned, growth } = this.#owner;
    const below = owned?.wrap(functions) ?? functions;
    this.#functions = growth.isNeeded ? growth.wrap(below) : below;
    this.#malloc = this.#functions.malloc;
    this.#free = this.#functions.free;
  }

  #failSized(address: number, size: number, alignment: number): never {
    throw invalidAddress(
      address,
      `no block of ${size} bytes aligned to ${alignment} can be at ${formatAddress(address)}`,
    );
  }
}
