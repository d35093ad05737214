// SPDX-License-Identifier: MIT

import { createHeap } from 'lite-alloc';
import { expect, test } from 'vitest';

test('malloc gives an address', async () => {
  const heap = await createHeap();
  expect(heap.malloc(10)).toBeGreaterThan(0);
});
