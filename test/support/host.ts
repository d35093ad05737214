// SPDX-License-Identifier: MIT
//
// Hides the differences between Node and the browser from the suites that run in both.

/** The object that gives access to the modules of Node; undefined elsewhere. */
const builtins = (globalThis as { process?: Partial<Pick<NodeJS.Process, 'getBuiltinModule'>> })
  .process;

/** The wasm files of the built package for heaps with their own memory: with the default strategy, and with all. */
export const packagedWasmUrl = new URL('../../dist/lite-alloc.wasm', import.meta.url);
export const strategiesWasmUrl = new URL('../../dist/lite-alloc.strategies.wasm', import.meta.url);

export async function readPackagedWasm(url = packagedWasmUrl): Promise<Uint8Array<ArrayBuffer>> {
  const fs = builtins?.getBuiltinModule?.('node:fs');
  if (fs !== undefined) return new Uint8Array(fs.readFileSync(url));
  return new Uint8Array(await (await fetch(url)).arrayBuffer());
}
