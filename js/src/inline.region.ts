// SPDX-License-Identifier: MIT

import { inlineRegionWasm } from './create-heap-inline.js';
import { regionPart } from './heap/lazy-parts.js';
import * as region from './module/region.js';
import { regionWasm } from './module/region-wasm.js';

export * from './inline.js';

regionPart.part = region;
inlineRegionWasm(regionWasm);
