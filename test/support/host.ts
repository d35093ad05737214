// SPDX-License-Identifier: MIT
//
// What the suites that run both in Node and in the browser need to know of where they are.

/** Node's own modules; undefined elsewhere. */
const builtins = (globalThis as { process?: Partial<Pick<NodeJS.Process, 'getBuiltinModule'>> })
  .process;

/** The wasm file of the built package. */
export const packagedWasmUrl = new URL('../../dist/lite-alloc.wasm', import.meta.url);

export async function readPackagedWasm(): Promise<Uint8Array<ArrayBuffer>> {
  const fs = builtins?.getBuiltinModule?.('node:fs');
  if (fs !== undefined) return new Uint8Array(fs.readFileSync(packagedWasmUrl));
  return new Uint8Array(await (await fetch(packagedWasmUrl)).arrayBuffer());
}
