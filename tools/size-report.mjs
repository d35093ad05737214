// SPDX-License-Identifier: MIT
//
// node tools/size-report.mjs [--limit BYTES]
//
// Prints how large the files of dist/ are, raw and compressed. Fails where the files that
// `import 'lite-alloc'` makes a page load exceed the limit after gzip.
//
// node tools/size-report.mjs --json FILE ...
//
// Prints the sizes of some files, below dist/ or at full paths, as JSON; each script is bundled first.

import { readdirSync, readFileSync, realpathSync } from 'node:fs';
import { basename, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { build } from 'esbuild';

/** The goal is 16 640: docs/decisions.md says which features take the rest, and what was tried. */
const limitBytes = 17_152;
const dist = fileURLToPath(new URL('../dist/', import.meta.url));

/** Returns the sum of the sizes of files: raw, and each file compressed on its own. */
function weigh(name, files) {
  const sum = (weight) => files.reduce((total, file) => total + weight(file).length, 0);
  return {
    name,
    raw: sum((file) => file),
    gzip: sum((file) => gzipSync(file, { level: 9 })),
    brotli: sum((file) => brotliCompressSync(file)),
  };
}

/** Weighs a file of dist/, or at a full path, as it is. */
function weighFile(name) {
  return weigh(name, [readFileSync(resolve(dist, name))]);
}

/** Weighs what an entry loads at once, and what it imports lazily, after esbuild has bundled and minified it. */
async function weighEntry(entry) {
  const { outputFiles, metafile } = await build({
    entryPoints: [resolve(dist, entry)],
    outdir: '.',
    bundle: true,
    minify: true,
    splitting: true,
    format: 'esm',
    external: ['node:*', 'module', 'fs', 'path', 'url'],
    logLevel: 'error',
    metafile: true,
    write: false,
  });
  const contents = new Map(outputFiles.map(({ path, contents }) => [basename(path), contents]));
  const loaded = (file) => [
    file,
    ...metafile.outputs[file].imports
      .filter(({ kind, external }) => kind === 'import-statement' && !external)
      .flatMap((imported) => loaded(imported.path)),
  ];
  // esbuild names the file that a link leads to.
  const source = realpathSync(resolve(dist, entry));
  const output = Object.keys(metafile.outputs).find(
    (file) => resolve(metafile.outputs[file].entryPoint ?? '') === source,
  );
  const atOnce = [...new Set(loaded(output))];
  const lazily = [...contents.keys()].filter((file) => !atOnce.includes(file));
  return {
    atOnce: weigh(
      entry,
      atOnce.map((file) => contents.get(file)),
    ),
    lazily: lazily.map((file) => weigh(`lazily: ${file}`, [contents.get(file)])),
  };
}

async function report(limit) {
  const files = readdirSync(dist, { recursive: true, withFileTypes: true })
    .filter((file) => file.isFile())
    .map((file) => relative(dist, `${file.parentPath}/${file.name}`))
    .sort();
  const { atOnce, lazily } = await weighEntry('index.js');
  const wasm = weighFile('lite-alloc.wasm');
  console.table(files.map(weighFile));
  console.log('What a page loads, minified:');
  console.table([atOnce, wasm, ...lazily]);
  const total = atOnce.gzip + wasm.gzip;
  console.log(`index.js and lite-alloc.wasm, gzipped: ${total} of ${limit} bytes`);
  if (total > limit) {
    console.error(`The package is ${total - limit} bytes larger than it may be.`);
    process.exitCode = 1;
  }
}

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { limit: { type: 'string' }, json: { type: 'boolean', default: false } },
});
if (values.json) {
  const isScript = (file) => /\.m?js$/.test(file);
  const sizesOf = async (file) =>
    isScript(file) ? (await weighEntry(file)).atOnce : weighFile(file);
  console.log(JSON.stringify(await Promise.all(positionals.map(sizesOf))));
} else {
  await report(Number(values.limit ?? limitBytes));
}
