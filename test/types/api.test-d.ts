// SPDX-License-Identifier: MIT

import { createHeap, type Heap } from 'lite-alloc';
import { expectTypeOf, test } from 'vitest';

test('createHeap gives a promise of a heap', () => {
  expectTypeOf(createHeap).returns.toEqualTypeOf<Promise<Heap>>();
});
