// SPDX-License-Identifier: MIT

// A file more costs nothing here. What debug heaps and heaps in regions need can be had without a promise,
// and the reader of traces is there before a stream that is handed to it can fail: such a failure, unheard,
// would end the process.
import { planDebug } from './debug.js';
import { describeObjects } from './describe.js';
import { debugPart, regionPart } from './lazy-parts.js';
import { planRegion } from './region.js';
import { codecs } from './strings.js';
import './trace-format.js';
import { codec } from './utf8.js';

export * from './index.js';

debugPart.part = planDebug;
regionPart.part = planRegion;
codecs.push(codec);
describeObjects();
