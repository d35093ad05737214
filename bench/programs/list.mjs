// SPDX-License-Identifier: MIT
//
// The whole programs: a driver of this folder for each, over a library that an npm package or Debian carries as source.

import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const path = (relative) => fileURLToPath(new URL(relative, import.meta.url));

/** Where `tools/debian-sources` puts what it fetches. */
export const debianFolder = path('../../build/bench/sources');
const sqlite = path('../../node_modules/cordova-sqlite-storage-dependencies');
const treeSitter = path('../node_modules/tree-sitter/vendor/tree-sitter/lib');
const grammar = path('../node_modules/tree-sitter-javascript/src');

const luaParts =
  'api auxlib baselib code corolib ctype dblib debug do dump func gc init iolib lex mathlib mem oadlib ' +
  'object opcodes oslib parser state string strlib table tablib tm undump utf8lib vm zio';

/**
 * @typedef {object} Program
 * @property {string} name
 * @property {string} driver the C++ file that runs the workload
 * @property {string} folder where the library's sources are
 * @property {string} [debian] the Debian package that carries them; else npm has installed them
 * @property {string[]} sources C files below the folder, or at full paths
 * @property {string[]} [includes] folders of headers
 * @property {string[]} [definitions]
 * @property {number} scale the size of the workload, for about a second; `run_program` takes it
 *
 * @type {Program[]}
 */
export const programs = [
  debian('lua', 'lua5.4', {
    sources: luaParts.split(' ').map((part) => `src/l${part}.c`),
    includes: ['src'],
    // The seed of the strings' hashes is an address otherwise, and so the order of a table's keys.
    definitions: ['luai_makeseed(L)=1U', 'LUA_COMPAT_5_3'],
    scale: 150,
  }),
  debian('quickjs', 'quickjs', {
    sources: ['quickjs.c', 'cutils.c', 'dtoa.c', 'libregexp.c', 'libunicode.c'],
    definitions: ['CONFIG_VERSION="bench"', '_GNU_SOURCE'],
    scale: 80,
  }),
  debian('mujs', 'mujs', { sources: ['one.c'], scale: 15 }),
  debian('cjson', 'cjson', { sources: ['cJSON.c'], scale: 50 }),
  debian('yyjson', 'yyjson', { sources: ['src/yyjson.c'], includes: ['src'], scale: 600 }),
  {
    name: 'sqlite',
    folder: sqlite,
    sources: ['sqlite3.c'],
    definitions: [
      'SQLITE_THREADSAFE=0',
      'SQLITE_OMIT_LOAD_EXTENSION',
      'SQLITE_DEFAULT_MEMSTATUS=0',
    ],
    scale: 8,
  },
  {
    name: 'tree-sitter',
    folder: treeSitter,
    sources: ['src/lib.c', join(grammar, 'parser.c'), join(grammar, 'scanner.c')],
    includes: ['include', 'src', grammar],
    scale: 15,
  },
  { name: 'stl', folder: path('.'), sources: [], scale: 150 },
].map((program) => ({
  includes: ['.'],
  definitions: [],
  driver: path(`${program.name.replace('-', '_')}.cpp`),
  ...program,
}));

function debian(name, packageName, options) {
  return { name, debian: packageName, folder: join(debianFolder, packageName), ...options };
}
