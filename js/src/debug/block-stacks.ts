// SPDX-License-Identifier: MIT

import type { Block } from './block.js';
import { readStack } from './call-stacks.js';

/** The most blocks whose stacks wait to be read. */
const mostWaiting = 4096;

/**
 * Reads the stacks of new blocks when the running code has ended, or when many wait. Reading a stack takes as long
 * as everything else that a debug heap does for a block, and by then most short-lived blocks are freed.
 */
export class BlockStacks {
  #unread: Block[] = [];

  add(block: Block): void {
    if (block.allocation === undefined) return;
    if (this.#unread.push(block) === 1) void Promise.resolve().then(() => this.#readAll());
    if (this.#unread.length > 2 * mostWaiting) {
      this.#unread = this.#unread.filter(({ isLive }) => isLive);
      if (this.#unread.length > mostWaiting) this.#readAll();
    }
  }

  clear(): void {
    this.#unread = [];
  }

  #readAll(): void {
    for (const block of this.#unread) {
      if (block.isLive && block.allocation !== undefined)
        block.allocation = readStack(block.allocation);
    }
    this.#unread = [];
  }
}
