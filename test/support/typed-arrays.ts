// SPDX-License-Identifier: MIT

import type { TypedArray, TypedArrayConstructor } from 'lite-alloc';

interface Kind {
  readonly name: string;
  readonly type: TypedArrayConstructor;
  readonly elementBytes: number;
  /** Makes an array of this type with different elements, among them the smallest and the largest value. */
  sample(): TypedArray;
}

/** The eleven types of typed arrays. */
export const kinds: readonly Kind[] = [
  kind(Int8Array, () => Int8Array.of(-128, -1, 0, 1, 127)),
  kind(Uint8Array, () => Uint8Array.of(0, 1, 128, 255)),
  kind(Uint8ClampedArray, () => Uint8ClampedArray.of(0, 300, -5, 128)),
  kind(Int16Array, () => Int16Array.of(-32768, -1, 0, 32767)),
  kind(Uint16Array, () => Uint16Array.of(0, 1, 65535)),
  kind(Int32Array, () => Int32Array.of(-(2 ** 31), -1, 0, 2 ** 31 - 1)),
  kind(Uint32Array, () => Uint32Array.of(0, 1, 2 ** 32 - 1)),
  kind(Float32Array, () => Float32Array.of(-1.5, 0, Number.NaN, Number.POSITIVE_INFINITY, 1e-40)),
  kind(Float64Array, () => Float64Array.of(Math.PI, -0, Number.NaN, Number.MAX_VALUE, 5e-324)),
  kind(BigInt64Array, () => BigInt64Array.of(-(2n ** 63n), -1n, 0n, 2n ** 63n - 1n)),
  kind(BigUint64Array, () => BigUint64Array.of(0n, 1n, 2n ** 64n - 1n)),
];

function kind(type: TypedArrayConstructor, sample: () => TypedArray): Kind {
  return { name: type.name, type, elementBytes: type.BYTES_PER_ELEMENT, sample };
}

export function bytesOf({ buffer, byteOffset, byteLength }: ArrayBufferView): number[] {
  return [...new Uint8Array(buffer, byteOffset, byteLength)];
}
