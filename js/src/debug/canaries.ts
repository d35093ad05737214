// SPDX-License-Identifier: MIT

import { formatAddress } from '../core/values.js';
import type { MemoryViews } from '../module/memory-views.js';
import { type Block, corruption, describe } from './block.js';

// Three patterns that are easy to recognise in a memory dump.
const canaryByte = 0xfd;
const newByte = 0xcd;
const freedByte = 0xdd;

/** Fills the bytes beside blocks, and those of freed blocks, with patterns, and checks that they are intact. */
export class Canaries {
  readonly #memory: MemoryViews;
  readonly #canaryBytes: number;

  constructor(memory: MemoryViews, canaryBytes: number) {
    this.#memory = memory;
    this.#canaryBytes = canaryBytes;
  }

  fillNew(block: Block): void {
    this.#fill(block.address - this.#canaryBytes, block.address, canaryByte);
    this.#fill(block.address, block.address + block.size, newByte);
    this.fillEnd(block);
  }

  /** Fills the bytes behind the owner's. */
  fillEnd({ address, size, end }: Block): void {
    this.#fill(address + size, end, canaryByte);
  }

  fillFreed({ address, size }: Block): void {
    this.#fill(address, address + size, freedByte);
  }

  /** Throws `HeapCorruptionError` where a canary, or a byte of a freed block, was overwritten. */
  assertIntact(block: Block): void {
    const { address, size, end, isLive } = block;
    const place =
      this.#findOther(address - this.#canaryBytes, address, canaryByte) ||
      this.#findOther(address + size, end, canaryByte) ||
      (isLive ? 0 : this.#findOther(address, address + size, freedByte));
    if (place === 0) return;
    const offset = place - address;
    const value = formatAddress(this.#memory.u8[place] ?? 0);
    const event =
      offset < 0
        ? 'was written to in front of its start'
        : offset >= size
          ? 'was written to past its end'
          : 'was written to since';
    throw corruption(block, offset, `${describe(block)} ${event}: byte ${offset} holds ${value}`);
  }

  #fill(begin: number, end: number, byte: number): void {
    // For a few bytes a loop is faster than the call.
    const bytes = this.#memory.u8;
    if (end - begin > 64) bytes.fill(byte, begin, end);
    else for (let place = begin; place < end; place++) bytes[place] = byte;
  }

  /** Returns the address of the first byte with another value; 0 where all have `byte`. */
  #findOther(begin: number, end: number, byte: number): number {
    const { u8, u32 } = this.#memory.all;
    const word = Math.imul(byte, 0x01010101) >>> 0;
    let place = begin;
    while (place < end && place % 4 !== 0 && u8[place] === byte) place++;
    if (place % 4 === 0) while (place + 4 <= end && u32[place / 4] === word) place += 4;
    while (place < end && u8[place] === byte) place++;
    return place < end ? place : 0;
  }
}
