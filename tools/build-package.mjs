// SPDX-License-Identifier: MIT
//
// Puts the package together in dist/: the wasm files and glue that CMake made, the JavaScript for each
// kind of host, the types, and dist/c for C and C++ programs.

import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { minify } from 'terser';

const path = (relative) => fileURLToPath(new URL(`../${relative}`, import.meta.url));
const bindings = 'build/wasm-release/cpp/bindings';
const hosts = [
  { glue: 'node', entry: 'index.node' },
  { glue: 'web', entry: 'index' },
];

rmSync(path('dist'), { recursive: true, force: true });
mkdirSync(path('dist/standalone'), { recursive: true });
cpSync(path(`${bindings}/lite-alloc.web.wasm`), path('dist/lite-alloc.wasm'));
for (const name of ['bump-free-list', 'segregated-bump', 'free-list', 'segregated-fit']) {
  cpSync(path(`${bindings}/standalone/${name}.wasm`), path(`dist/standalone/${name}.wasm`));
}
assertSameWasm();
for (const { glue, entry } of hosts) {
  await writeGlue(glue);
  await bundle(glue, entry);
}
writeTypes();
installForC();

/** The two links differ in glue only; one wasm serves both. */
function assertSameWasm() {
  const [node, web] = hosts.map(({ glue }) =>
    readFileSync(path(`${bindings}/lite-alloc.${glue}.wasm`)),
  );
  if (!node.equals(web)) throw new Error('the node and web links made different wasm files');
}

async function writeGlue(host) {
  const source = readFileSync(path(`${bindings}/lite-alloc.${host}.js`), 'utf8');
  const { code } = await minify(source, { module: true, compress: { passes: 3 }, mangle: true });
  writeFileSync(path(`dist/lite-alloc.${host}.mjs`), code);
}

/**
 * The TypeScript beside its glue, readable: an application's own bundler minifies it. What is imported
 * lazily becomes a file of its own.
 */
async function bundle(host, entry) {
  await build({
    entryPoints: [{ in: path('js/src/index.ts'), out: entry }],
    outdir: path('dist'),
    chunkNames: '[name]-[hash]',
    splitting: true,
    bundle: true,
    format: 'esm',
    target: 'es2022',
    sourcemap: true,
    sourcesContent: true,
    plugins: [
      {
        name: 'glue',
        setup: ({ onResolve }) =>
          onResolve({ filter: /^#glue$/ }, () => ({
            path: `./lite-alloc.${host}.mjs`,
            external: true,
          })),
      },
    ],
  });
}

function writeTypes() {
  const tsc = spawnSync(
    process.execPath,
    [path('node_modules/typescript/bin/tsc'), '-p', path('tsconfig.json')],
    { stdio: 'inherit' },
  );
  if (tsc.status !== 0) throw new Error('the types do not compile');
}

/** Headers, sources, library and CMake files; what they are is said in CMakeLists.txt. */
function installForC() {
  const installed = spawnSync(
    'cmake',
    ['--install', path('build/wasm-release'), '--prefix', path('dist/c')],
    { encoding: 'utf8' },
  );
  if (installed.status !== 0) throw new Error(`cmake --install: ${installed.stderr}`);
}
