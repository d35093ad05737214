// SPDX-License-Identifier: MIT

import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { transform } from 'esbuild';
import { strategies } from 'lite-alloc';

export const title = 'Sizes, bytes';

const files = [
  'lite-alloc.wasm',
  'lite-alloc.web.mjs',
  'lite-alloc.node.mjs',
  'index.js',
  ...strategies.map((name) => `standalone/${name}.wasm`),
];

/** Raw and compressed sizes of what the package ships; `index.js` minified, as a bundler ships it. */
export async function measure() {
  return Promise.all(
    files.map(async (name) => {
      const shipped = readFileSync(new URL(`../dist/${name}`, import.meta.url));
      const bytes = name === 'index.js' ? await minified(shipped) : shipped;
      return { name, raw: bytes.length, gzip: gzipSync(bytes, { level: 9 }).length };
    }),
  );
}

async function minified(source) {
  const { code } = await transform(source, { minify: true, format: 'esm' });
  return Buffer.from(code);
}
