// SPDX-License-Identifier: MIT

import { regionPart } from './heap/lazy-parts.js';
import * as region from './module/region.js';

export * from './index.js';

regionPart.part = region;
