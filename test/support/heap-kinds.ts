// SPDX-License-Identifier: MIT

import { createHeap, type Heap, type HeapOptions, type Strategy } from 'lite-alloc';

const page = 65536;

/** Heaps of every kind, by name. */
export const heapKinds: readonly (readonly [
  string,
  (strategy: Strategy, options?: HeapOptions) => Promise<Heap>,
])[] = [
  ['a heap', (strategy, options) => createHeap({ strategy, ...options })],
  ['a debug heap', (strategy, options) => createHeap({ strategy, debug: true, ...options })],
  ['a heap in a region', (strategy, options) => createHeap({ strategy, ...region(), ...options })],
  [
    'a debug heap in a region',
    (strategy, options) => createHeap({ strategy, debug: true, ...region(), ...options }),
  ],
];

function region(): { memory: WebAssembly.Memory; start: number; end: number } {
  return { memory: new WebAssembly.Memory({ initial: 10 }), start: 0, end: 10 * page };
}
