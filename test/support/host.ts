// SPDX-License-Identifier: MIT
//
// What the suites that run both in Node and in the browser need to know of where they are.

/** Node's own modules; undefined elsewhere. */
const builtins = (globalThis as { process?: Partial<Pick<NodeJS.Process, 'getBuiltinModule'>> })
  .process;

/** The wasm files of the built package for heaps with their own memory: of the default strategy, and of all. */
export const packagedWasmUrl = new URL('../../dist/lite-alloc.wasm', import.meta.url);
export const strategiesWasmUrl = new URL('../../dist/lite-alloc.strategies.wasm', import.meta.url);

export async function readPackagedWasm(url = packagedWasmUrl): Promise<Uint8Array<ArrayBuffer>> {
  const fs = builtins?.getBuiltinModule?.('node:fs');
  if (fs !== undefined) return new Uint8Array(fs.readFileSync(url));
  return new Uint8Array(await (await fetch(url)).arrayBuffer());
}
