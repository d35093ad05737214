// SPDX-License-Identifier: MIT
//
// Compiles the workloads and links them with each allocator. What is up to date is kept in the folder of the build.
// A run uses copies, so that another run may build meanwhile.

import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, extname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { root } from '../wasm/allocators.mjs';
import { initialPages, maximumPages } from './memory.mjs';

const run = promisify(execFile);
const sources = join(root, 'bench', 'cpp', 'threads');

/** Candidates of this project. */
export const ownCandidates = [
  { name: 'lite-alloc', header: join(sources, 'shared_fit.hpp') },
  { name: 'one lock', header: join(sources, 'one_lock.hpp') },
];
export const floor = { name: 'floor', header: join(sources, 'floor.hpp'), isFloor: true };
export const peers = ['mimalloc', 'dlmalloc', 'emmalloc'];

const common = ['-std=c++20', '-O3', '-DNDEBUG', '-fno-exceptions', '-fno-rtti'];
const warnings = ['-Wall', '-Wextra', '-Wpedantic', '-Wconversion', '-Wshadow', '-Werror'];
/** Threads without a runtime for them: libc and libc++ are not linked. */
const plainFlags = [...common, '-matomics', '-mbulk-memory', `-I${join(root, 'cpp')}`];
/** The compiler must not remove pairs of malloc and free. */
const pthreadFlags = [
  ...common,
  '-pthread',
  '-fno-builtin-malloc',
  '-fno-builtin-free',
  '-Dcandidate_malloc=malloc',
  '-Dcandidate_free=free',
  `-I${join(root, 'cpp')}`,
];
const plainLinkFlags = [
  '--no-entry',
  '--import-memory',
  '--shared-memory',
  `--initial-memory=${initialPages * 65536}`,
  `--max-memory=${maximumPages * 65536}`,
  '--import-undefined',
  '--export=candidate_malloc',
  '--export=candidate_free',
  '--export=candidate_thread_begin',
  '--export=candidate_thread_end',
  '--export=__stack_pointer',
  '--export-if-defined=__wasm_init_tls',
  '--export-if-defined=__tls_size',
];
/** Calls stay calls, as they are in a program that is linked with an allocator. */
const optimiserFlags = [
  '--no-inline=candidate_*',
  '--enable-threads',
  '--enable-bulk-memory',
  '--enable-mutable-globals',
  '--enable-sign-ext',
  '--enable-nontrapping-float-to-int',
  '-O3',
  '--debuginfo',
];
const pthreadLinkFlags = [
  '-O3',
  '-pthread',
  '--no-entry',
  '-fno-exceptions',
  '-fno-rtti',
  '-sALLOW_MEMORY_GROWTH=1',
  '-Wno-pthreads-mem-growth',
  `-sINITIAL_MEMORY=${initialPages * 65536}`,
  `-sMAXIMUM_MEMORY=${maximumPages * 65536}`,
  '-sPTHREAD_POOL_SIZE=4',
  '-sENVIRONMENT=node',
  '-sFILESYSTEM=0',
  '-sEXPORTED_FUNCTIONS=_malloc,_free',
  '-sEXPORTED_RUNTIME_METHODS=[wasmMemory]',
];

/** The modules of a build. */
export const buildFolder = (build) => resolve(root, build, 'bench', 'threads');

/**
 * Builds allocators, and copies their modules to a folder.
 *
 * @param {{ name: string, header?: string, file?: string }[]} allocators with a header: candidates; else mallocs
 * @returns {Promise<import('./rounds.mjs').Program[]>}
 */
export async function buildAll(allocators, folder, copies) {
  const programs = [];
  for (const one of allocators) {
    const build = one.header === undefined ? buildMalloc : buildCandidate;
    programs.push(copyOf(await build(one, folder), copies));
  }
  return programs;
}

function copyOf(program, folder) {
  const copy = (file) => {
    const target = join(folder, basename(file));
    copyFileSync(file, target);
    return target;
  };
  if (program.kind === 'pthread') copy(program.module.replace(/\.mjs$/, '.wasm'));
  return { ...program, module: copy(program.module) };
}

/**
 * @param {{ name: string, header: string }} candidate a header as bench/cpp/threads/candidate.hpp describes
 * @param {string} folder
 * @returns {Promise<{ name: string, kind: 'plain', module: string }>}
 */
async function buildCandidate({ name, header, isFloor = false }, folder) {
  const own = makeFolder(folder, 'plain');
  const shared = await Promise.all(
    ['workloads', 'plain_workers', 'freestanding'].map((source) =>
      compile(join(sources, `${source}.cpp`), [...plainFlags, ...warnings], own, source),
    ),
  );
  const defined = `-DLITE_ALLOC_BENCH_CANDIDATE="${requireFile(header, '--candidate')}"`;
  const source = join(sources, 'candidate.cpp');
  const candidate = await compile(source, [...plainFlags, defined, `-I${sources}`], own, name);
  const linked = join(own, `${name}.linked.wasm`);
  const module = join(own, `${name}.wasm`);
  await link(module, [...shared, candidate], [...plainLinkFlags, ...optimiserFlags], async () => {
    await tool('wasm-ld', [...shared, candidate, ...plainLinkFlags, '-o', linked]);
    await tool('wasm-opt', [linked, ...optimiserFlags, '-o', module]);
  });
  return { name, kind: 'plain', module, isFloor };
}

/**
 * @param {{ name: string, file?: string }} malloc the name of one of Emscripten's, or a C++ file, an object or a library
 *   that defines the malloc family
 * @param {string} folder
 * @returns {Promise<{ name: string, kind: 'pthread', module: string }>}
 */
async function buildMalloc({ name, file }, folder) {
  const own = makeFolder(folder, 'pthread');
  const objects = await Promise.all(
    ['workloads', 'pthread_program'].map((source) =>
      compile(join(sources, `${source}.cpp`), [...pthreadFlags, ...warnings], own, source),
    ),
  );
  if (file !== undefined) objects.push(await objectOf(requireFile(file, '--malloc'), own, name));
  const options = [
    ...pthreadLinkFlags,
    `-sMALLOC=${file === undefined ? name : 'none'}`,
    ...objects,
  ];
  const module = join(own, `${name}.mjs`);
  await link(module, objects, options, () => tool('em++', [...options, '-o', module]));
  return { name, kind: 'pthread', module };
}

async function objectOf(file, folder, name) {
  if (['.a', '.o'].includes(extname(file))) return file;
  const flags = ['-std=c++20', '-O2', '-fno-unroll-loops', '-pthread', '-fno-builtin'];
  const more = ['-fno-exceptions', '-fno-rtti', '-DNDEBUG', `-I${join(root, 'cpp')}`];
  return compile(file, [...flags, ...more], folder, name);
}

function makeFolder(...parts) {
  const folder = join(...parts);
  mkdirSync(folder, { recursive: true });
  return folder;
}

function requireFile(file, option) {
  if (existsSync(file)) return resolve(file);
  throw new Error(`${option} ${file}: there is no such file.`);
}

/** Compiles one source; it is compiled again when a file changed that it includes. */
async function compile(source, flags, folder, name) {
  const object = join(folder, `${name}.o`);
  const list = `${object}.d`;
  await unlessMade(object, [source, ...flags], dependencies(list), async () => {
    await tool('em++', [...flags, '-MMD', '-MF', list, '-c', source, '-o', object]);
    return dependencies(list);
  });
  return object;
}

/** The files in a list that the compiler made for `make`. */
function dependencies(list) {
  if (!existsSync(list)) return [];
  const [, files = ''] = readFileSync(list, 'utf8')
    .replaceAll('\\\n', ' ')
    .split(/:\s(.*)/s);
  return files
    .split(/(?<!\\)\s+/)
    .filter((file) => file !== '')
    .map((file) => file.replaceAll('\\ ', ' '));
}

async function link(output, objects, options, make) {
  await unlessMade(output, options, objects, async () => {
    await make();
    return objects;
  });
}

/** Runs `make` unless the output was made by the same command from the same contents; `make` returns its inputs. */
async function unlessMade(output, command, inputs, make) {
  const stamp = `${output}.from`;
  const isMade = existsSync(output) && existsSync(stamp);
  if (isMade && readFileSync(stamp, 'utf8') === hashOf(command, inputs)) return;
  writeFileSync(stamp, hashOf(command, await make()));
}

function hashOf(command, inputs) {
  const hash = createHash('sha256').update(JSON.stringify(command));
  for (const input of inputs) hash.update(existsSync(input) ? readFileSync(input) : 'missing');
  return hash.digest('hex');
}

async function tool(name, options) {
  try {
    await run(join(root, 'tools', 'emscripten'), [name, ...options], { maxBuffer: 1 << 26 });
  } catch (error) {
    const made = basename(options.at(-1));
    throw new Error(`${name} failed to make ${made}:\n${String(error.stderr).slice(-3000)}`);
  }
}
