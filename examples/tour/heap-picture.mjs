// SPDX-License-Identifier: MIT

const shades = [' ', '░', '▒', '▓', '█'];

/**
 * A picture of a heap in characters: each stands for an equal share of it, in address order, and is
 * darker the more of it is used.
 *
 * @param {import('lite-alloc').Heap} heap
 * @param {{ columns?: number, rows?: number }} [size]
 */
export function drawHeap(heap, { columns = 72, rows = 12 } = {}) {
  const blocks = [...heap.blocks()];
  const first = blocks[0];
  const last = blocks.at(-1);
  if (first === undefined || last === undefined) return '(an empty heap)';

  const begin = first.address;
  const cellBytes = (last.address + last.size - begin) / (columns * rows);
  const usedBytes = new Float64Array(columns * rows);
  for (const { address, size, state } of blocks) {
    if (state === 'used')
      addToCells(usedBytes, (address - begin) / cellBytes, (address + size - begin) / cellBytes);
  }

  const lines = [];
  for (let row = 0; row < rows; row++) {
    const cells = usedBytes.subarray(row * columns, (row + 1) * columns);
    lines.push(`  │${Array.from(cells, shadeOf).join('')}│`);
  }
  const legend = `  each character is ${formatBytes(cellBytes)}: '${shades[0]}' free, '${shades.at(-1)}' used, shades in between`;
  return [...lines, legend].join('\n');
}

/** Adds what lies from `begin` to `end`, both in cells, to the cells it touches, as shares. */
function addToCells(cells, begin, end) {
  for (let cell = Math.floor(begin); cell < end && cell < cells.length; cell++) {
    cells[cell] += Math.min(end, cell + 1) - Math.max(begin, cell);
  }
}

/** The darkest and the lightest are kept for cells that are wholly used and wholly free. */
function shadeOf(share) {
  if (share < 1e-9) return shades[0];
  if (share > 1 - 1e-9) return shades.at(-1);
  return shades[1 + Math.min(Math.floor(share * 3), 2)];
}

export function formatBytes(bytes) {
  const units = ['B', 'KiB', 'MiB', 'GiB'];
  const step = bytes < 1024 ? 0 : Math.min(Math.floor(Math.log2(bytes) / 10), units.length - 1);
  const value = bytes / 1024 ** step;
  return `${value.toFixed(step === 0 || value >= 100 ? 0 : 1)} ${units[step]}`;
}
