// SPDX-License-Identifier: MIT

/** What this needs of the host: audio worklets and some test environments lack it. */
interface RandomHost {
  readonly crypto?: { getRandomValues?(words: Uint32Array): unknown };
}

/**
 * Returns 32 random bits for one heap, which mixes them into its metadata: so the contents of blocks
 * cannot pass for metadata. They come from `crypto.getRandomValues`. Where the host lacks that, or it
 * fails, they come from `Math.random`: the seal still stops accidents, but no attacker who can predict
 * the engine's generator.
 */
export function randomSecret(): number {
  const words = new Uint32Array(1);
  try {
    (globalThis as RandomHost).crypto?.getRandomValues?.(words);
  } catch {
    // The next line does without.
  }
  return (words[0] || Math.random() * 2 ** 32) >>> 0;
}
