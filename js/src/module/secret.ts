// SPDX-License-Identifier: MIT

/** The part of the host that this file uses. Audio worklets and some test environments lack it. */
interface RandomHost {
  readonly crypto?: { getRandomValues?(words: Uint32Array): unknown };
}

/**
 * Returns 32 random bits for one heap, which mixes them into its metadata, so that it does not accept the contents of
 * blocks as metadata. The bits come from `crypto.getRandomValues`. Where the host lacks that, or it fails, they come
 * from `Math.random`. They then still protect against accidents, but not against an attacker who can predict the
 * engine's generator.
 */
export function randomSecret(): number {
  const words = new Uint32Array(1);
  try {
    (globalThis as RandomHost).crypto?.getRandomValues?.(words);
  } catch {
    // The next line uses `Math.random`.
  }
  return (words[0] || Math.random() * 2 ** 32) >>> 0;
}
