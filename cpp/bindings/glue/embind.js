// SPDX-License-Identifier: MIT
//
// A library for Emscripten's linker: embind's JavaScript half, for a module whose functions all take and
// return numbers of 32 bits, so that embind.cpp registers neither types nor invokers. Embind's own half, with
// converters, overloads and types that are registered later, has several times the size, and its calls
// take longer. The linker fails if this Emscripten's embind does not have these functions.

#if EMBIND_GEN_MODE
// The linker run that generates the types has its own JavaScript half.
addToLibrary({ $getTypeName: () => '', $getTypeName__deps: [] });
#else
const half = {
  _embind_register_function__deps: ['$getWasmTableEntry'],
  /**
   * Adds a function of the module's table to the functions that begin.js returns. Embind's own half calls an invoker of
   * the module instead, which calls the function through the table: that takes longer than the function itself.
   */
  _embind_register_function: (name, typeCount, types, signature, invoker, target) => {
    Module[String.fromCharCode(...HEAPU8.subarray(name, HEAPU8.indexOf(0, name)))] =
      getWasmTableEntry(target);
  },
};
for (const name of Object.keys(half)) {
  if (!(name in LibraryManager.library)) throw new Error(`glue/embind.js: this Emscripten's embind does not have ${name}`);
}
addToLibrary(half);
#endif
