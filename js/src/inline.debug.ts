// SPDX-License-Identifier: MIT

import * as debug from './debug/debug.js';
import { debugPart } from './heap/lazy-parts.js';

export * from './inline.js';

debugPart.part = debug;
