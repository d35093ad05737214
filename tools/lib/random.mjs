// SPDX-License-Identifier: MIT

/**
 * Random integers by the generator of Park and Miller: the same ones for the same seed.
 * Returns a function that gives an integer from 0 to below its argument.
 */
export function seededIntegers(seed) {
  let state = (seed % 2147483646) + 1;
  return (limit) => {
    state = (state * 48271) % 2147483647;
    return state % limit;
  };
}
