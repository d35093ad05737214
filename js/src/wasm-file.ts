// SPDX-License-Identifier: MIT
//
// The type of `lite-alloc/lite-alloc.wasm` and its like, where a tool makes a module of it.

import type { WasmSource } from './wasm-module.js';

/** A compiled module, bytes or an address, as the tool that loads the file pleases: for the option `wasm`. */
declare const wasm: WasmSource;
export default wasm;
