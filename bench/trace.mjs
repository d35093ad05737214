// SPDX-License-Identifier: MIT
//
// Reads recorded allocation histories. bench/traces/README.md describes the format and the origin of each.

import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';

/** The kind of an operation: the lowest two bits of its first integer. The upper bits are the block's id. */
export const Operation = Object.freeze({ allocate: 0, free: 1, reallocate: 2 });

/**
 * Reads a history.
 *
 * @param {string} name that of `bench/traces/NAME.trace.gz`, or the path of another `.trace.gz` file
 * @returns {{ operations: number, blocks: number, pairs: Uint32Array }} `pairs` holds two integers an
 *   operation: `id * 4 + Operation`, and the size in bytes
 */
export function readTrace(name) {
  const file = name.endsWith('.trace.gz')
    ? name
    : new URL(`traces/${name}.trace.gz`, import.meta.url);
  const bytes = gunzipSync(readFileSync(file));
  if (bytes.byteLength % 8 !== 0) throw new Error(`${name} does not hold whole pairs`);
  const pairs = new Uint32Array(bytes.byteLength / 4);
  new Uint8Array(pairs.buffer).set(bytes);
  let blocks = 0;
  for (let index = 0; index < pairs.length; index += 2) {
    const operation = pairs[index] & 3;
    if (operation === 3) throw new Error(`${name}: operation ${index / 2} is unknown`);
    if (operation === Operation.allocate) blocks++;
  }
  return { operations: pairs.length / 2, blocks, pairs };
}
