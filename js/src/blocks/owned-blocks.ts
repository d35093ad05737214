// SPDX-License-Identifier: MIT

import type { HeapFunctions, HeapLayer } from '../module/heap-functions.js';

/**
 * The largest number of addresses with losses that their owners have not noticed. Each takes about 100 bytes.
 * When it is reached, the heap refuses raw addresses of further owned blocks.
 */
const mostAddresses = 1 << 20;

/**
 * Records which blocks belong to handles, arenas and scopes, and which of these other code has freed by their
 * raw addresses. The owner of such a lost block must not free a later block at the same address.
 *
 * It takes one bit for each 16 bytes of memory up to the highest owned block: 0.8 % of that memory.
 */
export class OwnedBlocks implements HeapLayer {
  #bits = new Int32Array(0);
  /** By address: the last epoch in which an owner lost a block there, and how many owners have not noticed. */
  readonly #losses = new Map<number, { readonly epoch: number; owners: number }>();
  readonly #endEpoch: (address: number) => number;

  /**
   * `endEpoch` begins a new epoch and returns the old one. It throws where other code must not free the block
   * at `address`.
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
        // The engine has no memory for the bits. The block stays usable, but a loss of it goes unnoticed.
        return;
      }
    }
    // Shifts use the lowest five bits of their right operand.
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
   * Returns whether the owner that got the block at `address` in `epoch` has lost it since. It then forgets
   * the loss, so each loss is returned once.
   */
  takeLoss(address: number, epoch: number): boolean {
    const loss = this.#losses.get(address);
    // The present owner of the address got it after the loss.
    if (loss === undefined || loss.epoch < epoch) return false;
    if (--loss.owners === 0) this.#losses.delete(address);
    return true;
  }

  /**
   * Watches the calls that free or move blocks by their raw addresses. An owner removes its block from this
   * record before it makes such a call.
   */
  wrap(below: HeapFunctions): HeapFunctions {
    // Optimised for the common case, the free of a block without owner: `free` is read from `below` only once, and no
    // further call is made.
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

  /** Returns the result of `call`, which frees or moves the block at `address`, or returns `failure`. */
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
