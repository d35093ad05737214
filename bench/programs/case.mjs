// SPDX-License-Identifier: MIT
//
// node case.mjs MODULE.mjs SCALE: runs a whole program once, in a fresh instance, and prints its time, its result and
// how far memory grew, as JSON.

import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

const [modulePath, scale] = process.argv.slice(2);
const { default: instantiate } = await import(pathToFileURL(resolve(modulePath)));
const module = await instantiate();
const before = module.wasmMemory.buffer.byteLength;
const begin = performance.now();
const result = module._run_program(Number(scale)) >>> 0;
const milliseconds = performance.now() - begin;
const grownKb = (module.wasmMemory.buffer.byteLength - before) / 1024;
console.log(JSON.stringify({ milliseconds, result, grownKb }));
