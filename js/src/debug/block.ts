// SPDX-License-Identifier: MIT
//
// The record of a debug heap about one block, and the text by which messages describe it. The block that the caller
// uses lies inside a larger block of the underlying heap, with canaries on both sides:
//
//     base      address - canaryBytes   address          address + size    end
//      | unused  | canary                | owner's bytes  | canary          |

import {
  type BlockDetails,
  HeapCorruptionError,
  type LiveBlock,
  listBlocks,
} from '../core/errors.js';
import { granuleBytes } from '../core/units.js';
import { formatAddress } from '../core/values.js';
import type { CallStack } from './call-stacks.js';

export interface Block {
  readonly address: number;
  /** The requested size, at least 1. */
  size: number;
  readonly alignment: number;
  /** The address of the block of the heap below. */
  readonly base: number;
  /** The end of the block of the heap below. */
  readonly end: number;
  /** Whether `allocate` allocated it. */
  readonly isSized: boolean;
  isLive: boolean;
  /** For a block of a handle or arena: what it is, and how to free it. */
  owner?: string;
  allocation: CallStack | undefined;
  freeing: CallStack | undefined;
}

/** Rounds a size up to a multiple of 16. */
export function roundUp(size: number): number {
  return Math.ceil(size / granuleBytes) * granuleBytes;
}

/** The number of stacks that the message of a `LeakError` lists. */
const mostGroups = 10;

/** Returns a noun phrase for a block. */
export function describe({ size, address, isLive }: Block): string {
  return `the ${isLive ? '' : 'freed '}block of ${size} bytes at ${formatAddress(address)}`;
}

/** Returns where an address with this offset lies relative to a block. */
export function placeIn(offset: number, { size }: Block): string {
  if (offset < 0) return `${-offset} bytes below`;
  return offset < size ? `byte ${offset} of` : `${offset - size} bytes behind the end of`;
}

/** Returns the properties that errors about a block have. */
export function detailsOf(block: Block, offset = 0): BlockDetails {
  return {
    size: block.size,
    offset,
    allocatedAt: block.allocation?.toString(),
    freedAt: block.freeing?.toString(),
  };
}

/** Returns a message with the stacks of a block below it. */
export function withStacks(message: string, { allocation, freeing }: Block): string {
  return message + paragraph('allocated', allocation) + paragraph('freed', freeing);
}

function paragraph(title: string, stack: CallStack | undefined): string {
  return stack === undefined ? '' : `\n${title}\n${String(stack).replace(/^/gm, '    ')}`;
}

/** Returns the error about an overwritten byte. */
export function corruption(block: Block, offset: number, message: string): HeapCorruptionError {
  return new HeapCorruptionError(
    block.address,
    withStacks(message, block),
    detailsOf(block, offset),
  );
}

/** Implements `DebugLayer.listByStack`. */
export function listByStack(blocks: readonly LiveBlock[]): string {
  const groups = new Map<string | undefined, { bytes: number; blocks: LiveBlock[] }>();
  for (const block of blocks) {
    const group = groups.get(block.stack) ?? { bytes: 0, blocks: [] };
    group.bytes += block.size;
    group.blocks.push(block);
    groups.set(block.stack, group);
  }
  const largestFirst = [...groups].sort(([, left], [, right]) => right.bytes - left.bytes);
  const lines = largestFirst.slice(0, mostGroups).map(([stack = '', group]) => {
    const frames = stack.replace(/^(?=.)/gm, '\n    ').replace(/\n+/g, '\n');
    return listBlocks(group.blocks) + frames;
  });
  if (groups.size > mostGroups) lines.push(`\nand from ${groups.size - mostGroups} other places`);
  return lines.join('');
}
