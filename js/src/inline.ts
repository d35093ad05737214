// SPDX-License-Identifier: MIT

export * from './api.js';
export { advise, createHeap, createHeapSync, replay } from './create-heap-inline.js';
