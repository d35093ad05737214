// SPDX-License-Identifier: MIT

import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { strategies } from 'lite-alloc';

export const title = 'Sizes, bytes';

const path = (name) => fileURLToPath(new URL(`../dist/${name}`, import.meta.url));
const names = [
  'lite-alloc.wasm',
  'index.js',
  'inline.js',
  ...strategies.map((name) => `standalone/${name}.wasm`),
];

/** Raw and compressed sizes of what the package ships; each entry as a bundler ships it. */
export async function measure() {
  return Promise.all(
    names.map(async (name) => {
      const parts = name.endsWith('.js') ? await bundled(name) : [readFileSync(path(name))];
      return {
        name,
        raw: sum(parts.map(({ length }) => length)),
        gzip: sum(parts.map((part) => gzipSync(part, { level: 9 }).length)),
      };
    }),
  );
}

/** The files that an entry loads at once, minified; what is imported lazily is in others. */
async function bundled(name) {
  const { outputFiles, metafile } = await build({
    entryPoints: [path(name)],
    outdir: '.',
    bundle: true,
    splitting: true,
    minify: true,
    format: 'esm',
    metafile: true,
    write: false,
  });
  const contents = new Map(outputFiles.map((file) => [basename(file.path), file.contents]));
  const loaded = (file) => [
    contents.get(file),
    ...metafile.outputs[file].imports
      .filter(({ kind }) => kind === 'import-statement')
      .flatMap((imported) => loaded(imported.path)),
  ];
  return loaded(name);
}

function sum(numbers) {
  return numbers.reduce((total, number) => total + number, 0);
}
