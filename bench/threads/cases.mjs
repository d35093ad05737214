// SPDX-License-Identifier: MIT
//
// The cases of the bench: a workload of bench/cpp/threads/workloads.cpp, and the sizes of its blocks in bytes.

/** @typedef {{ name: string, workload: number, low: number, high: number, threads: number[], hasFloor?: boolean }} Case */

/** `hasFloor`: the workload keeps so few blocks that it also runs without an allocator. */
const workloads = {
  pair: { number: 0, threads: [1, 2, 4], hasFloor: true },
  own: { number: 1, threads: [1, 2, 4] },
  'producer-consumer': { number: 2, threads: [2, 4], hasFloor: true },
  larson: { number: 3, threads: [1, 2, 4] },
  xmalloc: { number: 4, threads: [1, 2, 4] },
  'cache-thrash': { number: 5, threads: [1, 2, 4], hasFloor: true },
  'cache-scratch': { number: 6, threads: [1, 2, 4] },
};

const sizes = [
  ['pair', 32],
  ['pair', 1024],
  ['own', 16, 128],
  ['own', 16, 511],
  ['own', 16, 4000],
  ['producer-consumer', 16, 256],
  ['larson', 16, 500],
  ['xmalloc', 64],
  ['cache-thrash', 16],
  ['cache-scratch', 16],
];

/** @type {Case[]} */
export const cases = sizes.map(([workload, low, high = low]) => {
  const { number, threads, hasFloor } = workloads[workload];
  const name = `${workload} ${low === high ? low : `${low}-${high}`}`;
  return { name, workload: number, low, high, threads, hasFloor };
});

/** The most threads that bench/cpp/threads/team.hpp has room for. */
export const maxThreads = 4;

/**
 * The cases whose name is, or begins with, one of the names in the list.
 *
 * @param {string | undefined} text names with commas between them; without it, all cases
 * @param {string} option what the text was given with
 */
export function chosenCases(text, option) {
  if (text === undefined) return cases;
  const names = text.split(',');
  const fits = (one, name) => one === name || one.startsWith(`${name} `);
  for (const name of names.filter((name) => !cases.some((one) => fits(one.name, name)))) {
    const known = [...Object.keys(workloads), ...cases.map((one) => one.name)].join(', ');
    throw new Error(`${option}: there is no workload ${name}; there are ${known}.`);
  }
  return cases.filter((one) => names.some((name) => fits(one.name, name)));
}
