// SPDX-License-Identifier: MIT

/** The names of the allocation strategies. */
export const strategies = [
  'bump-free-list',
  'segregated-bump',
  'free-list',
  'segregated-fit',
] as const;

/** The name of an allocation strategy. */
export type Strategy = (typeof strategies)[number];

/** The strategy in `lite-alloc.wasm`. */
export const defaultStrategy: Strategy = 'segregated-fit';
