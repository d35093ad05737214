// SPDX-License-Identifier: MIT

/** The glue that Emscripten generates; cpp/bindings/glue describes it. */
declare module '#glue' {
  export default function instantiate(
    compiledModule: WebAssembly.Module,
    memory: WebAssembly.Memory,
    onTrap: (trap: unknown) => never,
  ): object;
}

/** The bytes of lite-alloc.strategies.wasm, which the build inserts. */
declare module '#wasm' {
  const bytes: Uint8Array<ArrayBuffer>;
  export default bytes;
}
