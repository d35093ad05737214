// SPDX-License-Identifier: MIT
//
// The module that bench/install.mjs compiles from assemblyscript-heap.ts.

import { readFileSync } from 'node:fs';

const file = 'build/bench/assemblyscript.wasm';

export const ships = () => ({ wasm: file });

export function instantiate() {
  const module = new WebAssembly.Module(readFileSync(new URL(`../../${file}`, import.meta.url)));
  const abort = () => {
    throw new Error('out of memory');
  };
  return new WebAssembly.Instance(module, { env: { abort } }).exports;
}
