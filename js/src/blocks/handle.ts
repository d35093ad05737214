// SPDX-License-Identifier: MIT
/// <reference lib="esnext.disposable" preserve="true" />

import { disposeSymbol } from '../core/dispose.js';
import { UseAfterFreeError } from '../core/errors.js';
import { toByteLength } from '../core/validate.js';
import { formatAddress, type Uncloneable, uncloneable } from '../core/values.js';
import type { LeakRegistry } from './lost-handles.js';
import { type BlockOwner, deadEpoch, doubleFree, lostEpoch } from './owner.js';

/**
 * Stands for a view that does not exist. It is a typed array so that the engine knows without a check that the field of
 * a handle is one: reading a view then takes seven tenths of the time.
 */
export const noView: object = new Float32Array();

/**
 * Maps views to their handles, so that a reachable view keeps its handle from being collected as garbage, which would
 * free the memory of the view. An entry costs ten times as much as a view. It is made only for registered handles: the
 * list of waiting handles keeps unregistered ones reachable, and most short-lived handles never get an entry.
 */
export const viewHandles = new WeakMap<object, HeapHandle>();

/**
 * An object that owns one block. The block lives until `free`, the end of its `using` block, or the heap's `reset`.
 *
 * Its fields and functions are not private ones of JavaScript: making an object with these takes the engine longer than
 * the allocation of a small block.
 */
export abstract class HeapHandle {
  /**
   * Ends the registration of this handle, if it is registered. It is the first property, so that errors about cloning
   * quote it.
   *
   * @internal
   */
  protected leaveRegistry = uncloneable;
  /** @internal */
  waitingAt = 0;
  /** @internal */
  protected readonly owner: BlockOwner;
  /**
   * The constructor of an array's views.
   *
   * @internal
   */
  readonly type: { readonly name: string; readonly BYTES_PER_ELEMENT: number };
  /** @internal */
  protected place: number;
  /** @internal */
  protected count: number;
  /** @internal */
  protected epoch: number;
  /**
   * Shows that a Proxy, or an object with this one as its prototype, is not the handle: what that changes stays unknown to
   * the handle.
   *
   * @internal
   */
  protected readonly itself = this;
  /**
   * The view of an array; `noView` until it is first read. Growth of memory detaches it, and it then has length 0.
   *
   * @internal
   */
  protected kept = noView;

  /** @internal */
  constructor(
    owner: BlockOwner,
    type: { readonly name: string; readonly BYTES_PER_ELEMENT: number },
    address: number,
    count: number,
  ) {
    this.owner = owner;
    this.type = type;
    this.place = address;
    this.count = count;
    this.epoch = owner.epoch;
    owner.watch(this);
    owner.debug?.describe(address, type.name);
  }

  /** Bytes from the start of memory. It changes when the block moves. */
  get address(): number {
    return this.place;
  }

  /** The bytes of the contents. */
  get byteLength(): number {
    return this.count * this.type.BYTES_PER_ELEMENT;
  }

  /** False once the block was freed by this handle, its scope, its arena, its heap or other code. */
  get alive(): boolean {
    return this.epoch === this.owner.epoch || this.renew();
  }

  /**
   * Frees the block. Does nothing if the block is already free.
   *
   * @throws DoubleFreeError where other code freed the block by its address; a second call throws nothing.
   * @throws TypeError where a Proxy stands in for the handle.
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
    this.assertSelf();
    const { alive } = this;
    const isLost = this.epoch === lostEpoch;
    this.epoch = deadEpoch;
    this.dropView();
    if (isLost) throw doubleFree(this.place);
    if (!alive) return;
    this.endWatch();
    this.owner.free(this.place);
    this.owner.growth.reportGrowth();
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
    if (this.kept !== noView) viewHandles.set(this.kept, this);
    // An arena frees no single block, so there is nothing to report.
    if (this.owner.watchView !== undefined) return;
    const leak = {
      kind: this.type.name,
      length: this.count,
      byteLength: this.byteLength,
      address: this.place,
      epoch: this.epoch,
    };
    registry.register(this, leak, this);
  }

  /**
   * Drops the view that this handle keeps, if it has one.
   *
   * @internal
   */
  dropView(): void {
    this.kept = noView;
  }

  /** Returns what `JSON.stringify` shows: the kind, the number of elements and the address. */
  toJSON(): string {
    return `${this.describe()}${this.alive ? '' : ', freed'}`;
  }

  /** Returns what `toJSON` returns. */
  toString(): string {
    return this.toJSON();
  }

  /** @internal */
  protected get isRegistered(): boolean {
    return this.leaveRegistry !== uncloneable;
  }

  /** @internal */
  protected resizeBlock(count: number): void {
    this.assertAlive('resize');
    const bytes = toByteLength('length', count, this.type.BYTES_PER_ELEMENT);
    this.place = this.owner.realloc(this.place, this.byteLength, bytes);
    this.count = count;
    // The registry still has the old address.
    if (!this.isRegistered) return;
    this.endWatch();
    this.owner.watch(this);
  }

  /** @internal */
  protected assertAlive(action: string): void {
    this.assertSelf();
    if (this.alive) return;
    const history = this.owner.debug?.historyOf(this.place, this.byteLength) ?? '';
    throw new UseAfterFreeError(`${action}: the ${this.describe()} was freed before${history}`);
  }

  /** @internal */
  protected assertSelf(): void {
    if (this.itself !== this) throw new TypeError('use the handle, not a Proxy');
  }

  /** @internal */
  protected describe(): string {
    return `${this.type.name}(${this.count}) at ${formatAddress(this.place)}`;
  }

  /**
   * Returns whether the block is still this handle's after the owner's epoch has changed.
   *
   * @internal
   */
  protected renew(): boolean {
    if (this.epoch < 0) return false;
    this.epoch = this.owner.renew(this.place, this.epoch);
    if (this.epoch >= 0) return true;
    this.endWatch();
    this.dropView();
    return false;
  }

  /** @internal */
  protected endWatch(): void {
    if (this.isRegistered) {
      this.leaveRegistry(this);
      this.leaveRegistry = uncloneable;
    } else {
      this.owner.unwatch?.(this);
    }
  }
}
