// SPDX-License-Identifier: MIT

import text from '#strategies-wasm';
import { decodeBase64 } from './base64.js';

/** Returns the bytes of lite-alloc.strategies.wasm. */
export function strategiesWasm(): Uint8Array<ArrayBuffer> {
  return decodeBase64(text);
}
