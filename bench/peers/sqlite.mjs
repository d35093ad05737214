// SPDX-License-Identifier: MIT

import initialise from '@sqlite.org/sqlite-wasm';
import { arraysByHand } from './by-hand.mjs';

const files = 'bench/node_modules/@sqlite.org/sqlite-wasm/sqlite-wasm/jswasm';

export const ships = () => ({ script: `${files}/sqlite3.mjs`, wasm: `${files}/sqlite3.wasm` });

export async function open() {
  const { wasm } = await initialise();
  const malloc = (size) => wasm.alloc(size);
  const free = (address) => wasm.dealloc(address);
  const realloc = (address, size) => wasm.realloc(address, size);
  const buffer = () => wasm.heap8u().buffer;
  return {
    malloc,
    free,
    realloc,
    ...arraysByHand({ malloc, free, realloc, buffer }),
    store: (text) => wasm.allocCString(text),
    read: (address) => wasm.cstrToJs(address),
    forget: free,
    frame: (work) =>
      wasm.scopedAllocCall(() =>
        work((type, length) => {
          const address = wasm.scopedAlloc(length * type.BYTES_PER_ELEMENT);
          return new type(buffer(), address, length);
        }),
      ),
    memoryBytes: () => wasm.heap8u().length,
  };
}
