// SPDX-License-Identifier: MIT

import { mustBe } from './arguments.js';

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

/** Elements for a kind: numbers, or big integers where it has these. */
export type Elements<T extends TypedArray> = Iterable<T[number]> | ArrayLike<T[number]>;

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
const kinds = new Set<unknown>(Object.values(constructors));

/** The kind of a typed array; of one of a subclass (a Node `Buffer`, say) its basic kind. */
export function kindOf<T extends TypedArray>(
  array: T,
): TypedArrayConstructor<TypedArrays[T[typeof Symbol.toStringTag]]> {
  const kind: TypedArrayConstructor | undefined = constructors[array?.[Symbol.toStringTag]];
  if (kind === undefined) throw new TypeError(mustBe('source', 'a typed array', typeof array));
  return kind as TypedArrayConstructor<TypedArrays[T[typeof Symbol.toStringTag]]>;
}

/** Throws unless `type` is one of the eleven constructors. */
export function assertKind(type: TypedArrayConstructor): void {
  if (!kinds.has(type)) {
    throw new TypeError(mustBe('type', 'a typed array constructor', type));
  }
}

/** A typed array of the elements, outside of any heap. */
export function collectElements<T extends TypedArray>(
  type: TypedArrayConstructor<T>,
  elements: Elements<T>,
): T {
  const source = Object(elements) as Partial<Iterable<T[number]> & ArrayLike<T[number]>>;
  if (source !== elements || (source[Symbol.iterator] ?? source.length) === undefined) {
    throw new TypeError(mustBe('elements', 'iterable or array-like', elements));
  }
  return (type as unknown as { from(elements: Elements<T>): T }).from(elements);
}
