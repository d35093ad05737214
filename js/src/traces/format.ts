// SPDX-License-Identifier: MIT
//
// The numbers of the binary form of a trace, which docs/trace-format.md describes.

/** The first bytes of a file. */
export const signature = [0x89, 0x4c, 0x41, 0x54];
export const version = 1;

export const operationsPerFrame = 8192;
export const mostFrameOperations = 65536;
export const mostFrameBytes = 1 << 20;
/** An operation has at most two numbers of six bytes. */
export const mostOperationBytes = 12;
export const checksumBytes = 4;
/** The scale of the last byte of a number: six bytes hold every number that a file may have. */
export const mostNumberScale = 128 ** 4;

/** The kinds of operations: the lowest two bits of their first number. */
export const kinds = { allocate: 0, special: 1, free: 2, reallocate: 3 } as const;

// The value of a special operation: the rank of a recent size, one of the next two, or `firstBirth` + birth.
export const recentSizes = 32;
export const resetValue = recentSizes;
export const olderFreeValue = recentSizes + 1;
export const firstBirth = recentSizes + 2;

/**
 * The birth of a block says which call allocated it: `calloc` (0), `memalign` with an exponent from 1 to 12,
 * `allocate` with an exponent from 0 to 12 (13 to 25), or `malloc` (26).
 */
export const zeroedBirth = 0;
export const sizedBirth = 13;
export const plainBirth = 26;

/** The sizes allocated last, the newest first. Programs often ask for the same sizes again. */
export class RecentSizes {
  readonly #sizes: number[] = [];

  /** Returns the rank of a size; -1 where it is not among them. */
  rankOf(size: number): number {
    return this.#sizes.indexOf(size);
  }

  /** Makes the size of a rank the newest and returns it; undefined where the rank does not exist. */
  use(rank: number): number | undefined {
    const [size] = this.#sizes.splice(rank, 1);
    if (size !== undefined) this.#sizes.unshift(size);
    return size;
  }

  add(size: number): void {
    this.#sizes.unshift(size);
    if (this.#sizes.length > recentSizes) this.#sizes.pop();
  }
}
