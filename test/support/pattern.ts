// SPDX-License-Identifier: MIT

import { expect } from 'vitest';

const goldenRatio = 0x9e3779b1;

/** Fills blocks with a pattern, in which every word depends on its block and its offset, and checks that pattern. */
export class PatternedMemory {
  readonly #memory: WebAssembly.Memory;
  #words = new Uint32Array(0);
  #bytes = new Uint8Array(0);

  constructor(memory: WebAssembly.Memory) {
    this.#memory = memory;
  }

  /** Fills `[address + from, address + size)` with the pattern of `tag`; `from` in whole words. */
  fill(address: number, size: number, tag: number, from = 0): void {
    this.#refresh();
    const words = this.#words;
    const first = address / 4;
    const count = size >>> 2;
    const start = Math.imul(tag, goldenRatio);
    for (let index = from >>> 2; index < count; index++) words[first + index] = start + index;
    for (let index = count << 2; index < size; index++)
      this.#bytes[address + index] = start + index;
  }

  /** Returns the offset of the first whole word in `[0, size)` that differs from the pattern, or undefined. */
  findMismatch(address: number, size: number, tag: number): number | undefined {
    this.#refresh();
    const words = this.#words;
    const first = address / 4;
    const count = size >>> 2;
    const start = Math.imul(tag, goldenRatio);
    for (let index = 0; index < count; index++) {
      if (words[first + index] !== (start + index) >>> 0) return index * 4;
    }
    return undefined;
  }

  /** Like `findMismatch`, but also compares the bytes behind the last whole word. */
  findMismatchToEnd(address: number, size: number, tag: number): number | undefined {
    const mismatch = this.findMismatch(address, size, tag);
    if (mismatch !== undefined) return mismatch;
    const start = Math.imul(tag, goldenRatio);
    for (let index = size & ~3; index < size; index++) {
      if (this.#bytes[address + index] !== ((start + index) & 0xff)) return index;
    }
    return undefined;
  }

  /** Whether all of `[address, address + size)` is zero. */
  isZero(address: number, size: number): boolean {
    this.#refresh();
    const end = address + size;
    const lastWord = end >>> 2;
    for (let index = address / 4; index < lastWord; index++)
      if (this.#words[index] !== 0) return false;
    return this.#bytes.subarray(lastWord * 4, end).every((byte) => byte === 0);
  }

  #refresh(): void {
    if (this.#words.length !== 0) return;
    this.#words = new Uint32Array(this.#memory.buffer);
    this.#bytes = new Uint8Array(this.#memory.buffer);
  }
}

/** Fails unless `[address, address + size)` holds the pattern of `tag`. */
export function expectPattern(
  memory: WebAssembly.Memory,
  address: number,
  size: number,
  tag: number,
): void {
  expect(new PatternedMemory(memory).findMismatchToEnd(address, size, tag)).toBeUndefined();
}

export function fillPattern(
  memory: WebAssembly.Memory,
  address: number,
  size: number,
  tag: number,
): void {
  new PatternedMemory(memory).fill(address, size, tag);
}
