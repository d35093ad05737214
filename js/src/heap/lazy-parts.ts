// SPDX-License-Identifier: MIT

import type { LazyPart } from '../core/lazy-part.js';

/** The part for debug heaps. */
export const debugPart: LazyPart<typeof import('../debug/debug.js')> = {
  entry: 'debug',
  import: () => import('../debug/debug.js'),
};

/** The part for heaps in regions. */
export const regionPart: LazyPart<typeof import('../module/region.js')> = {
  entry: 'region',
  import: () => import('../module/region.js'),
};
