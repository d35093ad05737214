// SPDX-License-Identifier: MIT
/// <reference lib="esnext.disposable" preserve="true" />

import { toByteLength } from './arguments.js';
import { DoubleFreeError, UseAfterFreeError } from './errors.js';
import type { TypedArray, TypedArrayConstructor } from './typed-arrays.js';
import { formatAddress } from './values.js';
import type { MemoryViews, WholeViews } from './views.js';

/** Lets listeners for growth run between operations: `GrowthWatch` says how. */
export interface OperationWatch {
  runOperation<Result>(operation: () => Result): Result;
  notice(): void;
}

/** The part of a `DebugLayer` that handles use. */
interface BlockHistory {
  describe(address: number, kind: string): void;
  historyOf(address: number, size: number): string;
}

/** What a handle asks of the heap or arena it belongs to. */
export interface BlockOwner {
  /**
   * Another number, a larger one, when handles may have died without a call of their own: all of them at a
   * reset, one where other code freed its block.
   */
  readonly epoch: number;
  /**
   * The present epoch where the block at `address`, which its owner got or knew of in `epoch`, is still
   * that owner's; `deadEpoch` where all blocks were dropped since; `lostEpoch` where other code freed this
   * one, which is reported once.
   */
  renew(address: number, epoch: number): number;
  readonly memory: WebAssembly.Memory;
  readonly views: MemoryViews;
  readonly growth: OperationWatch;
  // These calls run no listeners for growth in between: the operations that use them call `growth.notice` as
  // the last thing they do. Where one throws, the listeners ran, and nothing else happened.

  /** Throws as `Heap.memalign` does, or where the owner is dead. */
  memalign(alignment: number, bytes: number): number;
  /** Throws as `Heap.realloc` does. */
  realloc(address: number, oldBytes: number, bytes: number): number;
  /** Throws as `Heap.free` does. */
  free(address: number): void;
  /** Takes note of a new handle, and of one that moved. */
  watch(handle: HeapHandle): void;
  /** Takes note of a handle that holds a view now. Only arenas have it: their `watch` does nothing. */
  watchView?(handle: HeapHandle): void;
  /** What a debug heap knows of blocks. */
  readonly debug: BlockHistory | undefined;
}

/** What a scope asks of its heap. */
export interface HeapOwner extends BlockOwner {
  /** Leaves a block that `memalign` or `realloc` gave to the caller: the heap takes its raw address. */
  disown(address: number): void;
  /** Takes raw addresses. */
  readonly heap: { free(address: number): void; realloc(address: number, bytes: number): number };
  /** The innermost `Scope` whose function is running. */
  runningScope?: object | undefined;
}

/** What a handle tells of itself before it is lost. */
export interface LeakedHandle {
  /** The kind of its elements, or `'string'`. */
  kind: string;
  /** Elements; of a string, bytes. */
  length: number;
  byteLength: number;
  /** Bytes from the start of memory. */
  address: number;
}

/** Keeps what is known of handles beyond their end. */
export type LeakRegistry = FinalizationRegistry<LeakedHandle & { readonly epoch: number }>;

/** Where the platform lacks the symbol, so does its `using`; compilers that lower that look for this one. */
export const disposeSymbol: typeof Symbol.dispose =
  Symbol.dispose ?? (Symbol.for('Symbol.dispose') as typeof Symbol.dispose);

/** No epoch of any owner. */
export const deadEpoch = -1;

/** The epoch of a handle whose block other code freed. */
export const lostEpoch = -2;

/** What owns one block: it lives until `free`, the end of its `using` block, or the heap's `reset`. */
export abstract class HeapHandle {
  readonly #owner: BlockOwner;
  /**
   * The constructor of an array's views. A property of its own, and a function, so that structured cloning
   * and `postMessage` throw: they would give an empty object otherwise.
   *
   * @internal
   */
  readonly type: { readonly name: string; readonly BYTES_PER_ELEMENT: number };
  #address: number;
  #count: number;
  #epoch: number;
  #registry: LeakRegistry | undefined;

  /** @internal */
  constructor(
    owner: BlockOwner,
    type: { readonly name: string; readonly BYTES_PER_ELEMENT: number },
    address: number,
    count: number,
  ) {
    this.#owner = owner;
    this.type = type;
    this.#address = address;
    this.#count = count;
    this.#epoch = owner.epoch;
    owner.watch(this);
    owner.debug?.describe(address, type.name);
  }

  /** Bytes from the start of memory; changes when the block moves. */
  get address(): number {
    return this.#address;
  }

  /** Bytes that hold contents. */
  get byteLength(): number {
    return this.#count * this.type.BYTES_PER_ELEMENT;
  }

  /** False once the block was freed, by whatever way of this handle, its scope, arena or heap. */
  get alive(): boolean {
    return this.#epoch === this.#owner.epoch || this.#renew();
  }

  /**
   * Frees the block. Does nothing where that was done.
   *
   * @throws DoubleFreeError where other code freed the block by its address, once.
   */
  free(): void {
    const { alive } = this;
    const isLost = this.#epoch === lostEpoch;
    this.#epoch = deadEpoch;
    this.dropView();
    if (isLost) throw doubleFree(this.#address);
    if (!alive) return;
    this.#unregister();
    this.#owner.free(this.#address);
    this.#owner.growth.notice();
  }

  [disposeSymbol](): void {
    this.free();
  }

  /**
   * Lets `registry` report when this handle is collected as garbage while it is alive, but where its block
   * is a part of an arena's.
   *
   * @internal
   */
  register(registry: LeakRegistry): void {
    if (this.#registry !== undefined) return;
    this.#registry = registry;
    // Nothing is freed with it: what must live is the block that it lies in.
    if (this.#owner.watchView !== undefined) return;
    const leak = {
      kind: this.type.name,
      length: this.#count,
      byteLength: this.byteLength,
      address: this.#address,
      epoch: this.#epoch,
    };
    registry.register(this, leak, this);
  }

  /**
   * Lets go of the view that it holds, where it has one.
   *
   * @internal
   */
  dropView(): void {}
  /** What `JSON.stringify` shows: the kind, the number of elements and the address. */
  toJSON(): string {
    return `${this.#name}${this.alive ? '' : ', freed'}`;
  }

  get #name(): string {
    return `${this.type.name}(${this.#count}) at ${formatAddress(this.#address)}`;
  }

  /** @internal */
  protected get owner(): BlockOwner {
    return this.#owner;
  }

  /** @internal */
  protected get isRegistered(): boolean {
    return this.#registry !== undefined;
  }

  /** @internal */
  protected get count(): number {
    return this.#count;
  }

  /** @internal */
  protected resizeBlock(count: number): void {
    this.assertAlive('resize');
    const bytes = toByteLength('length', count, this.type.BYTES_PER_ELEMENT);
    this.#address = this.#owner.realloc(this.#address, this.byteLength, bytes);
    this.#count = count;
    // The registry knows the old place.
    if (this.#registry === undefined) return;
    this.#unregister();
    this.#owner.watch(this);
  }

  /** @internal */
  protected assertAlive(action: string): void {
    if (this.alive) return;
    const history = this.#owner.debug?.historyOf(this.#address, this.byteLength) ?? '';
    throw new UseAfterFreeError(`${action}: the ${this.#name} was freed before${history}`);
  }

  /** Whether the block is still this handle's, though something happened in the heap. */
  #renew(): boolean {
    if (this.#epoch < 0) return false;
    this.#epoch = this.#owner.renew(this.#address, this.#epoch);
    if (this.#epoch >= 0) return true;
    this.#unregister();
    this.dropView();
    return false;
  }

  #unregister(): void {
    this.#registry?.unregister(this);
    this.#registry = undefined;
  }
}

export function doubleFree(address: number): DoubleFreeError {
  return new DoubleFreeError(address, `the block at ${formatAddress(address)} was freed before`);
}

/** A typed array that lives in a heap: an owning handle of one block. */
export class HeapArray<T extends TypedArray> extends HeapHandle {
  /** The constructor of its views. */
  declare readonly type: TypedArrayConstructor<T>;
  #view: T | undefined;
  /** Those of the memory that the view was made of, where there is a view. */
  #whole: WholeViews | undefined;

  /** @internal */
  override register(registry: LeakRegistry): void {
    super.register(registry);
    // The constructor of the base class may have it registered, before there are fields here.
    if (this.isRegistered && #view in this && this.#view) viewHandles.set(this.#view, this);
  }

  /** Elements. */
  get length(): number {
    return this.count;
  }

  /**
   * The elements, in place. Do not keep it across allocations: growth of memory detaches it, and this
   * getter makes it anew, which it does only then.
   *
   * As long as a view is reachable, its handle is not collected as garbage. The block still ends with
   * `free`, `resize`, the end of a scope, `reset` and dispose: do not use a view after these. Views made
   * from a view (`subarray`, `new Uint8Array(view.buffer)`) do not keep the handle: keep either beside them.
   *
   * @throws UseAfterFreeError where the block was freed.
   */
  get view(): T {
    return this.alive && this.#whole === this.owner.views.all
      ? (this.#view as T)
      : this.#makeView();
  }

  /**
   * Changes the number of elements; contents are kept up to the smaller one, elements beyond are
   * whatever was there. The block may move. Views made before are to be read from `view` again.
   *
   * @throws RangeError where `length` is not a non-negative integer.
   * @throws OutOfMemoryError where memory cannot hold it; all is as it was then.
   * @throws UseAfterFreeError where the block was freed.
   */
  resize(length: number): void {
    this.resizeBlock(length);
    this.#whole = undefined;
    this.owner.growth.notice();
  }

  /** A copy of the elements outside the heap. */
  slice(): T {
    return this.view.slice() as T;
  }

  /** @internal */
  override dropView(): void {
    this.#view = undefined;
    this.#whole = undefined;
  }

  #makeView(): T {
    const { growth, memory, views } = this.owner;
    growth.notice();
    this.assertAlive('view');
    this.#whole = views.all;
    this.#view = new this.type(memory.buffer, this.address, this.length);
    if (this.isRegistered) viewHandles.set(this.#view, this);
    else this.owner.watchView?.(this);
    return this.#view;
  }
}

/**
 * A view keeps its handle from being collected as garbage, which would free the memory of the view. Entries
 * are made where handles are registered: until then something holds these anyway, and most short lives are
 * over. An entry costs ten times what a view does.
 */
const viewHandles = new WeakMap<object, HeapHandle>();
