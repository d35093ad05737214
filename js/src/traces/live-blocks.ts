// SPDX-License-Identifier: MIT

import { granuleBytes } from '../core/units.js';
import type { ByteInput } from './byte-input.js';
import { plainBirth, sizedBirth, zeroedBirth } from './format.js';
import { allocateCode, mallocCode, memalignCode, zeroedCode } from './operations.js';

/** The most live blocks of a trace: half of what a `Map` of the engine holds. */
const mostLiveBlocks = 1 << 23;

/** Returns the code of the call that allocated a block. */
export function codeOf(birth: number): number {
  if (birth === plainBirth) return mallocCode;
  if (birth >= sizedBirth) return allocateCode;
  return birth === zeroedBirth ? zeroedCode : memalignCode;
}

/** Returns the alignment exponent in a birth. */
export function exponentOf(birth: number): number {
  if (birth === plainBirth) return 0;
  return birth >= sizedBirth ? birth - sizedBirth : birth;
}

/**
 * The live blocks of a trace that is being read, by number. The file has no addresses, so each block gets a made-up
 * one: a place in a table times 16. Places of freed blocks are used again.
 */
export class LiveBlocks {
  /** Stands for every block that was allocated before the recording. No live block has this address. */
  static readonly olderAddress = 0xfffffff0;

  /** Blocks allocated so far: the number of the next one. */
  allocated = 0;
  readonly #input: ByteInput;
  /** By number: place * 32 + birth. */
  readonly #blocks = new Map<number, number>();
  #freePlaces: number[] = [];
  #places = 0;

  constructor(input: ByteInput) {
    this.#input = input;
  }

  /** Adds the next block and returns its address. */
  add(birth: number, offset: number): number {
    if (this.#blocks.size === mostLiveBlocks) {
      this.#input.fail(offset, `more than ${mostLiveBlocks} blocks are live at a time`);
    }
    const place = this.#freePlaces.pop() ?? ++this.#places;
    this.#blocks.set(this.allocated++, place * 32 + birth);
    return place * granuleBytes;
  }

  addressOf(number: number, offset: number): number {
    const block = this.#blocks.get(number);
    if (block !== undefined) return Math.floor(block / 32) * granuleBytes;
    const state = number >= this.allocated || number < 0 ? 'was not allocated' : 'was freed before';
    return this.#input.fail(offset, `block ${number} ${state}`);
  }

  isSized(number: number): boolean {
    const birth = this.#birthOf(number);
    return birth >= sizedBirth && birth !== plainBirth;
  }

  /** Returns the alignment exponent of a sized block; 0 for other blocks. */
  exponentOf(number: number): number {
    return this.isSized(number) ? exponentOf(this.#birthOf(number)) : 0;
  }

  remove(number: number): void {
    this.#freePlaces.push(Math.floor((this.#blocks.get(number) ?? 0) / 32));
    this.#blocks.delete(number);
  }

  clear(): void {
    this.#blocks.clear();
    this.#freePlaces = [];
    this.#places = 0;
  }

  #birthOf(number: number): number {
    return (this.#blocks.get(number) ?? 0) % 32;
  }
}
