// SPDX-License-Identifier: MIT
//
// Imports the wasm files, as tools allow that make modules of them.

import { createHeap, type Heap } from 'lite-alloc';
import region from 'lite-alloc/lite-alloc.region.wasm';
import all from 'lite-alloc/lite-alloc.strategies.wasm';
import one from 'lite-alloc/lite-alloc.wasm';

export const heaps: readonly Promise<Heap>[] = [one, all, region].map((wasm) =>
  createHeap({ wasm }),
);
