// SPDX-License-Identifier: MIT

import type { LiveBlock } from '../core/errors.js';
import { formatAddress } from '../core/values.js';

/** The largest number of blocks that a list shows. */
const shownBlocks = 20;

/** Returns a line for each block, which begins with `sign`. Of many blocks, the last line says how many are left out. */
export function listRanges(sign: string, blocks: readonly LiveBlock[]): string[] {
  const lines = blocks
    .slice(0, shownBlocks)
    .map(({ address, size, stack = '' }) =>
      `${sign} ${formatAddress(address)} ${size} bytes ${stack.split('\n', 1)}`.trimEnd(),
    );
  const hidden = blocks.length - lines.length;
  return hidden === 0 ? lines : [...lines, `${sign} and ${hidden} more`];
}
