// SPDX-License-Identifier: MIT

import type { HeapFunctions, HeapLayer } from './heap-functions.js';

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
export class OwnedBlocks implements HeapLayer {
  #bits = new Int32Array(0);
  /** By address the last epoch in which an owner lost a block there, and how many have not noticed. */
  readonly #losses = new Map<number, { readonly epoch: number; owners: number }>();
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
      try {
        const bits = new Int32Array(2 * index + 64);
        bits.set(this.#bits);
        this.#bits = bits;
      } catch {
        // The engine has no memory for that. The block stays usable, and unwatched.
        return;
      }
    }
    // Shifts count modulo 32.
    (this.#bits[index] as number) |= 1 << (address >>> 4);
  }

  delete(address: number): void {
    (this.#bits[address >>> 9] as number) &= ~(1 << (address >>> 4));
  }

  /** Forgets all blocks. */
  clear(): void {
    this.#bits = new Int32Array(0);
    this.#losses.clear();
  }

  /**
   * Whether the owner that got the block at `address` in `epoch` has lost it since. Says so once: the
   * loss is forgotten then.
   */
  takeLoss(address: number, epoch: number): boolean {
    const loss = this.#losses.get(address);
    // The present owner of the place got it later.
    if (loss === undefined || loss.epoch < epoch) return false;
    if (--loss.owners === 0) this.#losses.delete(address);
    return true;
  }

  /**
   * Watches the calls that free or move blocks by their raw addresses. Owners take a block out before
   * they make such a call.
   */
  wrap(below: HeapFunctions): HeapFunctions {
    // Read once, and the common case first: most calls are for blocks without owners.
    const { free } = below;
    return {
      ...below,
      free: (address) => (this.#has(address) ? this.#lose(free, 1, address) : free(address)),
      deallocate: (...numbers) => this.#lose(below.deallocate, 0, ...numbers),
      realloc: (...numbers) => this.#lose(below.realloc, 0, ...numbers),
      reallocate: (...numbers) => this.#lose(below.reallocate, 0, ...numbers),
    };
  }

  #has(address: number): boolean {
    return ((this.#bits[address >>> 9] as number) & (1 << (address >>> 4))) !== 0;
  }

  /** What `call` returns, which frees or moves the block at `address`. `failure` is what it returns if not. */
  #lose<Numbers extends number[]>(
    call: (...numbers: Numbers) => number,
    failure: 0 | 1,
    ...numbers: Numbers
  ): number {
    const [address = 0] = numbers;
    if (!this.#has(address)) return call(...numbers);
    const epoch = this.#endEpoch(address);
    if (this.#losses.size === mostAddresses) return failure;
    const result = call(...numbers);
    if ((result === 0) === (failure === 1)) {
      this.delete(address);
      const owners = (this.#losses.get(address)?.owners ?? 0) + 1;
      this.#losses.set(address, { epoch, owners });
    }
    return result;
  }
}
