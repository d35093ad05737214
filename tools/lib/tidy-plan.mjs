// SPDX-License-Identifier: MIT

import { dirname, join } from 'node:path/posix';

/** Text by which a file shows that it is for WebAssembly: a native parser does not know these names. */
const wasmOnly = /__builtin_wasm_|__heap_base|<emscripten[/.]/;

/**
 * How clang-tidy reads the C++ files that it can read:
 *
 *   native  headers of the library, as parts of a program of this machine
 *   wasm    the library's sources and the headers that need WebAssembly, as Emscripten compiles them
 *
 * Debian's clang 14 crashes on the constraints of cpp/bindings and bench/cpp, and cannot read embind, which
 * needs a newer clang. It takes minutes for each test program. Those files are left to the warnings of the
 * builds, which are errors.
 *
 * @param {string[]} files paths below the root
 * @param {(file: string) => string} read gives the text of a file
 */
export function planTidy(files, read) {
  const sources = new Map(
    files.filter((file) => /\.(cpp|hpp)$/.test(file)).map((file) => [file, read(file)]),
  );
  const needsWasm = (file) =>
    file.endsWith('.cpp') ||
    [...reachableFrom(file, sources)].some((reached) => wasmOnly.test(sources.get(reached)));
  const library = [...sources.keys()].filter((file) => file.startsWith('cpp/lite_alloc/'));
  return {
    native: library.filter((file) => !needsWasm(file)),
    wasm: library.filter(needsWasm),
  };
}

/** A file and the project's files that it includes unconditionally, directly or not. */
function reachableFrom(file, sources, seen = new Set()) {
  if (seen.has(file) || !sources.has(file)) return seen;
  seen.add(file);
  const unconditional = sources.get(file).replace(/^#\s*if[\s\S]*?^#\s*endif/gm, '');
  for (const [, include] of unconditional.matchAll(/^\s*#\s*include\s*[<"]([^>"]+)[>"]/gm)) {
    for (const folder of [dirname(file), 'cpp'])
      reachableFrom(join(folder, include), sources, seen);
  }
  return seen;
}
