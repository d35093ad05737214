// SPDX-License-Identifier: MIT
//
// The package's module with one function more, which returns its argument: what a pair of embind calls
// takes in which nothing happens.

import { readFileSync } from 'node:fs';

const nothing = 'it allocates nothing';
const built = '../../build/wasm-release/bench/empty_calls_beside/lite-alloc';

/** Of `strategies`: the one that the module has. */
const defaultStrategy = 3;

export const cannot = {
  blocks: nothing,
  realloc: nothing,
  growth: nothing,
  memory: nothing,
  arrays: nothing,
  resize: nothing,
  strings: nothing,
  frames: nothing,
};

export async function open() {
  const { default: instantiate } = await import(`${built}.js`);
  const module = new WebAssembly.Module(readFileSync(new URL(`${built}.wasm`, import.meta.url)));
  const { start, empty } = instantiate(
    module,
    new WebAssembly.Memory({ initial: 4, maximum: 32768 }),
  );
  start(defaultStrategy);
  return { malloc: empty, free: empty };
}
