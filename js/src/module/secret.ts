// SPDX-License-Identifier: MIT

/** The part of the host that this file uses. Audio worklets and some test environments lack it. */
interface RandomHost {
  readonly crypto: { getRandomValues(words: Uint32Array): ArrayLike<number> };
}

/** Where a host has a source of random numbers that is quicker to load than its `crypto`, `read` uses it. */
export const systemRandom: { read?(): number | undefined } = {};

/**
 * Returns a random number below 2^32 for one heap. The heap mixes its integer part into its metadata, so that it does not
 * accept the contents of blocks as metadata. The number comes from the system. Where the host gives none, or it fails, it
 * comes from `Math.random`. It then still protects against accidents, but not against an attacker who can predict the
 * engine's generator.
 */
export function randomSecret(): number {
  try {
    const { crypto } = globalThis as unknown as RandomHost;
    return systemRandom.read?.() ?? (crypto.getRandomValues(new Uint32Array(1))[0] as number);
  } catch {
    return Math.random() * 2 ** 32;
  }
}
