// SPDX-License-Identifier: MIT

import { MemPool } from '@thi.ng/malloc';
import { framesByHand, outOfMemory, stringsByHand } from './by-hand.mjs';

/** A pool has the size that it is made with: this holds every workload. */
const poolBytes = 256 << 20;
const typeNames = new Map([
  [Float32Array, 'f32'],
  [Uint8Array, 'u8'],
]);

export const cannot = { growth: 'a pool keeps the size that it was made with' };

export const ships = () => ({ script: 'bench/node_modules/@thi.ng/malloc/index.js' });

export function open() {
  const pool = new MemPool({ size: poolBytes, align: 16 });
  const malloc = (size) => pool.malloc(size) || outOfMemory();
  const free = (address) => pool.free(address);
  const array = (type, length) => pool.mallocAs(typeNames.get(type), length) ?? outOfMemory();
  return {
    malloc,
    free,
    realloc: (address, size) => pool.realloc(address, size) || outOfMemory(),
    array,
    view: (handle) => handle,
    resize: (handle, length) => pool.reallocArray(handle, length) ?? outOfMemory(),
    release: free,
    ...stringsByHand({ malloc, free, buffer: () => pool.buf }),
    ...framesByHand({ array, release: free }),
    /** The size of the smallest pool that would hold the blocks. */
    memoryBytes: () => pool.stats().top,
  };
}
