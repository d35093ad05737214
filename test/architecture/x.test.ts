// SPDX-License-Identifier: MIT

import { expect, test } from 'vitest';

test('malloc gives an address', async () => {
  expect(1).toBeGreaterThan(0);
});
