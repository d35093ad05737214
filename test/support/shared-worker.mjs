// SPDX-License-Identifier: MIT
//
// A thread of a shared heap: it sends its id, uses the heap at random, and leaves. With `operations` of 0 it goes on
// until it is killed.

import { parentPort, workerData } from 'node:worker_threads';
import { CheckedBlocks, openInstance, randomNumbers, useHeap } from './shared-instance.mjs';

const { module, memory, seed, operations, mailbox } = workerData;
const { heap, id } = openInstance(module, memory);
parentPort.postMessage(id);
const blocks = new CheckedBlocks(heap, memory);
const random = randomNumbers(seed);
do {
  useHeap(blocks, random, operations || 1000, mailbox);
} while (operations === 0);
blocks.freeAll();
heap.leave();
