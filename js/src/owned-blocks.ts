// SPDX-License-Identifier: MIT

import type { HeapFunctions } from './heap-functions.js';

/**
 * Addresses with losses that owners have not noticed, at most: at others the heap accepts no address of an
 * owned block then. Each takes about 100 bytes.
 */
const mostAddresses = 1 << 20;

/**
 * Which blocks belong to handles, arenas and scopes, and which of these other code freed by their raw
 * addresses: their owners must not free what lies there later.
 *
 * Takes one bit for each 16 bytes of memory up to the highest such block, 0.8 % of that.
 */
export class OwnedBlocks {
  #bits = new Uint32Array(0);
  /** By address the epochs in which owners lost blocks there, in order. */
  readonly #losses = new Map<number, number[]>();
  readonly #endEpoch: (address: number) => number;

  /**
   * `endEpoch` begins a new epoch, and returns the old one. It throws where the owner of the block at
   * `address` must not lose it.
   */
  constructor(endEpoch: (address: number) => number) {
    this.#endEpoch = endEpoch;
  }

  add(address: number): void {
    const index = address >>> 9;
    if (index >= this.#bits.length) {
      const bits = new Uint32Array(2 * index + 64);
      bits.set(this.#bits);
      this.#bits = bits;
    }
    // Shifts count modulo 32.
    (this.#bits[index] as number) |= 1 << (address >>> 4);
  }

  delete(address: number): void {
    (this.#bits[address >>> 9] as number) &= ~(1 << (address >>> 4));
  }

  /** Forgets all blocks. */
  clear(): void {
    this.#bits = new Uint32Array(0);
    this.#losses.clear();
  }

  /**
   * Whether the owner that got the block at `address` in `epoch` has lost it since. Says so once: the
   * loss is forgotten then.
   */
  takeLoss(address: number, epoch: number): boolean {
    const losses = this.#losses.get(address) ?? [];
    // The first loss since is the owner's own; later ones are those of later owners.
    const index = losses.findIndex((end) => end >= epoch);
    if (index < 0) return false;
    losses.splice(index, 1);
    if (losses.length === 0) this.#losses.delete(address);
    return true;
  }

  /**
   * Watches the calls that free or move blocks by their raw addresses. Owners take a block out before
   * they make such a call.
   */
  readonly layer = (below: HeapFunctions): HeapFunctions => ({
    ...below,
    free: (address) =>
      this.#has(address) ? this.lose(address, 1, () => below.free(address)) : below.free(address),
    deallocate: (address, size, alignment) =>
      this.lose(address, 0, () => below.deallocate(address, size, alignment)),
    realloc: (address, size) => this.lose(address, 0, () => below.realloc(address, size)),
    reallocate: (address, oldSize, size, alignment) =>
      this.lose(address, 0, () => below.reallocate(address, oldSize, size, alignment)),
  });

  #has(address: number): boolean {
    return ((this.#bits[address >>> 9] as number) & (1 << (address >>> 4))) !== 0;
  }

  /** What `call` returns, which frees or moves the block at `address`. `failure` is what it returns if not. */
  lose(address: number, failure: 0 | 1, call: () => number): number {
    if (!this.#has(address)) return call();
    const epoch = this.#endEpoch(address);
    if (this.#losses.size === mostAddresses) return failure;
    const result = call();
    if ((result === 0) === (failure === 1)) {
      this.delete(address);
      const losses = this.#losses.get(address) ?? [];
      losses.push(epoch);
      this.#losses.set(address, losses);
    }
    return result;
  }
}
