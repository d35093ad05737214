// SPDX-License-Identifier: MIT

/** The glue that Emscripten generates; cpp/bindings/glue describes it. */
declare module '#glue' {
  export default function instantiate(
    compiledModule: WebAssembly.Module,
    memory: WebAssembly.Memory,
  ): object;
}

/** The bytes of lite-alloc.strategies.wasm as base64, which the build inserts. */
declare module '#strategies-wasm' {
  const text: string;
  export default text;
}

/** The bytes of lite-alloc.region.wasm as base64, which the build inserts. */
declare module '#region-wasm' {
  const text: string;
  export default text;
}
