// SPDX-License-Identifier: MIT

import { describeMismatch } from './validate.js';
import { kindNameOf } from './values.js';

/** `Float16Array` where the platform's types have it, else `never`. TypeScript has it since version 5.8. */
type HostFloat16Array = typeof globalThis extends { Float16Array: { prototype: infer Instance } }
  ? Instance
  : never;

/** The kinds of typed arrays by name. */
export interface TypedArrays {
  Int8Array: Int8Array;
  Uint8Array: Uint8Array;
  Uint8ClampedArray: Uint8ClampedArray;
  Int16Array: Int16Array;
  Uint16Array: Uint16Array;
  Int32Array: Int32Array;
  Uint32Array: Uint32Array;
  /** Available from Chrome 135, Firefox 129, Safari 18.2, Node 24. */
  Float16Array: HostFloat16Array;
  Float32Array: Float32Array;
  Float64Array: Float64Array;
  BigInt64Array: BigInt64Array;
  BigUint64Array: BigUint64Array;
}

/** A typed array of any kind. */
export type TypedArray = TypedArrays[keyof TypedArrays];

/** Elements for a kind of typed array: numbers or, for the 64-bit integer kinds, big integers. */
export type Elements<T extends TypedArray> = Iterable<T[number]> | ArrayLike<T[number]>;

/** The constructor of a kind: `Float32Array`, for example. */
export interface TypedArrayConstructor<T extends TypedArray = TypedArray> {
  readonly BYTES_PER_ELEMENT: number;
  readonly name: string;
  readonly prototype: T;
  new (buffer: ArrayBufferLike, byteOffset: number, length: number): T;
}

/** Constructors that passed `assertKind`. */
const kinds = new WeakSet<TypedArrayConstructor>();

/**
 * Returns the kind of a typed array. For an array of a subclass (a Node `Buffer`, for example) or of another
 * realm, it is the basic kind in this realm.
 */
export function kindOf<T extends TypedArray>(
  array: T,
): TypedArrayConstructor<TypedArrays[T[typeof Symbol.toStringTag]]> {
  const name = kindNameOf(array);
  if (name === undefined) throw new TypeError(describeMismatch('source', 'a typed array', array));
  return globalThis[name as 'Uint8Array'] as unknown as ReturnType<typeof kindOf<T>>;
}

/** Throws unless `type` is the constructor of a kind, in any realm. Constructors of subclasses are refused. */
export function assertKind(type: TypedArrayConstructor): void {
  if (kinds.has(type)) return;
  if (
    typeof type !== 'function' ||
    !Object.hasOwn(type, 'BYTES_PER_ELEMENT') ||
    Object.getPrototypeOf(type).name !== 'TypedArray'
  ) {
    throw new TypeError(describeMismatch('type', 'a typed array constructor', type));
  }
  kinds.add(type);
}

/** Returns a typed array with the elements, outside of any heap. */
export function collectElements<T extends TypedArray>(
  type: TypedArrayConstructor<T>,
  elements: Elements<T>,
): T {
  const source = Object(elements) as Partial<Iterable<T[number]> & ArrayLike<T[number]>>;
  if (source !== elements || (source[Symbol.iterator] ?? source.length) === undefined) {
    throw new TypeError(describeMismatch('elements', 'iterable or array-like', elements));
  }
  return (type as unknown as { from(elements: Elements<T>): T }).from(elements);
}
