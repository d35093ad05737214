// SPDX-License-Identifier: MIT

import { Random } from './random.js';

/** Sizes of blocks to fill a heap with, and their description. */
export const fillings: readonly { readonly sizes: string; readonly nextSize: () => number }[] = [
  { sizes: '40 bytes', nextSize: () => 40 },
  { sizes: '500 bytes', nextSize: () => 500 },
  { sizes: '3000 bytes', nextSize: () => 3000 },
  { sizes: '100 kB', nextSize: () => 100_000 },
  { sizes: 'mixed sizes', nextSize: mixedSizes(new Random(5)) },
];

/** Seven sizes of up to 500 bytes for each size of up to 60 kB, on average. */
function mixedSizes(random: Random): () => number {
  return () => 8 + random.below(random.oneIn(8) ? 60_000 : 500);
}

/** Freeing in the order of allocation, in reverse, and in an order without a pattern. */
export const freeingOrders: readonly {
  readonly order: string;
  readonly arrange: <T>(blocks: T[]) => T[];
}[] = [
  { order: 'order', arrange: (blocks) => blocks },
  { order: 'reverse', arrange: (blocks) => blocks.toReversed() },
  { order: 'a random order', arrange: shuffled },
];

function shuffled<T>(blocks: T[]): T[] {
  const random = new Random(7);
  return blocks
    .map((block) => ({ block, key: random.below(2 ** 30) }))
    .sort((left, right) => left.key - right.key)
    .map(({ block }) => block);
}
