// SPDX-License-Identifier: MIT

import { join } from 'node:path';
import { expect, test } from 'vitest';
import { runTypeScript } from '../support/consumer.js';
import { repository } from '../support/sources.js';

// Vitest's own type check is incremental, and does not see a change of the compiler's libraries.
test('all tests and the configuration of the tests compile', () => {
  expect(runTypeScript(join(repository, 'test', 'types'), '-p', '.')).toEqual([]);
});
