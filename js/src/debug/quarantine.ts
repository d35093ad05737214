// SPDX-License-Identifier: MIT

import type { Block } from './block.js';

/** Freed blocks that the debug heap keeps from reuse, so that late writes to them are detected. */
export class Quarantine {
  readonly #blocks = new Queue<Block>();
  #bytes = 0;

  /** Bytes of the heap below that the blocks take. */
  get bytes(): number {
    return this.#bytes;
  }

  get isEmpty(): boolean {
    return this.#blocks.length === 0;
  }

  add(block: Block): void {
    this.#blocks.push(block);
    this.#bytes += block.end - block.base;
  }

  /** Removes the oldest blocks until both limits are kept, and passes each to `release`. */
  shrink(mostBytes: number, mostBlocks: number, release: (block: Block) => void): void {
    while (this.#bytes > mostBytes || this.#blocks.length > mostBlocks) {
      const block = this.#blocks.shift();
      if (block === undefined) return;
      this.#bytes -= block.end - block.base;
      release(block);
    }
  }

  clear(): void {
    this.#blocks.clear();
    this.#bytes = 0;
  }

  [Symbol.iterator](): Iterator<Block> {
    return this.#blocks[Symbol.iterator]();
  }
}

/** A first-in, first-out queue. */
export class Queue<T> {
  #items: T[] = [];
  #first = 0;

  get length(): number {
    return this.#items.length - this.#first;
  }

  push(item: T): void {
    this.#items.push(item);
  }

  shift(): T | undefined {
    const item = this.#items[this.#first];
    if (item !== undefined) this.#first++;
    // On average this moves each item once.
    if (this.#first * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#first);
      this.#first = 0;
    }
    return item;
  }

  clear(): void {
    this.#items = [];
    this.#first = 0;
  }

  *[Symbol.iterator](): Generator<T, undefined> {
    yield* this.#items.slice(this.#first);
  }
}
