// SPDX-License-Identifier: MIT

import { formatAddress, InvalidFreeError } from './errors.js';
import { type HeapFunctions, mapCalls } from './heap-functions.js';

/** Losses that owners have not noticed, at most. Each takes about 100 bytes. */
const mostLosses = 1 << 20;

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
  #lossCount = 0;
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
    this.#lossCount = 0;
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
    this.#lossCount--;
    return true;
  }

  /**
   * Watches the calls that free or move blocks by their raw addresses. Owners take a block out before
   * they make such a call.
   */
  readonly layer = (below: HeapFunctions): HeapFunctions => {
    const { free, deallocate, realloc, reallocate } = below;
    return {
      ...below,
      ...mapCalls(
        { free, deallocate, realloc, reallocate },
        (call) => (address: number, size: number, third: number, fourth: number) =>
          ((this.#bits[address >>> 9] as number) & (1 << (address >>> 4))) === 0
            ? call(address, size, third, fourth)
            : this.#lose(address, call === free, () => call(address, size, third, fourth)),
      ),
    };
  };

  #lose(address: number, isFree: boolean, call: () => number): number {
    const epoch = this.#endEpoch(address);
    if (this.#lossCount === mostLosses) {
      throw new InvalidFreeError(
        address,
        `${formatAddress(address)} belongs to a handle or scope, which must free it`,
      );
    }
    const result = call();
    // Zero says that `free` did it, and that the others did not.
    if ((result === 0) === isFree && address % 16 === 0) {
      this.delete(address);
      this.#losses.set(address, [...(this.#losses.get(address) ?? []), epoch]);
      this.#lossCount++;
    }
    return result;
  }
}
