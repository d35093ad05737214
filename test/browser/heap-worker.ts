// SPDX-License-Identifier: MIT

import { createHeapSync } from 'lite-alloc';

try {
  const heap = createHeapSync();
  const copy = heap.from(Int16Array.of(-4, 5));
  heap.malloc(1 << 20);
  heap.check();
  postMessage([...copy.view]);
} catch (error) {
  postMessage(String(error));
}
