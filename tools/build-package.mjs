// SPDX-License-Identifier: MIT
//
// Puts the package together in dist/: the wasm files that CMake made, the JavaScript, the types, and dist/c
// for C and C++ programs.

import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build, transform } from 'esbuild';
import { minify } from 'terser';

const path = (relative) => fileURLToPath(new URL(`../${relative}`, import.meta.url));
const bindings = 'build/wasm-release/cpp/bindings';

/** What the TypeScript imports of the C++ build: the glue, minified since it comes as one line, and the wasm. */
const generated = {
  name: 'generated',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^#(glue|wasm)$/ }, (found) => ({
      path: found.path,
      namespace: 'generated',
      sideEffects: false,
    }));
    onLoad({ filter: /^#glue$/, namespace: 'generated' }, async () => {
      const [source, other] = ['default', 'strategies'].map((name) =>
        readFileSync(path(`${bindings}/${name}/lite-alloc.js`), 'utf8'),
      );
      if (source !== other) throw new Error('the two modules need two glues');
      const { code } = await minify(withMemory(source), {
        module: true,
        compress: { passes: 3, pure_new: true },
        mangle: true,
      });
      return { contents: code, loader: 'js' };
    });
    // Transformed here, since what decodes it would become a file that every entry imports. It decodes by
    // itself: the audio threads of pages have no `atob`.
    onLoad({ filter: /^#wasm$/, namespace: 'generated' }, async () => {
      const bytes = readFileSync(path('dist/lite-alloc.strategies.wasm'));
      const { code } = await transform(bytes, {
        loader: 'binary',
        format: 'esm',
        target: 'es2022',
      });
      return { contents: code, loader: 'js' };
    });
  },
};

/** The glue without what it does where no memory is given: the entries always give one. */
function withMemory(glue) {
  const fallback = /if\(Module\["wasmMemory"\]\)\{(.*?)\}else\{.*?\}(?=updateMemoryViews\(\))/;
  if (!fallback.test(glue)) throw new Error('the glue makes no memory where none is given');
  return glue.replace(fallback, '$1;');
}

/**
 * Parts that most pages never load. Each has copies of the functions that it needs: an import of them would
 * split the entry in two.
 */
const lazyParts = ['debug', 'region', 'trace-format'];

/** Files that others import as they are; the entry so by that of Node alone. */
const besides = {
  name: 'besides',
  setup({ onResolve }) {
    onResolve({ filter: /^\.\/(index|debug|region|trace-format)\.js$/ }, ({ path: specifier }) => ({
      path: specifier,
      external: true,
    }));
  },
};

rmSync(path('dist'), { recursive: true, force: true });
mkdirSync(path('dist/standalone'), { recursive: true });
cpSync(path(`${bindings}/default/lite-alloc.wasm`), path('dist/lite-alloc.wasm'));
cpSync(path(`${bindings}/strategies/lite-alloc.wasm`), path('dist/lite-alloc.strategies.wasm'));
cpSync(path(`${bindings}/region/lite-alloc.region.wasm`), path('dist/lite-alloc.region.wasm'));
for (const name of ['bump-free-list', 'segregated-bump', 'free-list', 'segregated-fit']) {
  cpSync(path(`${bindings}/standalone/${name}.wasm`), path(`dist/standalone/${name}.wasm`));
}
writeLicences([
  await bundle(['index', 'index.node', 'inline'], true),
  await bundle(lazyParts, false),
  await bundleCommand(),
]);
writeTypes();
installForC();

/**
 * The TypeScript, readable: an application's own bundler minifies it. What the entries share, and what is
 * imported lazily, become files of their own.
 */
async function bundle(entries, splitting) {
  const { metafile } = await build({
    metafile: true,
    entryPoints: entries.map((entry) => path(`js/src/${entry}.ts`)),
    outdir: path('dist'),
    chunkNames: '[name]-[hash]',
    splitting,
    bundle: true,
    format: 'esm',
    target: 'es2022',
    sourcemap: true,
    sourcesContent: true,
    plugins: [generated, besides],
  });
  return metafile;
}

/** The command, with the packages that it needs. The heap is that of the entry. */
async function bundleCommand() {
  const { metafile } = await build({
    entryPoints: [path('js/cli/cli.ts')],
    outfile: path('dist/cli.js'),
    bundle: true,
    minify: true,
    metafile: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    // What is bundled requires modules of Node.
    banner: {
      js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);",
    },
    plugins: [
      {
        name: 'entry',
        setup: ({ onResolve }) =>
          onResolve({ filter: /^lite-alloc$/ }, () => ({
            path: './index.node.js',
            external: true,
          })),
      },
    ],
  });
  return metafile;
}

/** What is bundled of others asks that its licence goes along. */
function writeLicences(metafiles) {
  const sources = metafiles.flatMap(({ inputs }) => Object.keys(inputs));
  const folders = sources.flatMap(
    (source) => /^.*node_modules\/(@[^/]+\/)?[^/]+/.exec(source)?.[0] ?? [],
  );
  const texts = [...new Set(folders)].sort().map((folder) => {
    const file = readdirSync(path(folder)).find((name) => /^licen[cs]e/i.test(name));
    if (file === undefined) throw new Error(`${folder} has no licence`);
    const text = readFileSync(path(`${folder}/${file}`), 'utf8').trim();
    return `${folder.replace(/^.*node_modules\//, '')}\n\n${text}\n`;
  });
  writeFileSync(path('dist/licenses.txt'), texts.join('\n---\n\n'));
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
