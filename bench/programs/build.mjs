// SPDX-License-Identifier: MIT
//
// Compiles each whole program once and links it with each allocator. What is up to date is kept.

import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { basename, isAbsolute, join } from 'node:path';
import { promisify } from 'node:util';
import { root } from '../wasm/allocators.mjs';

const run = promisify(execFile);
const ownHeaders = new URL('.', import.meta.url).pathname;

const headers = ['program.hpp', 'javascript.hpp', 'json_document.hpp'];

/** `-sSUPPORT_LONGJMP=wasm`: without it each call below a setjmp goes through JavaScript. */
const common = ['-DNDEBUG', '-fno-exceptions', '-fno-rtti', '-sSUPPORT_LONGJMP=wasm'];
const linkFlags = [
  '--no-entry',
  '-sALLOW_MEMORY_GROWTH=1',
  '-sASSERTIONS=0',
  '-sSTACK_SIZE=4MB',
  '-sINITIAL_HEAP=1MB',
  '-sENVIRONMENT=node',
  '-sEXPORTED_RUNTIME_METHODS=[wasmMemory]',
];

/**
 * @param {import('./list.mjs').Program[]} programs
 * @param {{ name: string, link: string[] }[]} allocators the flags and objects to link each with
 * @param {{ level: string, folder: string, progress: (done: string) => void }} options `level` is -O0 or -O2
 * @returns {Promise<Map<string, string>>} the modules, by `PROGRAM.ALLOCATOR`
 */
export async function buildPrograms(programs, allocators, { level, folder, progress }) {
  const modules = new Map();
  await inTurn(programs, async (program) => {
    const own = join(folder, level.slice(1), program.name);
    mkdirSync(own, { recursive: true });
    const objects = await compileProgram(program, level, own);
    for (const { name, link } of allocators) {
      const module = join(own, `${name}.mjs`);
      const options = [...objects, ...link, level, ...common, ...linkFlags, '-o', module];
      await ifChanged(module, options, [...objects, ...link.filter(existsSync)], () =>
        emxx(options, own),
      );
      modules.set(`${program.name}.${name}`, module);
      progress(`${program.name} with ${name}`);
    }
  });
  return modules;
}

/** Compiles the sources in the language of each; returns the objects. */
async function compileProgram({ driver, folder, sources, includes, definitions }, level, own) {
  const resolved = (file) => (isAbsolute(file) ? file : join(folder, file));
  const flags = [
    level,
    ...common,
    ...definitions.map((definition) => `-D${definition}`),
    ...[ownHeaders, ...includes.map(resolved)].map((include) => `-I${include}`),
    '-Wno-everything', // other projects' code; ours is in the drivers
  ];
  const compile = async (files, objects, options) => {
    const command = [...options, ...flags, '-c', ...files];
    const inputs = [...files, ...headers.map((header) => join(ownHeaders, header))];
    await ifChanged(objects[0], command, inputs, () => emxx(command, own));
    return objects;
  };
  const library = sources.map(resolved);
  const libraryObjects = library.map((file) => join(own, basename(file).replace(/\.\w+$/, '.o')));
  const driverObject = join(own, 'driver.o');
  return [
    ...(library.length === 0 ? [] : await compile(library, libraryObjects, ['-std=gnu11'])),
    ...(await compile([driver], [driverObject], ['-std=c++20', '-o', driverObject])),
  ];
}

/** Runs `make` unless the output was made by the same command from the same contents. */
async function ifChanged(output, command, inputs, make) {
  const hash = createHash('sha256').update(JSON.stringify(command));
  for (const input of inputs) hash.update(readFileSync(input));
  const current = hash.digest('hex');
  const stamp = `${output}.from`;
  if (existsSync(output) && existsSync(stamp) && readFileSync(stamp, 'utf8') === current) return;
  await make();
  writeFileSync(stamp, current);
}

async function emxx(options, folder) {
  const compiler = options.includes('-std=gnu11') ? 'emcc' : 'em++';
  try {
    await run(join(root, 'tools', 'emscripten'), [compiler, ...options], {
      cwd: folder,
      maxBuffer: 1 << 26,
    });
  } catch (error) {
    throw new Error(`${compiler} failed in ${folder}:\n${String(error.stderr).slice(-3000)}`);
  }
}

/** Works on all items, with one worker for each processor. */
async function inTurn(items, work) {
  const waiting = [...items];
  const worker = async () => {
    for (let item = waiting.shift(); item !== undefined; item = waiting.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: cpus().length }, worker));
}
