// SPDX-License-Identifier: MIT

import type { TypedArray, TypedArrayConstructor } from '../core/typed-arrays.js';
import type { Uncloneable } from '../core/values.js';
import type { WholeViews } from '../module/memory-views.js';
import { HeapHandle } from './handle.js';
import type { LeakRegistry } from './lost-handles.js';

/** A typed array in a heap: a handle that owns one block. */
export class HeapArray<T extends TypedArray> extends HeapHandle {
  /** The constructor of its views. */
  declare readonly type: TypedArrayConstructor<T>;
  #view: T | undefined;
  /** The views of the memory from which `#view` was made; undefined where there is no view. */
  #whole: WholeViews | undefined;

  /** @internal */
  override register(registry: LeakRegistry, unregister: Uncloneable): void {
    super.register(registry, unregister);
    // The constructor of the base class may register the handle before this class's fields exist.
    if (this.isRegistered && #view in this && this.#view) viewHandles.set(this.#view, this);
  }

  /** The number of elements. */
  get length(): number {
    return this.count;
  }

  /**
   * The elements, in place. Do not keep the view across allocations: growth of memory detaches it. This
   * getter makes a new view only after that.
   *
   * As long as a view is reachable, its handle is not collected as garbage. Do not use a view after `free`,
   * `resize`, the end of a scope, `reset` or dispose. A view made from a view (`subarray`,
   * `new Uint8Array(view.buffer)`) does not keep the handle: keep the first view or the handle, too.
   *
   * @throws UseAfterFreeError where the block was freed.
   *
   * @example
   * ```ts
   * const samples = heap.array(Float32Array, 128);
   * heap.malloc(1 << 20); // memory grows
   * samples.view[0] = 1; // a view from before would have length 0
   * console.log(samples.view.length); // 128
   * ```
   */
  get view(): T {
    return this.alive && this.#whole === this.owner.views.all
      ? (this.#view as T)
      : this.#makeView();
  }

  /**
   * Changes the number of elements. The contents are kept up to the smaller number; new elements have
   * arbitrary values. The block may move, so read `view` again afterwards; then it is copied, in time
   * proportional to its size.
   *
   * @throws RangeError where `length` is not a non-negative integer.
   * @throws OutOfMemoryError where memory cannot hold the elements; the array is then unchanged.
   * @throws UseAfterFreeError where the block was freed.
   *
   * @example
   * ```ts
   * const list = heap.from(Uint16Array, [1, 2]);
   * list.resize(4);
   * list.view.fill(0, 2);
   * console.log(list.view.join()); // 1,2,0,0
   * ```
   */
  resize(length: number): void {
    this.resizeBlock(length);
    this.#whole = undefined;
    this.owner.growth.reportGrowth();
  }

  /**
   * Returns a copy of the elements outside the heap.
   *
   * @throws UseAfterFreeError where the block was freed.
   *
   * @example
   * ```ts
   * const array = heap.from(Uint8Array, [1, 2, 3]);
   * const copy = array.slice();
   * array.free();
   * console.log(copy.join()); // 1,2,3
   * ```
   */
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
    growth.reportGrowth();
    this.assertAlive('view');
    this.#whole = views.all;
    this.#view = new this.type(memory.buffer, this.address, this.length);
    if (this.isRegistered) viewHandles.set(this.#view, this);
    else this.owner.watchView?.(this);
    return this.#view;
  }
}

/**
 * Maps views to their handles, so that a reachable view keeps its handle from being collected as garbage, which would
 * free the memory of the view. An entry costs ten times as much as a view. It is made only for registered handles: the
 * list of waiting handles keeps unregistered ones reachable, and most short-lived handles never get an entry.
 */
const viewHandles = new WeakMap<object, HeapHandle>();
