// SPDX-License-Identifier: MIT

import { defaultPeer } from '../peers/index.mjs';
import { format } from './markdown.mjs';

/** The columns of the README's table: a title, and the names of that peer in the stored tables. */
const columns = [
  { title: '`new Float32Array`', names: ['engine'] },
  { title: 'dlmalloc', names: ['dlmalloc'] },
  { title: '@thi.ng/malloc', names: ['@thi.ng/malloc'] },
  { title: 'lite-alloc', names: [defaultPeer, 'lite-alloc'] },
];

/** The rows of the README's table: a title with the unit, and where the figures are stored. */
const rows = [
  ['`malloc` and `free` of 64 bytes, ns', 'addresses', 'pair 64 B'],
  ['free and allocate among 100 000 live blocks, ns', 'addresses', 'replace in 10^5'],
  ['array of 256 bytes: make, fill, free, ns', 'handles', 'array 256 B, filled'],
  ['meshes and textures: make, fill, free, ns', 'handles', 'meshes'],
  ['memory of a Lua program, in multiples of the bytes in use', 'memory', 'lua'],
  ['what a page loads, bytes after gzip', 'ships', 'together'],
];

/**
 * The README's table: wins and losses of a heap that JavaScript uses, beside one peer of each kind. Where there is a
 * table of medians, the median is beside the minimum.
 */
export function summaryRows(tables) {
  return rows.map(([name, table, workload]) => {
    const figures = columns.map(({ title, names }) => {
      const [figure, median] = [tables[table], tables[`${table}-median`]].map(
        (found) => found?.rows.find((row) => names.includes(row.name))?.[workload],
      );
      const both = typeof figure === 'number' && typeof median === 'number';
      return [title, both ? `${format(figure)} / ${format(median)}` : figure];
    });
    return { name, ...Object.fromEntries(figures) };
  });
}
