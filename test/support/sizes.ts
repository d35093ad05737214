// SPDX-License-Identifier: MIT

/** Values that are not valid sizes, as callers in plain JavaScript may pass them. */
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

/** Valid sizes that are larger than any memory. */
export const hugeSizes = [2 ** 32 - 1, 2 ** 32, 2 ** 32 + 16, 2 ** 33, 2 ** 53];

/** Values that are not valid alignments. */
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

/** The `requestedBytes` of an error for a product of count and size: exact, or the largest safe integer. */
export function toRequestedBytes(product: number): number {
  return Math.min(product, Number.MAX_SAFE_INTEGER);
}
