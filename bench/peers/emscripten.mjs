// SPDX-License-Identifier: MIT
//
// Emscripten's own mallocs: modules made by bench/CMakeLists.txt that export nothing else.

import { arraysByHand, outOfMemory } from './by-hand.mjs';

const built = 'build/wasm-release/bench/peers';

export const ships = ({ name }) => ({
  script: `${built}/${name}.mjs`,
  wasm: `${built}/${name}.wasm`,
});

export async function open({ name }) {
  const { default: instantiate } = await import(`../../${built}/${name}.mjs`);
  const module = await instantiate();
  const { _malloc, _free, _realloc } = module;
  const malloc = (size) => _malloc(size) || outOfMemory();
  const realloc = (address, size) => _realloc(address, size) || outOfMemory();
  return {
    malloc,
    free: _free,
    realloc,
    ...arraysByHand({ malloc, free: _free, realloc, buffer: () => module.HEAPU8.buffer }),
    store: (text) => module.stringToNewUTF8(text) || outOfMemory(),
    read: (address) => module.UTF8ToString(address),
    forget: _free,
    memoryBytes: () => module.HEAPU8.length,
  };
}
