// SPDX-License-Identifier: MIT

import type { TypedArray, TypedArrayConstructor, TypedArrayOver } from '../core/typed-arrays.js';
import { HeapHandle, viewHandles } from './handle.js';

/** A typed array in a heap: a handle that owns one block. `B` is the type of the memory's buffer. */
export class HeapArray<
  T extends TypedArray,
  B extends ArrayBufferLike = ArrayBuffer,
> extends HeapHandle {
  /** The constructor of its views. */
  declare readonly type: TypedArrayConstructor<T>;
  /** @internal */
  protected declare kept: TypedArrayOver<T, B>;

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
  get view(): TypedArrayOver<T, B> {
    const view = this.kept;
    return view.length !== 0 && this.epoch === this.owner.epoch ? view : this.makeView();
  }

  /**
   * Changes the number of elements. The contents are kept up to the smaller number; new elements have
   * arbitrary values. The block may move, so read `view` again afterwards; then it is copied, in time
   * proportional to its size.
   *
   * @throws RangeError where `length` is not a non-negative integer.
   * @throws OutOfMemoryError where memory cannot hold the elements; the array is then unchanged.
   * @throws UseAfterFreeError where the block was freed.
   * @throws TypeError where a Proxy stands in for the handle.
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
    this.dropView();
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
  slice(): TypedArrayOver<T, ArrayBuffer> {
    return this.view.slice() as TypedArrayOver<T, ArrayBuffer>;
  }

  /**
   * Returns the view of the present memory. It makes a new one if growth detached the view that this handle keeps, or if
   * the handle keeps none; a view of an empty array has length 0 in any case.
   *
   * @internal
   */
  protected makeView(): TypedArrayOver<T, B> {
    const { owner } = this;
    owner.growth.reportGrowth();
    this.assertAlive('view');
    const buffer = owner.views.all.buffer as B;
    if (this.kept.length === 0 && (this.count !== 0 || this.kept.buffer !== buffer)) {
      this.kept = new this.type(buffer, this.place, this.count);
      if (this.isRegistered) viewHandles.set(this.kept, this);
      else owner.watchView?.(this);
    }
    return this.kept;
  }
}
