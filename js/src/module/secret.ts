// SPDX-License-Identifier: MIT

import { type FileSystem, fileSystem } from './node-host.js';

/** The part of the host that this file uses. Audio worklets and some test environments lack it. */
interface RandomHost {
  readonly crypto: { getRandomValues(words: Uint32Array): ArrayLike<number> };
}

/**
 * Returns a random number below 2^32 for one heap. The heap mixes its integer part into its metadata, so that it does not
 * accept the contents of blocks as metadata. The number comes from the system. Where the host gives none, or it fails, it
 * comes from `Math.random`. It then still protects against accidents, but not against an attacker who can predict the
 * engine's generator.
 */
export function randomSecret(): number {
  try {
    // The first 8 digits of a random UUID of Linux. Node takes longer to load its `crypto` than all else that the first
    // heap of a program needs. Deno would ask the user whether the program may read the file.
    const fs = ('Deno' in globalThis || fileSystem()) as FileSystem;
    return Number.parseInt(fs.readFileSync('/proc/sys/kernel/random/uuid', 'latin1'), 16);
  } catch {
    try {
      const { crypto } = globalThis as unknown as RandomHost;
      return crypto.getRandomValues(new Uint32Array(1))[0] as number;
    } catch {
      return Math.random() * 2 ** 32;
    }
  }
}
