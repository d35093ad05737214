// SPDX-License-Identifier: MIT

import { strategies } from '../dist/index.js';
import { weigh } from './weigh.mjs';

/** Raw and compressed sizes of the files that the package ships; each entry as a bundler ships it. */
export async function measure() {
  const files = [
    'lite-alloc.wasm',
    'lite-alloc.strategies.wasm',
    'index.js',
    'inline.js',
    ...strategies.map((name) => `standalone/${name}.wasm`),
  ];
  const rows = weigh(files).map(({ name, raw, gzip }) => ({ name, raw, gzip }));
  return { shipped: { title: 'What the package ships, bytes', rows } };
}
