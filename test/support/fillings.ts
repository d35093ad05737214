// SPDX-License-Identifier: MIT

import { Random } from './random.js';

/** Sizes of blocks to fill a heap with, by what they are. */
export const fillings: readonly (readonly [string, () => number])[] = [
  ['blocks of 40 bytes', () => 40],
  ['blocks of 500 bytes', () => 500],
  ['blocks of 3000 bytes', () => 3000],
  ['blocks of 100 kB', () => 100_000],
  ['blocks of all sizes', mixedSizes(new Random(5))],
];

/** Seven small blocks to one of up to 60 kB. */
function mixedSizes(random: Random): () => number {
  return () => 8 + random.below(random.oneIn(8) ? 60_000 : 500);
}

/** Freeing in the order of allocation, in reverse, and in an order without a pattern. */
export const freeingOrders: readonly (readonly [string, <T>(blocks: T[]) => T[]])[] = [
  ['in order', (blocks) => blocks],
  ['in reverse', (blocks) => blocks.toReversed()],
  ['in a random order', shuffled],
];

function shuffled<T>(blocks: T[]): T[] {
  const random = new Random(7);
  return blocks
    .map((block) => ({ block, key: random.below(2 ** 30) }))
    .sort((left, right) => left.key - right.key)
    .map(({ block }) => block);
}
