// SPDX-License-Identifier: MIT
//
// Makes the package in dist/ from the wasm files that CMake built: the JavaScript, the types, and dist/c for C and C++
// programs.

import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { minify } from 'terser';

const path = (relative) => fileURLToPath(new URL(`../${relative}`, import.meta.url));
const bindings = 'build/wasm-release/cpp/bindings';

/** Resolves what the TypeScript imports from the C++ build: the glue, which is minified, and the wasm. */
const generated = {
  name: 'generated',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^#(glue|.*-wasm)$/ }, (found) => ({
      path: found.path,
      namespace: 'generated',
      sideEffects: false,
    }));
    onLoad({ filter: /^#glue$/, namespace: 'generated' }, async () => {
      const [source, other] = ['default', 'strategies'].map((name) =>
        readFileSync(path(`${bindings}/${name}/lite-alloc.js`), 'utf8'),
      );
      if (source !== other) throw new Error('the two modules have different glue');
      const { code } = await minify(simplifyGlue(source), {
        module: true,
        compress: { passes: 3, pure_new: true },
        mangle: true,
      });
      return { contents: code, loader: 'js' };
    });
    onLoad({ filter: /-wasm$/, namespace: 'generated' }, ({ path: specifier }) => {
      const [, name] = /^#(.*)-wasm$/.exec(specifier);
      const text = readFileSync(path(`dist/lite-alloc.${name}.wasm`), 'base64');
      return { contents: `export default '${text}';`, loader: 'js' };
    });
  },
};

/**
 * Code of the glue that does more than this package needs, with its replacement: the package passes a memory and a
 * compiled module, and the glue reads memory only for the names of functions.
 */
const simplifications = [
  [/if\(Module\["wasmMemory"\]\)\{(.*?)\}else\{.*?\}(?=updateMemoryViews\(\))/, '$1;'],
  [
    /(?<=function updateMemoryViews\(\)\{).*?(?=\}function initMemory)/,
    'HEAPU8=new Uint8Array(wasmMemory.buffer)',
  ],
  [/const WebAssembly = \{[^;]*\};/, ''],
  [
    /var Module = \{ wasm: compiledModule, wasmMemory: memory \};\s*var Module=Module;/,
    'var Module={};',
  ],
  [/Module\["wasmMemory"\]/, 'memory'],
  [/getWasmTableEntry\(target\)/, 'wasmTable.get(target)'],
  [
    /function assignWasmExports\(wasmExports\)\{(.*?)\}(.*?)function initRuntime\(wasmExports\)\{(.*?)\}(.*?)assignWasmExports\(wasmExports\);initRuntime\(wasmExports\)/,
    '$2$4$1;$3',
  ],
  [
    /WebAssembly\.instantiate\(Module\["wasm"\],(.*?)\)\.then\(output=>\{(.*?)output\.instance(.*?)return ready\(\)\}\)/,
    '$2new WebAssembly.Instance(compiledModule,$1)$3',
  ],
];

function simplifyGlue(glue) {
  return simplifications.reduce((code, [pattern, replacement]) => {
    if (!pattern.test(code)) throw new Error(`the glue has no ${pattern}`);
    return code.replace(pattern, replacement);
  }, glue);
}

/** The files of `dist` that applications import, and those that they import, at once or when they are first needed. */
const bundles = {
  ...Object.fromEntries(
    [
      ...['index', 'index.node', 'index.debug', 'index.region', 'index.traces'],
      ...['inline', 'inline.debug', 'inline.region', 'inline.traces', 'create-heap-inline'],
    ].map((name) => [name, path(`js/src/${name}.ts`)]),
  ),
  debug: path('js/src/debug/debug.ts'),
  region: path('js/src/module/region.ts'),
  replay: path('js/src/replay/replay.ts'),
  'trace-file': path('js/src/traces/trace-file.ts'),
  'strategies-wasm': path('js/src/module/strategies-wasm.ts'),
  'region-wasm': path('js/src/module/region-wasm.ts'),
};

/**
 * Names of properties that only the package itself uses. `dist` has short ones in their place, because the minifier of an
 * application keeps the names of properties. The source maps have the long ones. Names of the wasm's functions, and those
 * that code finds in stacks, must stay. Those that are used most come first.
 */
const internalNames = `
  owner epoch functions count growth place reportGrowth views region currentViews finish owned failAllocation kept
  heap maximumPages describe dropView disown initialPages isNeeded isRegistered leaveRegistry renew runningScope
  uncloneable watch wrap assertAlive counters endWatch owners unwatch waitingAt watchView assertSelf drop failFree
  findCorruption hasEnded regionBytes findAgain historyOf itself listByStack makeView
  refuseLoss runAsync store takeLoss`
  .trim()
  .split(/\s+/);
/** The first letters are those that minifiers use most: text with few different letters compresses best. */
const letters = 'etsrinaohlcudpmfgbvkywxzjqETRSINAOHLCUDPMFGBVKYWXZJQ';
/** One letter each, then a letter and a digit. */
const shortNames = Object.fromEntries(
  internalNames.map((name, index) => [
    name,
    letters[index % letters.length] + (Math.floor(index / letters.length) || ''),
  ]),
);

/** Sources that only the entry for pages contains. */
const entrySources = ['index', 'api', 'create-heap'].map((name) => path(`js/src/${name}.ts`));

/** Sources with constants alone, which bundles copy instead of importing them. */
const constants = [path('js/src/core/units.ts'), path('js/src/traces/operations.ts')];

rmSync(path('dist'), { recursive: true, force: true });
mkdirSync(path('dist/standalone'), { recursive: true });
cpSync(path(`${bindings}/default/lite-alloc.wasm`), path('dist/lite-alloc.wasm'));
cpSync(path(`${bindings}/strategies/lite-alloc.wasm`), path('dist/lite-alloc.strategies.wasm'));
cpSync(path(`${bindings}/region/lite-alloc.region.wasm`), path('dist/lite-alloc.region.wasm'));
for (const name of ['bump-free-list', 'segregated-bump', 'free-list', 'segregated-fit']) {
  cpSync(path(`${bindings}/standalone/${name}.wasm`), path(`dist/standalone/${name}.wasm`));
}
writeLicences([...(await bundleSources()), await bundleCommonJs(), await bundleCommand()]);
writeTypes();
await writeCommonJsTypes();
writeFolders();
installForC();

/**
 * Bundles the TypeScript, readable: an application's own bundler minifies it. The code that the entry for pages loads
 * at once is in core.js, which all other files import.
 */
async function bundleSources() {
  const probe = await bundle('probe', { entryPoints: [bundles.index] });
  const core = Object.keys(probe.metafile.inputs)
    .filter((source) => source.startsWith('js/src/'))
    .map(path)
    .filter((source) => !entrySources.includes(source) && !constants.includes(source));
  const results = [];
  for (const [name, source] of Object.entries(bundles)) {
    results.push(await bundle(name, { entryPoints: [source] }, core));
  }
  const contents = `export { ${namesFrom('core', results).join(', ')} } from 'sources:core';`;
  results.push(await bundle('core', { stdin: { contents, resolveDir: path('.') } }, [], core));
  for (const { outputFiles } of results) {
    for (const file of outputFiles) writeFileSync(file.path, file.contents);
  }
  return results.map(({ metafile }) => metafile);
}

/** The names that bundles import from a file of `dist`. */
function namesFrom(file, results) {
  const lists = new RegExp(`^(?:im|ex)port \\{([^}]*)\\} from "\\./${file}\\.js";$`, 'gm');
  const names = results
    .flatMap(({ outputFiles }) => outputFiles.filter(({ path: output }) => output.endsWith('.js')))
    .flatMap(({ text }) => [...text.matchAll(lists)])
    .flatMap(([, list]) => list.split(',').map((name) => name.trim().split(' ')[0]));
  return [...new Set(names)].sort();
}

/** One file of `dist`, which imports the sources in `core` from core.js, and the other bundles from theirs. */
function bundle(name, input, core = [], exported = []) {
  const resolveSource = ({ path: specifier, importer }) => {
    const source = resolve(dirname(importer), specifier.replace(/\.js$/, '.ts'));
    const built = core.includes(source)
      ? 'core'
      : Object.keys(bundles).find((other) => other !== name && bundles[other] === source);
    return built === undefined ? undefined : { path: `./${built}.js`, external: true };
  };
  const sources = {
    name: 'sources',
    setup({ onResolve, onLoad }) {
      onResolve({ filter: /^\.{1,2}\// }, resolveSource);
      onResolve({ filter: /^sources:core$/ }, () => ({ path: 'core', namespace: 'sources' }));
      onLoad({ filter: /./, namespace: 'sources' }, () => ({
        contents: exported.map((source) => `export * from '${source}';`).join('\n'),
        resolveDir: path('.'),
      }));
    },
  };
  return build({
    ...input,
    outfile: path(`dist/${name}.js`),
    bundle: true,
    format: 'esm',
    target: 'es2022',
    // The map of inlined wasm would contain it a second time.
    sourcemap: !name.endsWith('-wasm'),
    sourcesContent: true,
    // Constants become numbers, which the bundler of an application cannot do across `var`. Names and lines stay.
    minifySyntax: true,
    mangleProps: new RegExp(`^(${internalNames.join('|')})$`),
    mangleCache: shortNames,
    metafile: true,
    write: false,
    plugins: [generated, sources],
  });
}

/**
 * The entry for Node as one CommonJS file, for tools that cannot load ES modules with `require`. Node can, and loads
 * the ES modules.
 */
async function bundleCommonJs() {
  const { metafile } = await build({
    entryPoints: [path('dist/index.node.js')],
    outfile: path('dist/index.cjs'),
    bundle: true,
    minify: true,
    metafile: true,
    format: 'cjs',
    platform: 'node',
    target: 'es2022',
  });
  return metafile;
}

/** Writes the types of the CommonJS file. They are those of the ES modules, because Node loads these for `require`. */
async function writeCommonJsTypes() {
  const entry = await import(pathToFileURL(path('dist/index.node.js')).href);
  const isClass = (value) => typeof value === 'function' && /^class\b/.test(String(value));
  const lines = Object.entries(entry).flatMap(([name, value]) => [
    `export declare const ${name}: typeof entry.${name};`,
    ...(isClass(value) ? [`export type ${name} = entry.${name};`] : []),
  ]);
  const origin = `'./index.js' with { 'resolution-mode': 'import' };`;
  const imports = [`import type * as entry from ${origin}`, `export type * from ${origin}`];
  writeFileSync(path('dist/index.d.cts'), `${[...imports, ...lines].join('\n')}\n`);
}

/**
 * Writes a folder with a package.json for each path that `exports` maps, so that tools that do not read `exports` find
 * the same files.
 */
function writeFolders() {
  const { exports } = JSON.parse(readFileSync(path('package.json'), 'utf8'));
  const {
    '.': main,
    './package.json': manifest,
    './standalone/*.wasm': pattern,
    ...others
  } = exports;
  for (const file of readdirSync(path('dist/standalone'))) {
    others[`./standalone/${file}`] = { default: pattern.replace('*.wasm', file) };
  }
  for (const [folder, { types, node, require, default: file }] of Object.entries(others)) {
    const up = (target) => target?.replace('./', '../'.repeat(folder.split('/').length - 1));
    const module = up(require && (node?.default ?? file));
    const fields = {
      types: up(types?.default ?? types),
      main: up(require ?? file),
      module,
      // The file for pages instead of that for Node.
      browser: node && { [module]: up(file) },
    };
    mkdirSync(path(folder), { recursive: true });
    writeFileSync(path(`${folder}/package.json`), `${JSON.stringify(fields, undefined, 2)}\n`);
  }
}

/** The command, with the npm packages that it needs. It imports the heap from the entry for Node. */
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
    // The npm packages require modules of Node.
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

/** Writes the licences of the npm packages that are bundled. */
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

/** Installs headers, sources, library and CMake files, as CMakeLists.txt lists them. */
function installForC() {
  const installed = spawnSync(
    'cmake',
    ['--install', path('build/wasm-release'), '--prefix', path('dist/c')],
    { encoding: 'utf8' },
  );
  if (installed.status !== 0) throw new Error(`cmake --install: ${installed.stderr}`);
}
