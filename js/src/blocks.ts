// SPDX-License-Identifier: MIT
/// <reference lib="esnext.disposable" preserve="true" />

import { toByteLength } from './arguments.js';
import type { DebugLayer } from './debug-layer.js';
import { DoubleFreeError, formatAddress, UseAfterFreeError } from './errors.js';
import type { GrowthWatch } from './growth.js';
import type { TypedArray, TypedArrayConstructor } from './typed-arrays.js';
import type { MemoryViews } from './views.js';

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
  readonly growth: GrowthWatch;
  /** Throws as `Heap.memalign` does, or where the owner is dead. */
  memalign(alignment: number, bytes: number): number;
  /** Throws as `Heap.realloc` does. */
  realloc(address: number, oldBytes: number, bytes: number): number;
  /** Throws as `Heap.free` does. */
  free(address: number): void;
  /** Takes note of a new handle, and of one that moved. */
  watch(handle: HeapHandle): void;
  /** What a debug heap knows of blocks. */
  readonly debug: DebugLayer | undefined;
}

/** What a scope asks of its heap. */
export interface HeapOwner extends BlockOwner {
  /** Leaves a block that `memalign` or `realloc` gave to the caller: the heap takes its raw address. */
  disown(address: number): void;
  /** Takes raw addresses. */
  readonly heap: { free(address: number): void; realloc(address: number, bytes: number): number };
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
  readonly #kind: { readonly name: string; readonly BYTES_PER_ELEMENT: number };
  #address: number;
  #count: number;
  #epoch: number;
  #registry: LeakRegistry | undefined;

  /** @internal */
  constructor(
    owner: BlockOwner,
    kind: { readonly name: string; readonly BYTES_PER_ELEMENT: number },
    address: number,
    count: number,
  ) {
    this.#owner = owner;
    this.#kind = kind;
    this.#address = address;
    this.#count = count;
    this.#epoch = owner.epoch;
    owner.watch(this);
    owner.debug?.describe(address, `a ${kind.name}: free it with handle.free()`);
  }

  /** Bytes from the start of memory; changes when the block moves. */
  get address(): number {
    return this.#address;
  }

  /** Bytes that hold contents. */
  get byteLength(): number {
    return this.#count * this.#kind.BYTES_PER_ELEMENT;
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
    if (isLost) throw doubleFree(this.#address);
    if (!alive) return;
    this.#unregister();
    this.#owner.free(this.#address);
  }

  [disposeSymbol](): void {
    this.free();
  }

  /**
   * Has `registry` told when this handle is collected as garbage while it is alive.
   *
   * @internal
   */
  register(registry: LeakRegistry): void {
    if (!this.alive || this.#registry !== undefined) return;
    this.#registry = registry;
    const leak = {
      kind: this.#kind.name,
      length: this.#count,
      byteLength: this.byteLength,
      address: this.#address,
      epoch: this.#epoch,
    };
    registry.register(this, leak, this);
  }

  /** @internal */
  protected get owner(): BlockOwner {
    return this.#owner;
  }

  /** @internal */
  protected get count(): number {
    return this.#count;
  }

  /** @internal */
  protected resizeBlock(count: number): void {
    this.assertAlive('resize');
    const bytes = toByteLength('length', count, this.#kind.BYTES_PER_ELEMENT);
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
    throw new UseAfterFreeError(
      `${action}: the ${this.#kind.name}(${this.#count}) at ${formatAddress(this.#address)} was freed before${history}`,
    );
  }

  /** Whether the block is still this handle's, though something happened in the heap. */
  #renew(): boolean {
    if (this.#epoch < 0) return false;
    this.#epoch = this.#owner.renew(this.#address, this.#epoch);
    if (this.#epoch >= 0) return true;
    this.#unregister();
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
  readonly #type: TypedArrayConstructor<T>;
  #view: T | undefined;
  /** Of the memory that the view was made of. */
  #generation = -1;

  /**
   * Takes over the block at `address`: `array` and `from` of a heap, scope or arena make handles.
   *
   * @internal
   */
  constructor(owner: BlockOwner, type: TypedArrayConstructor<T>, address: number, length: number) {
    super(owner, type, address, length);
    this.#type = type;
  }

  /** Elements. */
  get length(): number {
    return this.count;
  }

  /**
   * The elements, in place. Do not keep it across allocations: growth of memory detaches it, and this
   * getter makes it anew, which it does only then.
   *
   * @throws UseAfterFreeError where the block was freed.
   */
  get view(): T {
    return this.alive && this.#generation === this.owner.views.generation
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
    this.owner.growth.runOperation(() => {
      this.resizeBlock(length);
      this.#generation = -1;
    });
  }

  /** A copy of the elements outside the heap. */
  slice(): T {
    return this.view.slice() as T;
  }

  #makeView(): T {
    const { growth, memory, views } = this.owner;
    growth.notice();
    this.assertAlive('view');
    this.#generation = views.generation;
    this.#view = new this.#type(memory.buffer, this.address, this.length);
    return this.#view;
  }
}
