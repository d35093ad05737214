// SPDX-License-Identifier: MIT

/**
 * Instantiates the module over `memory`, at once, and returns its embind functions.
 *
 * Emscripten's own factory functions are asynchronous. Its plain script form is not, so that is what
 * stands between here and the end of this function.
 */
export default function instantiate(compiledModule, memory) {
  // `compiledModule` is compiled before, once for all instances: what the script would compile is it.
  const WebAssembly = {
    __proto__: globalThis.WebAssembly,
    Module: function () {
      return compiledModule;
    },
  };
  var Module = { wasmMemory: memory, wasmBinary: [] };
