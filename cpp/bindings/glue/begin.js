// SPDX-License-Identifier: MIT

/**
 * Instantiates the module over `memory`, synchronously, and returns its embind functions by name, as the engine made
 * them: they return signed numbers, and throw the engine's errors.
 *
 * Emscripten's own factory functions are asynchronous. Its smallest script waits for a single call, so that
 * script is the body of this function, which end.js closes.
 */
export default function instantiate(compiledModule, memory) {
  // The script waits for this call. Here it completes at once.
  const WebAssembly = {
    __proto__: globalThis.WebAssembly,
    instantiate: (module, imports) => ({
      then: (receive) => receive({ instance: new globalThis.WebAssembly.Instance(module, imports) }),
    }),
  };
  var Module = { wasm: compiledModule, wasmMemory: memory };
