// SPDX-License-Identifier: MIT

/** Sizes that are no sizes, as callers in plain JavaScript may pass them. */
export const badSizes = [
  -1,
  1.5,
  -0.5,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  -(2 ** 32),
  'x',
  '16',
  null,
  undefined,
  {},
] as unknown as readonly number[];

/** Sizes that are sizes, but more than any memory can hold. */
export const hugeSizes = [2 ** 32 - 1, 2 ** 32, 2 ** 32 + 16, 2 ** 33, 2 ** 53];

/** Alignments that are none. */
export const badAlignments = [
  0,
  3,
  24,
  2 ** 17,
  2 ** 32,
  2 ** 32 + 16,
  -16,
  1.5,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  '16',
  16n,
  null,
] as unknown as readonly number[];

/** Every alignment that a block may have, and the smaller powers of two, which mean 16. */
export const powersOfTwo = Array.from({ length: 17 }, (_, exponent) => 2 ** exponent);

/** What an error tells of a product of a count and a size: a number that is exact, or the largest one. */
export function toRequestedBytes(product: number): number {
  return Math.min(product, Number.MAX_SAFE_INTEGER);
}
