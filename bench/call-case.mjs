// SPDX-License-Identifier: MIT
//
// node call-case.mjs CASE smoke|full: measures one case of `calls.mjs` in this process, and prints the
// minimum and the median time of one call, in nanoseconds, as JSON.

import { readFileSync } from 'node:fs';
import { createHeapSync } from 'lite-alloc';
import { Bench } from 'tinybench';

const [name, mode] = process.argv.slice(2);
const callsPerSample = mode === 'smoke' ? 1_000 : 100_000;

const cases = {
  'two empty embind calls': async () => {
    const { empty } = await benchModule();
    return (calls) => {
      for (let call = 0; call < calls; call++) empty(empty(64));
    };
  },
  'malloc + free of 64 bytes, embind': async () => {
    const { malloc, free } = await benchModule();
    return (calls) => {
      for (let call = 0; call < calls; call++) free(malloc(64));
    };
  },
  'malloc + free of 64 bytes, heap': async () => {
    const heap = createHeapSync();
    return (calls) => {
      for (let call = 0; call < calls; call++) heap.free(heap.malloc(64));
    };
  },
  'new Uint8Array(64)': async () => (calls) => {
    let kept;
    for (let call = 0; call < calls; call++) kept = new Uint8Array(64);
    return kept;
  },
};

const measured = await cases[name]();
const bench = new Bench({
  time: mode === 'smoke' ? 1 : 500,
  warmupTime: mode === 'smoke' ? 1 : 200,
  retainSamples: true,
});
bench.add(name, () => void measured(callsPerSample));
await bench.run();
const { result } = bench.tasks[0];
if (result.error !== undefined) throw result.error;
const perCall = (milliseconds) => Number(((milliseconds / callsPerSample) * 1e6).toFixed(2));
console.log(
  JSON.stringify({ minimum: perCall(result.latency.min), median: perCall(result.latency.p50) }),
);

/** The package's module, with a function that does nothing beside its own. */
async function benchModule() {
  const folder = new URL('../build/wasm-release/bench/', import.meta.url);
  const { default: instantiate } = await import(new URL('lite-alloc.bench.js', folder));
  const module = new WebAssembly.Module(readFileSync(new URL('lite-alloc.bench.wasm', folder)));
  const functions = instantiate(module, new WebAssembly.Memory({ initial: 4, maximum: 32768 }));
  functions.start(3); // segregated-fit
  return functions;
}
