// SPDX-License-Identifier: MIT

/** The generated glue, for the host that is built for: see cpp/bindings/glue. */
declare module '#glue' {
  export default function instantiate(
    compiledModule: WebAssembly.Module,
    memory: WebAssembly.Memory,
  ): object;
}
