// SPDX-License-Identifier: MIT

import * as debug from './debug/debug.js';
import { debugPart } from './heap/lazy-parts.js';

export * from './index.js';

debugPart.part = debug;
