// SPDX-License-Identifier: MIT

import type { LazyPart } from '../core/lazy-part.js';

/** The part that replays traces. */
export const replayPart: LazyPart<typeof import('./replay.js')> = {
  entry: 'traces',
  import: () => import('./replay.js'),
};
