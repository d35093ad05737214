// SPDX-License-Identifier: MIT

import {
  type ArrayOptions,
  assertAlignment,
  assertType,
  defaultAlignment,
  mustBe,
  planArray,
  toByteLength,
  toSize,
} from './arguments.js';
import { type BlockOwner, HeapArray, HeapHandle } from './blocks.js';
import { HeapString } from './strings.js';
import {
  assertKind,
  collectElements,
  type Elements,
  kindOf,
  type TypedArray,
  type TypedArrayConstructor,
  type TypedArrays,
} from './typed-arrays.js';
import { bytesOf, uncloneable } from './values.js';

/** A handle, an arena, or the address of a raw block. */
export type Freeable = { readonly alive: boolean; free(): void } | number;

/** What gives blocks: a heap, a scope or an arena. */
export abstract class Allocator {
  /** @internal */
  protected readonly uncloneable = uncloneable;

  /**
   * What new blocks belong to. Throws where none can be had any more.
   *
   * @internal
   */
  protected abstract get owner(): BlockOwner;

  /**
   * Takes note of a new block, lets listeners for growth run, and returns it.
   *
   * @internal
   */
  protected note<Block extends Freeable>(block: Block): Block {
    this.owner.growth.notice();
    return block;
  }

  /**
   * A block of `size` bytes, aligned to 16. A size of 0 gives a distinct live block.
   *
   * @throws RangeError where `size` is not a non-negative integer.
   * @throws OutOfMemoryError where memory cannot hold it.
   */
  malloc(size: number): number {
    return this.memalign(defaultAlignment, size);
  }

  /**
   * A block of `count` times `size` bytes, all 0.
   *
   * @throws RangeError where either is not a non-negative integer.
   * @throws OutOfMemoryError where memory cannot hold the product.
   */
  calloc(count: number, size: number): number {
    toSize('size', size);
    const bytes = toByteLength('count', count, size);
    const { owner } = this;
    const address = owner.memalign(defaultAlignment, bytes);
    owner.views.u8.fill(0, address, address + bytes);
    return this.note(address);
  }

  /**
   * A block of `size` bytes at a multiple of `alignment`, a power of two up to 65 536; below 16 it
   * means 16.
   *
   * @throws RangeError where `size` is not a non-negative integer, or `alignment` no such power.
   * @throws OutOfMemoryError where memory cannot hold it.
   */
  memalign(alignment: number, size: number): number {
    assertAlignment(alignment);
    toSize('size', size);
    return this.note(this.owner.memalign(alignment, size));
  }

  /**
   * An array of `length` elements, not cleared unless asked.
   *
   * @throws RangeError where `length` is not a non-negative integer, or the alignment no power of two.
   * @throws TypeError where `type` is no constructor of typed arrays, or an option is unknown.
   * @throws OutOfMemoryError where memory cannot hold it.
   */
  array<T extends TypedArray>(
    type: TypedArrayConstructor<T>,
    length: number,
    options?: ArrayOptions,
  ): HeapArray<T> {
    assertKind(type);
    const bytes = toByteLength('length', length, type.BYTES_PER_ELEMENT);
    // Getters of options may close a scope: they run before the owner is asked for.
    const { alignment, zero } = planArray(options);
    const { owner } = this;
    const address = owner.memalign(alignment, bytes);
    if (zero) owner.views.u8.fill(0, address, address + bytes);
    return this.note(new HeapArray(owner, type, address, length));
  }

  /**
   * A copy of a typed array, of the same kind. The source may lie in this heap too.
   *
   * @throws TypeError where `source` is no typed array or is detached, or an option is unknown.
   * @throws OutOfMemoryError where memory cannot hold it.
   */
  from<T extends TypedArray>(
    source: T,
    options?: ArrayOptions,
  ): HeapArray<TypedArrays[T[typeof Symbol.toStringTag]]>;
  /**
   * An array of the elements that something iterable or array-like gives, converted as the constructor's
   * own `from` does. All are read before memory is taken.
   *
   * @throws TypeError where `elements` are neither, or are no numbers for the kind; what reading throws.
   * @throws OutOfMemoryError where memory cannot hold them.
   */
  from<T extends TypedArray>(
    type: TypedArrayConstructor<T>,
    elements: Elements<T>,
    options?: ArrayOptions,
  ): HeapArray<T>;
  from(
    source: TypedArray | TypedArrayConstructor,
    second?: Elements<TypedArray> | ArrayOptions,
    third?: ArrayOptions,
  ): HeapArray<TypedArray> {
    // A handle has a length as arrays have, but no elements at its indices.
    for (const array of [source, second]) {
      if (array instanceof HeapHandle) {
        throw new TypeError(`${mustBe('source', 'a typed array', array)}; pass its view`);
      }
    }
    if (typeof source !== 'function') {
      return this.#copy(kindOf(source), source, second as ArrayOptions | undefined);
    }
    assertKind(source);
    return this.#copy(source, collectElements(source, second as Elements<TypedArray>), third);
  }

  /**
   * A text as UTF-8; half a surrogate pair becomes U+FFFD.
   *
   * @throws TypeError where `text` is no string.
   * @throws OutOfMemoryError where memory cannot hold it.
   */
  string(text: string): HeapString {
    assertType('text', text, 'string');
    return this.note(HeapString.store(this.owner, text));
  }

  #copy(
    type: TypedArrayConstructor,
    source: TypedArray,
    options: ArrayOptions | undefined,
  ): HeapArray<TypedArray> {
    // Getters of options may detach the source or close a scope: both are looked at afterwards.
    const { alignment } = planArray(options);
    const bytes = bytesOf(source);
    const { byteOffset, length } = bytes;
    const { owner } = this;
    const isInHeap = bytes.buffer === owner.memory.buffer;
    const address = owner.memalign(alignment, length);
    // The allocation may have grown memory, and detached a source that lies in it.
    const { u8 } = owner.views;
    u8.set(isInHeap ? u8.subarray(byteOffset, byteOffset + length) : bytes, address);
    return this.note(new HeapArray(owner, type, address, length / type.BYTES_PER_ELEMENT));
  }
}
