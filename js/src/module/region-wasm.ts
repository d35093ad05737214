// SPDX-License-Identifier: MIT

import text from '#region-wasm';
import { decodeBase64 } from './base64.js';

/** Returns the bytes of lite-alloc.region.wasm. */
export function regionWasm(): Uint8Array<ArrayBuffer> {
  return decodeBase64(text);
}
