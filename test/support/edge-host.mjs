// SPDX-License-Identifier: MIT
//
// node --experimental-vm-modules edge-host.mjs BUNDLE WASM: runs a worker's bundle as edge runtimes do, and
// prints its response. There is no `process` and no code from strings, WebAssembly compiles nothing, and an
// import of a wasm file gives the module that the host compiled before.

import { readFileSync } from 'node:fs';
import vm from 'node:vm';

const [bundle, wasm] = process.argv.slice(2);
const compiled = new WebAssembly.Module(readFileSync(wasm));
const context = vm.createContext(
  { Response, URL, TextDecoder, TextEncoder },
  { codeGeneration: { strings: false, wasm: false } },
);
vm.runInContext('delete globalThis.FinalizationRegistry', context);

const worker = new vm.SourceTextModule(readFileSync(bundle, 'utf8'), { context });
await worker.link((specifier) => {
  if (!specifier.endsWith('.wasm')) throw new Error(`${specifier} is not a wasm file`);
  const evaluate = function () {
    this.setExport('default', compiled);
  };
  return new vm.SyntheticModule(['default'], evaluate, { context });
});
await worker.evaluate();
const response = await worker.namespace.default.fetch();
console.log(await response.text());
