// SPDX-License-Identifier: MIT
/// <reference lib="esnext.disposable" preserve="true" />

import { disposeSymbol } from '../core/dispose.js';
import { UseAfterFreeError } from '../core/errors.js';
import { toByteLength } from '../core/validate.js';
import { formatAddress, type Uncloneable, uncloneable } from '../core/values.js';
import type { LeakRegistry } from './lost-handles.js';
import { type BlockOwner, deadEpoch, doubleFree, lostEpoch } from './owner.js';

/** An object that owns one block. The block lives until `free`, the end of its `using` block, or the heap's `reset`. */
export abstract class HeapHandle {
  /**
   * Ends the registration of this handle, if it is registered. It is the first property, so that errors about cloning
   * quote it.
   *
   * @internal
   */
  protected leaveRegistry = uncloneable;
  readonly #owner: BlockOwner;
  /**
   * The constructor of an array's views.
   *
   * @internal
   */
  readonly type: { readonly name: string; readonly BYTES_PER_ELEMENT: number };
  #address: number;
  #count: number;
  #epoch: number;

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

  /** Bytes from the start of memory. It changes when the block moves. */
  get address(): number {
    return this.#address;
  }

  /** The bytes of the contents. */
  get byteLength(): number {
    return this.#count * this.type.BYTES_PER_ELEMENT;
  }

  /** False once the block was freed by this handle, its scope, its arena, its heap or other code. */
  get alive(): boolean {
    return this.#epoch === this.#owner.epoch || this.#renew();
  }

  /**
   * Frees the block. Does nothing if the block is already free.
   *
   * @throws DoubleFreeError where other code freed the block by its address; a second call throws nothing.
   *
   * @example
   * ```ts
   * const array = heap.array(Uint8Array, 16);
   * array.free();
   * array.free(); // does nothing
   * console.log(array.alive); // false
   * ```
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
    this.#owner.growth.reportGrowth();
  }

  /** Frees the block, at the end of a `using` block. */
  [disposeSymbol](): void {
    this.free();
  }

  /**
   * Makes `registry` report when this handle is collected as garbage while it is alive. A handle whose block
   * lies in an arena is not reported.
   *
   * @internal
   */
  register(registry: LeakRegistry, unregister: Uncloneable): void {
    if (this.isRegistered) return;
    this.leaveRegistry = unregister;
    // An arena frees no single block, so there is nothing to report.
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
   * Drops the view that this handle keeps, if it has one.
   *
   * @internal
   */
  dropView(): void {}

  /** Returns what `JSON.stringify` shows: the kind, the number of elements and the address. */
  toJSON(): string {
    return `${this.#name}${this.alive ? '' : ', freed'}`;
  }

  /** Returns what `toJSON` returns. */
  toString(): string {
    return this.toJSON();
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
    return this.leaveRegistry !== uncloneable;
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
    // The registry still has the old address.
    if (!this.isRegistered) return;
    this.#unregister();
    this.#owner.watch(this);
  }

  /** @internal */
  protected assertAlive(action: string): void {
    if (this.alive) return;
    const history = this.#owner.debug?.historyOf(this.#address, this.byteLength) ?? '';
    throw new UseAfterFreeError(`${action}: the ${this.#name} was freed before${history}`);
  }

  /** Returns whether the block is still this handle's after the owner's epoch has changed. */
  #renew(): boolean {
    if (this.#epoch < 0) return false;
    this.#epoch = this.#owner.renew(this.#address, this.#epoch);
    if (this.#epoch >= 0) return true;
    this.#unregister();
    this.dropView();
    return false;
  }

  #unregister(): void {
    if (!this.isRegistered) return;
    this.leaveRegistry(this);
    this.leaveRegistry = uncloneable;
  }
}
