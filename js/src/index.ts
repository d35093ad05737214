// SPDX-License-Identifier: MIT

export * from './api.js';
export { createHeap, createHeapSync } from './create-heap.js';
