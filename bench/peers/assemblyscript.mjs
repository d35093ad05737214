// SPDX-License-Identifier: MIT

import { instantiate, ships } from './assemblyscript-module.mjs';
import { arraysByHand, stringsByHand } from './by-hand.mjs';

export { ships };

export function open() {
  const { alloc, free, realloc, memory } = instantiate();
  const buffer = () => memory.buffer;
  return {
    malloc: alloc,
    free,
    realloc,
    ...arraysByHand({ malloc: alloc, free, realloc, buffer }),
    ...stringsByHand({ malloc: alloc, free, buffer }),
    memoryBytes: () => memory.buffer.byteLength,
  };
}
