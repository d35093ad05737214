// SPDX-License-Identifier: MIT
//
// The entry for Node, where more files cost nothing. It loads the debug part and the region part at once, so that
// `createHeapSync` can make such heaps. It also loads the trace reader at once: a stream that is passed to it and
// fails while the reader is still loading would have no error handler, and the failure would end the process.

import { provideCodec } from './blocks/utf8.js';
import { planDebug } from './debug/debug.js';
import { describeObjects } from './heap/describe-objects.js';
import { debugPart, regionPart } from './heap/lazy-parts.js';
import { planRegion } from './module/region.js';
import './traces/trace-file.js';

export * from './index.js';

debugPart.part = planDebug;
regionPart.part = planRegion;
provideCodec();
describeObjects();
