// SPDX-License-Identifier: MIT
//
// The package's module with an additional function that returns its argument. It measures the time of a pair of
// embind calls that do nothing.

import { readFileSync } from 'node:fs';

const nothing = 'it allocates nothing';
const built = '../../build/wasm-release/bench/empty_calls_beside/lite-alloc';

/** The number of the default strategy, the only one in the module. */
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
