// SPDX-License-Identifier: MIT

import { granuleBytes } from '../core/units.js';
import type { HeapBlock } from '../module/heap-functions.js';

const columns = 64;
const mostRows = 12;

/**
 * The characters of a cell, from free to used. The first one stands only for cells that are completely free, the last
 * one only for cells that are completely used.
 */
const shades = ' ░▒▓█';
/** Stands for memory that other code uses. */
const foreign = '·';

/**
 * Returns a title and a map of a heap. Each character of the map stands for an equal share of the heap, in address
 * order; the more of the share is used, the darker is the character.
 */
export function drawHeap(title: string, blocks: readonly HeapBlock[]): string {
  const begin = blocks[0]?.address ?? 0;
  const last = blocks.at(-1);
  const end = last === undefined ? begin : last.address + last.size;
  const granules = (end - begin) / granuleBytes / columns / mostRows;
  const cellBytes = granuleBytes * 2 ** Math.ceil(Math.log2(Math.max(granules, 1)));
  const used = new Float64Array(Math.ceil((end - begin) / cellBytes));
  const owned = used.slice();
  for (const { address, size, state } of blocks) {
    const first = (address - begin) / cellBytes;
    addShares(owned, first, first + size / cellBytes);
    if (state === 'used') addShares(used, first, first + size / cellBytes);
  }

  const cells = Array.from(used, (share, cell) => shadeOf(share, owned[cell] ?? 0));
  const lines = [title];
  for (let cell = 0; cell < cells.length; cell += columns) {
    lines.push(
      `│${cells
        .slice(cell, cell + columns)
        .join('')
        .padEnd(columns)}│`,
    );
  }
  const legend = `'${shades[0]}' free, '${shades.at(-1)}' used, '${foreign}' of other code`;
  lines.push(`each character is ${cellBytes} bytes: ${legend}`);
  return lines.join('\n');
}

/** Adds the bytes from `begin` to `end`, both in cells, to the cells that they cover. */
function addShares(shares: Float64Array, begin: number, end: number): void {
  for (let cell = Math.floor(begin); cell < end; cell++) {
    shares[cell] = (shares[cell] ?? 0) + Math.min(end, cell + 1) - Math.max(begin, cell);
  }
}

function shadeOf(used: number, owned: number): string {
  if (owned === 0) return foreign;
  if (used === 0) return shades.charAt(0);
  const darkness = used / owned;
  return shades.charAt(darkness > 1 - 1e-9 ? shades.length - 1 : 1 + Math.floor(darkness * 3));
}
