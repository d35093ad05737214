// SPDX-License-Identifier: MIT

/**
 * Instantiates the module over `memory`, at once, and returns its embind functions. What one of these
 * throws goes to `onTrap`, which throws something else.
 *
 * Emscripten's own factory functions are asynchronous. Its smallest script form waits for one call alone, so
 * that is what stands between here and the end of this function.
 */
export default function instantiate(compiledModule, memory, onTrap) {
  // The call that is waited for: it answers at once.
  const WebAssembly = {
    __proto__: globalThis.WebAssembly,
    instantiate: (module, imports) => ({
      then: (receive) => receive({ instance: new globalThis.WebAssembly.Instance(module, imports) }),
    }),
  };
  var Module = { wasm: compiledModule, wasmMemory: memory };
