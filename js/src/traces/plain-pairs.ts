// SPDX-License-Identifier: MIT

import { EventLoopBreaks } from '../core/event-loop.js';
import type { ByteInput } from './byte-input.js';
import { operationsPerFrame, plainBirth } from './format.js';
import { LiveBlocks } from './live-blocks.js';
import { freeCode, mallocCode, type Operations, reallocCode } from './operations.js';

/**
 * Reads a trace of plain pairs: 32-bit integers, the lowest byte first. The first of a pair is the block's number * 4
 * + kind (0: allocate, 1: free, 2: reallocate), the second is the size.
 */
export async function readPairs(input: ByteInput, maximumOperations: number): Promise<Operations> {
  const breaks = new EventLoopBreaks();
  const blocks = new LiveBlocks(input);
  const chunks: Uint32Array[] = [];
  let operations = 0;
  for (;;) {
    const begin = input.offset;
    const bytes = await input.takeUpTo(operationsPerFrame * 8);
    if (bytes.length % 8 !== 0) input.fail(input.offset, 'it ends within an operation');
    if (bytes.length === 0) return { chunks, operations, truncated: false };
    const most = (maximumOperations - operations) * 8;
    if (bytes.length > most) failTooMany(input, begin + most, maximumOperations);
    const pairs = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const words = new Uint32Array((bytes.length / 8) * 3);
    for (let index = 0; index < bytes.length; index += 8) {
      const key = pairs.getUint32(index, true);
      const size = pairs.getUint32(index + 4, true);
      const offset = begin + index;
      const number = key >>> 2;
      const place = (index / 8) * 3;
      switch (key & 3) {
        case 0:
          if (number !== blocks.allocated) {
            input.fail(
              offset,
              `block ${number} is allocated where ${blocks.allocated} is the next`,
            );
          }
          words[place] = blocks.add(plainBirth, offset) + mallocCode;
          break;
        case 1:
          if (size !== 0) input.fail(offset, `block ${number} is freed with a size of ${size}`);
          words[place] = blocks.addressOf(number, offset) + freeCode;
          blocks.remove(number);
          break;
        case 2:
          words[place] = blocks.addressOf(number, offset) + reallocCode;
          words[place + 2] = blocks.addressOf(number, offset);
          break;
        default:
          input.fail(offset, 'the operation is of an unknown kind');
      }
      words[place + 1] = size;
    }
    chunks.push(words);
    operations += words.length / 3;
    await breaks.takeIfDue();
  }
}

/** Throws the error about a trace with too many operations. */
export function failTooMany(input: ByteInput, offset: number, maximumOperations: number): never {
  return input.fail(
    offset,
    `it has more than ${maximumOperations} operations; the option maximumOperations sets the limit`,
  );
}
