// SPDX-License-Identifier: MIT

import { AddressMap } from '../core/address-map.js';
import type { HeapBlock } from '../module/heap-functions.js';
import type { Block } from './block.js';

/**
 * Returns the blocks of a debug heap in address order, with the addresses that callers know. `below` lists the blocks
 * of the underlying heap, which include canaries; `blocks` has the records of the debug heap. Blocks in quarantine
 * count as free.
 */
export function walkOwners(below: readonly HeapBlock[], blocks: Iterable<Block>): HeapBlock[] {
  const live = new AddressMap<Block>();
  for (const block of blocks) if (block.isLive) live.set(block.base, block);

  const walked: HeapBlock[] = [];
  let end = 0;
  for (const { address: begin, size } of below) {
    const block = live.get(begin);
    const address = block?.address ?? begin;
    // The bytes in front of a block's address are added to the block before it, as for a header.
    const last = walked.at(-1);
    if (last !== undefined && begin === end) last.size += address - begin;
    end = begin + size;
    walked.push({
      address,
      size: end - address,
      state: block === undefined ? 'free' : 'used',
    });
  }
  return walked;
}
