// SPDX-License-Identifier: MIT
//
// The allocators that take part: modules made by bench/CMakeLists.txt, and mallocs of the user's own.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, extname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../..', import.meta.url));

export const peers = ['dlmalloc', 'emmalloc', 'mimalloc'];
/** An allocator without a module is left out. */
const ours = ['lite-alloc', 'segregated-fit', 'segregated-bump', 'free-list', 'bump-free-list'];

/**
 * The published design that `bump-free-list` is based on. On any other column it takes minutes or exhausts memory.
 */
export const published = {
  name: 'published-bump',
  columns: ['cycle', 'seq'],
  rival: 'bump-free-list',
};

/** Hands out recorded addresses, so it takes the time of a workload without its allocator: bench/cpp/floor.cpp. */
export const floor = 'floor';

/** The calls that take the sizes of blocks, on the heap that `lite-alloc` has as well. */
export const sized = { name: 'segregated-fit', unsized: 'lite-alloc' };

/**
 * @param {string} folder where the modules of the build are
 * @param {string[]} own mallocs as `linkOwn` takes them; with some, the allocators of this project are left out
 * @param {string} temporary a folder for what is linked
 * @returns {{ name: string, default: string, exact?: string, columns?: string[], isOwn?: boolean }[]}
 */
export function findAllocators(folder, own, temporary) {
  const names = own.length > 0 ? peers : [...peers, ...ours];
  const modules = names.map((name) => ({
    name,
    default: join(folder, `${name}.mjs`),
    exact: join(folder, `${name}.exact.mjs`),
  }));
  if (own.length === 0) {
    const { name, columns } = published;
    modules.push({ name, default: join(folder, `${name}.mjs`), columns });
  }
  modules.push({ name: floor, default: join(folder, `${floor}.mjs`) });
  const linked = own.map((argument) => linkOwn(argument, folder, temporary));
  return [...modules.filter((module) => existsSync(module.default)), ...refuseTwins(linked)];
}

/**
 * The user's mallocs as objects or libraries to link with any program.
 *
 * @returns {{ name: string, objects: string[] }[]}
 */
export function linkableMallocs(own, folder, temporary) {
  const made = own.map((argument) => {
    const { name, path } = parse(argument);
    if (extname(path) === '.mjs') {
      throw new Error(`--malloc ${path}: a linked module cannot be linked with other programs.`);
    }
    return { name, objects: objectsOf(name, path, readFlags(folder), temporary) };
  });
  return refuseTwins(made);
}

function refuseTwins(linked) {
  const taken = new Set([...peers, floor]);
  for (const { name } of linked) {
    if (taken.has(name)) {
      throw new Error(
        `--malloc: two allocators are named ${name}; write --malloc NAME=... to name one.`,
      );
    }
    taken.add(name);
  }
  return linked;
}

/**
 * Links a malloc with the workloads, with the flags of the build. The argument may begin with `NAME=`, and names
 *   - a C++ file, object or library that defines malloc, free and realloc,
 *   - a checkout of this repository, or a commit of this one, whose malloc library is compiled,
 *   - or a module that is linked already.
 */
function linkOwn(argument, folder, temporary) {
  const { name, path } = parse(argument);
  if (extname(path) === '.mjs') return { name, default: requireFile(path), isOwn: true };
  const flags = readFlags(folder);
  const objects = objectsOf(name, path, flags, temporary);
  const module = join(temporary, `${name}.mjs`);
  emxx([...objects, ...flags.link, '-o', module], temporary);
  return { name, default: module, isOwn: true };
}

function parse(argument) {
  const [, given, path] = /^(?:([\w.-]+)=)?(.+)$/.exec(argument);
  return { name: given ?? basename(resolve(path)).replace(/\.\w+$/, ''), path };
}

function readFlags(folder) {
  return JSON.parse(readFileSync(join(folder, 'flags.json'), 'utf8'));
}

function objectsOf(name, path, flags, temporary) {
  if (['.a', '.o'].includes(extname(path))) return [requireFile(path)];
  const own = join(temporary, `${name} objects`);
  mkdirSync(own);
  return compile(sourcesOf(path, own), flags, own);
}

function requireFile(path) {
  if (existsSync(path)) return resolve(path);
  throw new Error(`--malloc ${path}: there is no such file.`);
}

/** The C++ files to compile, and the folder of their headers if it is not this checkout's. */
function sourcesOf(path, own) {
  if (existsSync(path) && statSync(path).isFile()) return { files: [resolve(path)] };
  const checkout = existsSync(path) ? resolve(path) : unpackCommit(path, own);
  const headers = join(checkout, 'cpp');
  const malloc = join(headers, 'lite_alloc', 'malloc');
  if (!existsSync(malloc)) throw new Error(`--malloc ${path}: it has no cpp/lite_alloc/malloc.`);
  const files = readdirSync(malloc).filter((file) => /^(?!checked_).*\.cpp$/.test(file));
  return { files: files.map((file) => join(malloc, file)), headers };
}

/** Writes the C++ sources of a commit of this repository to the folder. */
function unpackCommit(commit, folder) {
  const archive = spawnSync('git', ['archive', commit, 'cpp'], { cwd: root, maxBuffer: 1 << 28 });
  if (archive.status !== 0) {
    throw new Error(
      `--malloc ${commit}: neither a file, a folder nor a commit of this repository.`,
    );
  }
  const unpacked = spawnSync('tar', ['-x', '-C', folder], { input: archive.stdout });
  if (unpacked.status !== 0) throw new Error(`--malloc ${commit}: tar: ${unpacked.stderr}`);
  return folder;
}

function compile({ files, headers }, flags, own) {
  const include = headers === undefined ? [] : [`-I${headers}`];
  emxx([...include, ...flags.compile, '-c', ...files], own);
  return files.map((file) => join(own, basename(file).replace(/\.\w+$/, '.o')));
}

function emxx(options, folder) {
  const done = spawnSync(join(root, 'tools', 'emscripten'), ['em++', ...options], {
    cwd: folder,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  if (done.status !== 0) throw new Error(`em++ ${options.join(' ')} failed`);
}
