// SPDX-License-Identifier: MIT
/// <reference lib="esnext.disposable" preserve="true" />

import { formatAddress, UseAfterFreeError } from './errors.js';

/** The eleven kinds of typed arrays, by name. */
export interface TypedArrays {
  Int8Array: Int8Array;
  Uint8Array: Uint8Array;
  Uint8ClampedArray: Uint8ClampedArray;
  Int16Array: Int16Array;
  Uint16Array: Uint16Array;
  Int32Array: Int32Array;
  Uint32Array: Uint32Array;
  Float32Array: Float32Array;
  Float64Array: Float64Array;
  BigInt64Array: BigInt64Array;
  BigUint64Array: BigUint64Array;
}

export type TypedArray = TypedArrays[keyof TypedArrays];

/** What makes a view of a kind: `Float32Array` and its like. */
export interface TypedArrayConstructor<T extends TypedArray = TypedArray> {
  readonly BYTES_PER_ELEMENT: number;
  readonly name: string;
  readonly prototype: T;
  new (buffer: ArrayBufferLike, byteOffset: number, length: number): T;
}

const constructors: {
  readonly [Name in keyof TypedArrays]: TypedArrayConstructor<TypedArrays[Name]>;
} = {
  Int8Array,
  Uint8Array,
  Uint8ClampedArray,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  Float32Array,
  Float64Array,
  BigInt64Array,
  BigUint64Array,
};

/** The kind of a typed array; of one of a subclass (a Node `Buffer`, say) its basic kind. */
export function kindOf<T extends TypedArray>(
  array: T,
): TypedArrayConstructor<TypedArrays[T[typeof Symbol.toStringTag]]> {
  const kind: TypedArrayConstructor | undefined = constructors[array?.[Symbol.toStringTag]];
  if (kind === undefined) throw new TypeError(`source must be a typed array, got ${typeof array}`);
  return kind as TypedArrayConstructor<TypedArrays[T[typeof Symbol.toStringTag]]>;
}

/** Throws unless `type` is one of the eleven constructors. */
export function assertKind(type: TypedArrayConstructor): void {
  if (!Object.values<TypedArrayConstructor>(constructors).includes(type)) {
    throw new TypeError(`type must be a typed array constructor, got ${String(type)}`);
  }
}

/** What a handle asks of the heap it belongs to. */
export interface BlockOwner {
  /** Counts up when all blocks are dropped at once: older handles are dead then. */
  readonly epoch: number;
  readonly memory: WebAssembly.Memory;
  /** Throws as `Heap.realloc` does. */
  realloc(address: number, length: number, elementBytes: number): number;
  /** Throws as `Heap.free` does. */
  free(address: number): void;
}

/** Where the platform lacks the symbol, so does its `using`; compilers that lower that look for this one. */
export const disposeSymbol: typeof Symbol.dispose =
  Symbol.dispose ?? (Symbol.for('Symbol.dispose') as typeof Symbol.dispose);

const deadEpoch = -1;

/**
 * A typed array that lives in a heap: an owning handle of one block. It lives until `free`, the end of
 * its `using` block, or the heap's `reset`.
 */
export class HeapArray<T extends TypedArray> {
  /** Bytes from the start of memory; changes when `resize` moves the block. */
  get address(): number {
    return this.#address;
  }

  /** Elements. */
  get length(): number {
    return this.#length;
  }

  /** Bytes: elements times their size. */
  get byteLength(): number {
    return this.#length * this.#type.BYTES_PER_ELEMENT;
  }

  /** False once the block was freed, by whatever way of this handle or heap. */
  get alive(): boolean {
    return this.#epoch === this.#owner.epoch;
  }

  readonly #owner: BlockOwner;
  readonly #type: TypedArrayConstructor<T>;
  #address: number;
  #length: number;
  #epoch: number;
  #view: T;

  /** Takes over the block at `address`: `Heap.array` and `Heap.from` make handles. */
  constructor(owner: BlockOwner, type: TypedArrayConstructor<T>, address: number, length: number) {
    this.#owner = owner;
    this.#type = type;
    this.#address = address;
    this.#length = length;
    this.#epoch = owner.epoch;
    this.#view = this.#makeView();
  }

  /**
   * The elements, in place. Do not keep it across allocations: growth of memory detaches it, and this
   * getter makes it anew, which it does only then.
   *
   * @throws UseAfterFreeError where the block was freed.
   */
  get view(): T {
    const view = this.#view;
    return view.length !== 0 && this.#epoch === this.#owner.epoch ? view : this.#currentView();
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
    this.#assertAlive('resize');
    this.#address = this.#owner.realloc(this.#address, length, this.#type.BYTES_PER_ELEMENT);
    this.#length = length;
    this.#view = this.#makeView();
  }

  /** A copy of the elements outside the heap. */
  slice(): T {
    return this.view.slice() as T;
  }

  /** Frees the block. Does nothing where that was done. */
  free(): void {
    if (!this.alive) return;
    this.#epoch = deadEpoch;
    this.#owner.free(this.#address);
  }

  [disposeSymbol](): void {
    this.free();
  }

  #makeView(): T {
    return new this.#type(this.#owner.memory.buffer, this.#address, this.#length);
  }

  #currentView(): T {
    this.#assertAlive('view');
    // An empty view tells nothing by its length: make it anew each time.
    this.#view = this.#makeView();
    return this.#view;
  }

  #assertAlive(action: string): void {
    if (this.alive) return;
    throw new UseAfterFreeError(
      `${action}: the ${this.#type.name}(${this.#length}) at ${formatAddress(this.#address)} was freed before`,
    );
  }
}
