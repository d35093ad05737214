// SPDX-License-Identifier: MIT

import {
  assertKind,
  collectElements,
  type Elements,
  kindOf,
  type TypedArray,
  type TypedArrayConstructor,
  type TypedArrayOver,
  type TypedArrays,
} from '../core/typed-arrays.js';
import { granuleBytes } from '../core/units.js';
import {
  type ArrayOptions,
  assertAlignment,
  assertType,
  clampSize,
  describeMismatch,
  planArray,
  toByteLength,
} from '../core/validate.js';
import { bytesOf, uncloneable } from '../core/values.js';
import { HeapHandle } from './handle.js';
import { HeapArray } from './heap-array.js';
import { HeapString } from './heap-string.js';
import type { BlockOwner } from './owner.js';

/** Anything that a scope can free: a handle, an arena, or the address of a raw block. */
export type Freeable = { readonly alive: boolean; free(): void } | number;

/** A typed array of the kind with that name. The compiler's message about any other value contains the text below. */
type ArraySource<T extends TypedArray, Kind extends string> = [Kind] extends [keyof TypedArrays]
  ? T & { readonly [Symbol.toStringTag]: Kind }
  : 'this is not a typed array: pass a kind first, as in heap.from(Float32Array, [...])';

/**
 * The parameters behind a typed array. Behind any other value there are none, so that the compiler's message about
 * `from(Float32Array, ['a'])` is about the elements alone. For a value of the type `any` the compiler infers no kind.
 */
type SourceOptions<T extends TypedArray, Kind extends string> = [Kind] extends [keyof TypedArrays]
  ? [options?: ArrayOptions]
  : unknown extends T
    ? [options?: ArrayOptions]
    : [];

/**
 * The calls that heaps, scopes and arenas have in common.
 *
 * A call that allocates may grow memory, which detaches every typed array over it: read `view` of a handle again.
 * `Strategy` says how much time a call takes. Every call throws `UseAfterFreeError` once its heap was disposed, its
 * scope closed or its arena freed.
 */
export abstract class Allocator<B extends ArrayBufferLike = ArrayBuffer> {
  /** @internal */
  protected readonly uncloneable = uncloneable;

  /**
   * The owner of new blocks. Throws where this object was disposed, closed or freed.
   *
   * @internal
   */
  protected abstract get owner(): BlockOwner;

  /**
   * Ends an allocation: runs growth listeners that wait, and returns the new block.
   *
   * @internal
   */
  protected finish<Block extends Freeable>(block: Block): Block {
    this.owner.growth.reportGrowth();
    return block;
  }

  /**
   * Allocates a block of `size` bytes, aligned to 16. A size of 0 gives a distinct live block. Returns its address.
   *
   * @throws RangeError where `size` is not a non-negative integer.
   * @throws OutOfMemoryError where memory cannot hold it.
   *
   * @example
   * ```ts
   * const address = heap.malloc(1024);
   * heap.u32[address / 4] = 42;
   * console.log(heap.u32[address / 4]); // 42
   * heap.free(address);
   * ```
   */
  malloc(size: number): number {
    return this.memalign(granuleBytes, size);
  }

  /**
   * Allocates a block of `count` times `size` bytes, all 0 and aligned to 16. Returns its address. It takes time
   * in proportion to the bytes.
   *
   * @throws RangeError where either is not a non-negative integer.
   * @throws OutOfMemoryError where memory cannot hold the product.
   *
   * @example
   * ```ts
   * const address = heap.calloc(100, 4); // 100 integers of 4 bytes
   * console.log(heap.u32[address / 4]); // 0
   * heap.free(address);
   * ```
   */
  calloc(count: number, size: number): number {
    clampSize('size', size);
    const bytes = toByteLength('count', count, size);
    return this.finish(allocate(this.owner, granuleBytes, bytes, true));
  }

  /**
   * Allocates a block of `size` bytes at a multiple of `alignment`: a power of two up to 65 536, of which
   * those below 16 mean 16. Returns its address.
   *
   * @throws RangeError where `size` is not a non-negative integer, or `alignment` not such a power of two.
   * @throws OutOfMemoryError where memory cannot hold it.
   *
   * @example
   * ```ts
   * const address = heap.memalign(256, 1000);
   * console.log(address % 256); // 0
   * heap.free(address);
   * ```
   */
  memalign(alignment: number, size: number): number {
    assertAlignment(alignment);
    clampSize('size', size);
    return this.finish(this.owner.memalign(alignment, size));
  }

  /**
   * Allocates an array of `length` elements. With the option `zero` they are 0, else they are arbitrary.
   *
   * @throws RangeError where `length` is not a non-negative integer, or the alignment not a power of two.
   * @throws TypeError where `type` is not a constructor of typed arrays, or an option is unknown.
   * @throws OutOfMemoryError where memory cannot hold it.
   *
   * @example
   * ```ts
   * const positions = heap.array(Float32Array, 3, { alignment: 'cache', zero: true });
   * positions.view[0] = 1.5;
   * console.log(positions.view.join(), positions.address % 64); // 1.5,0,0 0
   * positions.free();
   * ```
   */
  array<T extends TypedArray>(
    type: TypedArrayConstructor<T>,
    length: number,
    options?: ArrayOptions,
  ): HeapArray<T, B> {
    assertKind(type);
    const bytes = toByteLength('length', length, type.BYTES_PER_ELEMENT);
    // Getters of options run first, since they may close the scope that allocates then.
    const { alignment, zero } = planArray(options);
    const { owner } = this;
    const address = allocate(owner, alignment, bytes, zero);
    return this.finish(new HeapArray<T, B>(owner, type, address, length));
  }

  /**
   * Allocates an array of the same kind as a typed array, and copies that. The source may lie in this heap.
   *
   * @throws TypeError where `source` is not a typed array or is detached, or an option is unknown.
   * @throws OutOfMemoryError where memory cannot hold it.
   *
   * @example
   * ```ts
   * const pixels = heap.from(new Uint8ClampedArray([255, 128, 0]));
   * console.log(pixels.view[1]); // 128
   * ```
   */
  from<T extends TypedArray, Kind extends string>(
    source: ArraySource<T, Kind>,
    ...rest: SourceOptions<T, Kind>
  ): HeapArray<TypedArrayOver<T, ArrayBufferLike>, B>;
  /**
   * Allocates an array and fills it from an iterable or array-like, converting elements as the constructor's
   * own `from` does. All elements are read before the heap allocates memory.
   *
   * @throws TypeError where `elements` is neither iterable nor array-like, or has elements that the kind cannot
   * hold; and whatever reading the elements throws.
   * @throws OutOfMemoryError where memory cannot hold them.
   *
   * @example
   * ```ts
   * const table = heap.from(Float64Array, new Set([1, 2, 3]));
   * console.log(table.length, table.byteLength); // 3 24
   * ```
   */
  from<T extends TypedArray>(
    type: TypedArrayConstructor<T>,
    elements: Elements<T>,
    options?: ArrayOptions,
  ): HeapArray<T, B>;
  from(
    source: TypedArray | TypedArrayConstructor,
    second?: Elements<TypedArray> | ArrayOptions,
    third?: ArrayOptions,
  ): HeapArray<TypedArray, B> {
    // A handle has a length like an array, but no elements at its indices.
    for (const array of [source, second]) {
      if (array instanceof HeapHandle) {
        throw new TypeError(`${describeMismatch('source', 'a typed array', array)}; pass its view`);
      }
    }
    if (typeof source !== 'function') {
      return this.#copy(kindOf(source), source, second as ArrayOptions | undefined);
    }
    assertKind(source);
    return this.#copy(source, collectElements(source, second as Elements<TypedArray>), third);
  }

  /**
   * Stores a text as UTF-8. Half a surrogate pair becomes U+FFFD.
   *
   * @throws TypeError where `text` is not a string, or the host has no `TextEncoder`; `lite-alloc/inline` needs none.
   * @throws OutOfMemoryError where memory cannot hold it.
   *
   * @example
   * ```ts
   * const name = heap.string('Zoë');
   * console.log(String(name), name.byteLength); // Zoë 4
   * ```
   */
  string(text: string): HeapString {
    assertType('text', text, 'string');
    return this.finish(HeapString.store(this.owner, text));
  }

  #copy(
    type: TypedArrayConstructor,
    source: TypedArray,
    options: ArrayOptions | undefined,
  ): HeapArray<TypedArray, B> {
    // Getters of options run first, since they may detach the source or close the scope.
    const { alignment } = planArray(options);
    const bytes = bytesOf(source);
    const { byteOffset, length } = bytes;
    const { owner } = this;
    const isInHeap = bytes.buffer === owner.memory.buffer;
    const address = owner.memalign(alignment, length);
    // The allocation may have grown memory, which detaches a source that lies in it.
    const { u8 } = owner.views;
    u8.set(isInHeap ? u8.subarray(byteOffset, byteOffset + length) : bytes, address);
    return this.finish(
      new HeapArray<TypedArray, B>(owner, type, address, length / type.BYTES_PER_ELEMENT),
    );
  }
}

function allocate(owner: BlockOwner, alignment: number, bytes: number, zero: boolean): number {
  const address = owner.memalign(alignment, bytes);
  if (zero) owner.views.u8.fill(0, address, address + bytes);
  return address;
}
