// SPDX-License-Identifier: MIT
//
// A library for Emscripten's linker: embind's JavaScript half, for a module whose functions all take and
// return numbers of 32 bits, so that embind.cpp registers no types. Embind's own half, with
// converters, overloads and types that are registered later, has four times the size, and its calls
// take longer. The linker fails if this Emscripten's embind does not have these functions.

#if EMBIND_GEN_MODE
// The linker run that generates the types has its own JavaScript half.
addToLibrary({ $getTypeName: () => '', $getTypeName__deps: [] });
#else
const half = {
  _embind_register_function__deps: ['$getWasmTableEntry'],
  /**
   * Adds a function to the module. All functions with the same number of parameters share one `invoker`, so
   * the engine can inline it at the only place that calls it here. `onTrap` is a parameter of the function that
   * begin.js opens.
   */
  _embind_register_function: (name, typeCount, types, signature, invoker, target) => {
    const invoke = getWasmTableEntry(invoker);
    Module[String.fromCharCode(...HEAPU8.subarray(name, HEAPU8.indexOf(0, name)))] = [
      () => {
        try {
          return invoke(target) >>> 0;
        } catch (trap) {
          return onTrap(trap);
        }
      },
      (a) => {
        try {
          return invoke(target, a) >>> 0;
        } catch (trap) {
          return onTrap(trap);
        }
      },
      (a, b) => {
        try {
          return invoke(target, a, b) >>> 0;
        } catch (trap) {
          return onTrap(trap);
        }
      },
      (a, b, c) => {
        try {
          return invoke(target, a, b, c) >>> 0;
        } catch (trap) {
          return onTrap(trap);
        }
      },
      (a, b, c, d) => {
        try {
          return invoke(target, a, b, c, d) >>> 0;
        } catch (trap) {
          return onTrap(trap);
        }
      },
    ][typeCount - 1];
  },
};
for (const name of Object.keys(half)) {
  if (!(name in LibraryManager.library)) throw new Error(`glue/embind.js: this Emscripten's embind does not have ${name}`);
}
addToLibrary(half);
#endif
