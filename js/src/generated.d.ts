// SPDX-License-Identifier: MIT

/** The generated glue: see cpp/bindings/glue. */
declare module '#glue' {
  export default function instantiate(
    compiledModule: WebAssembly.Module,
    memory: WebAssembly.Memory,
    onTrap: (trap: unknown) => never,
  ): object;
}

/** The bytes of lite-alloc.strategies.wasm, put in by the build. */
declare module '#wasm' {
  const bytes: Uint8Array<ArrayBuffer>;
  export default bytes;
}
