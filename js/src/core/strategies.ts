// SPDX-License-Identifier: MIT

/** The names of the allocation strategies. */
export const strategies = [
  'bump-free-list',
  'segregated-bump',
  'free-list',
  'segregated-fit',
] as const;

/**
 * The name of an allocation strategy. `'segregated-fit'` takes bounded time for each call, apart from copying, clearing
 * and growing memory, and so does `'segregated-bump'` for blocks up to 128 bytes. Otherwise the time of a call grows
 * with the number of free blocks.
 */
export type Strategy = (typeof strategies)[number];

/** The strategy in `lite-alloc.wasm`. */
export const defaultStrategy: Strategy = 'segregated-fit';
