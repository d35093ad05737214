// SPDX-License-Identifier: MIT
//
// AssemblyScript's runtime for `assemblyscript.mjs`: its heap, and with --exportRuntime its collector.

export function alloc(size: usize): usize {
  return heap.alloc(size);
}

export function realloc(address: usize, size: usize): usize {
  return heap.realloc(address, size);
}

export function free(address: usize): void {
  heap.free(address);
}
