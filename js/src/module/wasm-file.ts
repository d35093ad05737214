// SPDX-License-Identifier: MIT
//
// The type of `lite-alloc/lite-alloc.wasm` and the other wasm files, for tools that let modules import them.

import type { WasmSource } from './wasm-module.js';

/** A value for the option `wasm`: a compiled module, bytes or a URL, depending on the tool that loads the file. */
declare const wasm: WasmSource;
export default wasm;
