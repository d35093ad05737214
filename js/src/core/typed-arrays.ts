// SPDX-License-Identifier: MIT

import { describeMismatch } from './validate.js';
import { kindNameOf } from './values.js';

// Typed arrays have a type parameter for their buffer since TypeScript 5.7, and the platform's types have `Float16Array`
// since 5.8. Elsewhere the two types below are errors, which the directives suppress, and no other type uses them. A
// directive applies to the next line alone.

// biome-ignore format: the type must be on one line
// biome-ignore lint/suspicious/noTsIgnore: only some versions of TypeScript report an error
/** @ts-ignore */
type GenericArray<B extends ArrayBufferLike> = Int8Array<B> | Uint8Array<B> | Uint8ClampedArray<B> | Int16Array<B> | Uint16Array<B> | Int32Array<B> | Uint32Array<B> | Float32Array<B> | Float64Array<B> | BigInt64Array<B> | BigUint64Array<B>;

// biome-ignore lint/suspicious/noTsIgnore: only some versions of TypeScript report an error
/** @ts-ignore */
type GenericFloat16Array<B extends ArrayBufferLike> = Float16Array<B>;

/** `T` over a buffer of the type `B`. Before TypeScript 5.7 every typed array has a buffer that may be shared. */
type Over<T extends { readonly [Symbol.toStringTag]: string }, B extends ArrayBufferLike> =
  Extract<ReturnType<typeof Uint8Array.of>['buffer'], SharedArrayBuffer> extends never
    ? Extract<GenericArray<B>, Pick<T, typeof Symbol.toStringTag>>
    : T;

/** The kinds of typed arrays by name, over a buffer of the type `B`. */
export interface TypedArrays<B extends ArrayBufferLike = ArrayBufferLike> {
  Int8Array: Over<Int8Array, B>;
  Uint8Array: Over<Uint8Array, B>;
  Uint8ClampedArray: Over<Uint8ClampedArray, B>;
  Int16Array: Over<Int16Array, B>;
  Uint16Array: Over<Uint16Array, B>;
  Int32Array: Over<Int32Array, B>;
  Uint32Array: Over<Uint32Array, B>;
  /** Available from Chrome 135, Firefox 129, Safari 18.2, Node 24. `never` where the platform's types lack it. */
  Float16Array: typeof globalThis extends { Float16Array: unknown }
    ? GenericFloat16Array<B>
    : never;
  Float32Array: Over<Float32Array, B>;
  Float64Array: Over<Float64Array, B>;
  BigInt64Array: Over<BigInt64Array, B>;
  BigUint64Array: Over<BigUint64Array, B>;
}

/** A typed array of any kind. */
export type TypedArray = TypedArrays[keyof TypedArrays];

/** The typed array of the same kind as `T` over a buffer of the type `B`. */
export type TypedArrayOver<
  T extends TypedArray,
  B extends ArrayBufferLike,
> = TypedArrays<B>[T[typeof Symbol.toStringTag]];

/** Elements for a kind of typed array: numbers or, for the 64-bit integer kinds, big integers. */
export type Elements<T extends TypedArray> = Iterable<T[number]> | ArrayLike<T[number]>;

/** The constructor of a kind: `Float32Array`, for example. */
export interface TypedArrayConstructor<T extends TypedArray = TypedArray> {
  readonly BYTES_PER_ELEMENT: number;
  readonly name: string;
  readonly prototype: T;
  new <B extends ArrayBufferLike>(
    buffer: B,
    byteOffset: number,
    length: number,
  ): TypedArrayOver<T, B>;
}

/** Constructors that passed `assertKind`. */
const kinds = new WeakSet<TypedArrayConstructor>();
/** The last one of them: most programs use one kind for many arrays in a row, and a comparison is faster than the set. */
let lastKind: TypedArrayConstructor = Uint8Array;

/**
 * Returns the kind of a typed array. For an array of a subclass (a Node `Buffer`, for example) or of another
 * realm, it is the basic kind in this realm.
 */
export function kindOf<T extends TypedArray>(
  array: T,
): TypedArrayConstructor<TypedArrayOver<T, ArrayBufferLike>> {
  const name = kindNameOf(array);
  if (name === undefined) throw new TypeError(describeMismatch('source', 'a typed array', array));
  return globalThis[name as 'Uint8Array'] as unknown as ReturnType<typeof kindOf<T>>;
}

/** Throws unless `type` is the constructor of a kind, in any realm. Constructors of subclasses are refused. */
export function assertKind(type: TypedArrayConstructor): void {
  if (type === lastKind) return;
  if (
    !kinds.has(type) &&
    (typeof type !== 'function' ||
      !Object.hasOwn(type, 'BYTES_PER_ELEMENT') ||
      Object.getPrototypeOf(type).name !== 'TypedArray')
  ) {
    throw new TypeError(describeMismatch('type', 'a typed array constructor', type));
  }
  kinds.add(type);
  if (type instanceof Function) lastKind = type;
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
