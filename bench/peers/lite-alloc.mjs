// SPDX-License-Identifier: MIT

import { createHeap } from '../../dist/index.js';
import { callsOf } from './heap-calls.mjs';

export const ships = () => ({ script: 'dist/index.js', wasm: 'dist/lite-alloc.wasm' });

export async function open(options) {
  return callsOf(await createHeap(options));
}
