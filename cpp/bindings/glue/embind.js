// SPDX-License-Identifier: MIT
//
// A library for Emscripten's linker: embind's JavaScript half, for a module all of whose functions
// take and return numbers of 32 bits, the one type that embind.cpp registers. Embind's own half, with
// converters, overloads, and types that are registered late, is four times the size, and its calls
// are slower. The linker fails where embind calls these functions otherwise.

#if EMBIND_GEN_MODE
// The run of the linker that writes the types has a half of its own.
addToLibrary({ $getTypeName: () => '', $getTypeName__deps: [] });
#else
const half = {
  /** There is but one type. */
  _embind_register_integer: () => {},

  _embind_register_function__deps: ['$AsciiToString', '$getWasmTableEntry'],
  /**
   * `invoker` is the same for all functions with so many parameters, so the engine can compile it in
   * at the one place it is called from here. Behind a function's name stand those of its parameters. `onTrap` is a parameter of
   * the function that begin.js begins.
   */
  _embind_register_function: (name, typeCount, types, signature, invoker, target) => {
    const invoke = getWasmTableEntry(invoker);
    Module[AsciiToString(name).split('(')[0]] = [
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
  if (!(name in LibraryManager.library)) throw new Error(`embind has no ${name} any more`);
}
addToLibrary(half);
#endif
