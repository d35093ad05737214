// SPDX-License-Identifier: MIT

import { type Strategy, strategies } from 'lite-alloc';
import { describe } from 'vitest';

/** Runs suites once for each strategy. */
export function describeStrategies(suites: (strategy: Strategy) => void): void {
  describe.each(strategies)('%s', suites);
}
