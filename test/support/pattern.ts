// SPDX-License-Identifier: MIT

import { expect } from 'vitest';

const goldenRatio = 0x9e3779b1;

/** A memory as this writes it: every word tells of which block it is and where in it. */
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

  /** The first offset in `[0, size)` where something else stands; undefined where all is as filled. */
  findDamage(address: number, size: number, tag: number): number | undefined {
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

  /** The same, with the bytes behind the last whole word. */
  findDamageToEnd(address: number, size: number, tag: number): number | undefined {
    const damage = this.findDamage(address, size, tag);
    if (damage !== undefined) return damage;
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

/** Fails unless `[address, address + size)` is as `fill` left it. */
export function expectPattern(
  memory: WebAssembly.Memory,
  address: number,
  size: number,
  tag: number,
): void {
  expect(new PatternedMemory(memory).findDamageToEnd(address, size, tag)).toBeUndefined();
}

export function fillPattern(
  memory: WebAssembly.Memory,
  address: number,
  size: number,
  tag: number,
): void {
  new PatternedMemory(memory).fill(address, size, tag);
}
