// SPDX-License-Identifier: MIT

// A file more costs nothing here. What debug heaps and heaps in regions need can be had without a promise,
// and the reader of traces is there before a stream that is handed to it can fail: such a failure, unheard,
// would end the process.
import { planDebug } from './debug.js';
import { debugPart, regionPart } from './lazy-parts.js';
import { openRegion } from './region.js';
import './trace-format.js';

export * from './index.js';

debugPart.provide(planDebug);
regionPart.provide(openRegion);
