// SPDX-License-Identifier: MIT
//
// The collector of AssemblyScript, as JavaScript uses it: a block is pinned while it is wanted.

import { instantiate, ships } from './assemblyscript-module.mjs';
import { arraysByHand, stringsByHand } from './by-hand.mjs';

/** The runtime's id of ArrayBuffer: bytes without references. */
const bytesId = 1;
const noRealloc = 'the runtime exports no realloc';

export { ships };
export const cannot = { realloc: noRealloc, resize: noRealloc };

export function open() {
  const { __new, __pin, __unpin, memory } = instantiate();
  const buffer = () => memory.buffer;
  const malloc = (size) => __pin(__new(size, bytesId));
  const { resize, ...arrays } = arraysByHand({ malloc, free: __unpin, buffer });
  return {
    malloc,
    free: __unpin,
    ...arrays,
    ...stringsByHand({ malloc, free: __unpin, buffer }),
    memoryBytes: () => memory.buffer.byteLength,
  };
}
