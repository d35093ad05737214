// SPDX-License-Identifier: MIT

import { strategies } from '../dist/index.js';
import { weighEntry, weighFile } from '../tools/size-report.mjs';

/** Raw and compressed sizes of what the package ships; each entry as a bundler ships it. */
export async function measure() {
  const entries = await Promise.all(['index.js', 'inline.js'].map(weighEntry));
  const rows = [
    weighFile('lite-alloc.wasm'),
    weighFile('lite-alloc.strategies.wasm'),
    ...entries.map(({ atOnce }) => atOnce),
    ...strategies.map((name) => weighFile(`standalone/${name}.wasm`)),
  ].map(({ name, raw, gzip }) => ({ name, raw, gzip }));
  return { shipped: { title: 'What the package ships, bytes', rows } };
}
