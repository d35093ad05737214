// SPDX-License-Identifier: MIT

import { createHeap } from '../../dist/index.js';

export const ships = () => ({ script: 'dist/index.js', wasm: 'dist/lite-alloc.wasm' });

export async function open(options) {
  const heap = await createHeap(options);
  return {
    malloc: (size) => heap.malloc(size),
    free: (address) => heap.free(address),
    realloc: (address, size) => heap.realloc(address, size),
    array: (type, length) => heap.array(type, length),
    view: (handle) => handle.view,
    resize(handle, length) {
      handle.resize(length);
      return handle;
    },
    release: (handle) => handle.free(),
    store: (text) => heap.string(text),
    read: (handle) => handle.toString(),
    forget: (handle) => handle.free(),
    frame: (work) => heap.scope((scope) => work((type, length) => scope.array(type, length))),
    memoryBytes: () => heap.memory.buffer.byteLength,
  };
}
