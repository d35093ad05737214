// SPDX-License-Identifier: MIT

/** A heap of this package as a peer: the interface that `index.mjs` describes. */
export function callsOf(heap) {
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
