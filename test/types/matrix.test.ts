// SPDX-License-Identifier: MIT
//
// Compiles programs against the published types in several versions of TypeScript, with the types of the package
// checked. Every version runs once with each way to find modules, each time with another set of the host's types.

import { execFile } from 'node:child_process';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { writeFiles } from '../support/consumer.js';
import { repository } from '../support/sources.js';

/** The entries with the same functions and types, each of which the programs import. */
const entries = ['', '/inline'].flatMap((entry) =>
  ['', '/debug', '/region', '/traces'].map((part) => `lite-alloc${entry}${part}`),
);

/** The packages of the versions of TypeScript. */
const compilers = {
  '5.2': 'typescript-5.2',
  '5.4': 'typescript-5.4',
  '5.8': 'typescript-5.8',
  '5.9': 'typescript-5.9',
  '7': 'typescript',
} as const;
type Version = keyof typeof compilers;

/** The compiler options for each way to find modules. */
const resolutions = {
  node10: { module: 'CommonJS', moduleResolution: 'Node10' },
  node16: { module: 'Node16', moduleResolution: 'Node16' },
  nodenext: { module: 'NodeNext', moduleResolution: 'NodeNext' },
  bundler: { module: 'ESNext', moduleResolution: 'Bundler' },
};

const everywhere = ['every-project.ts', 'wasm-files.ts'];

/** The compiler options for each set of the host's types, and the programs that they suit. */
const hosts = {
  none: { lib: ['ES2022'], types: [], programs: everywhere },
  page: { lib: ['ES2022', 'DOM'], types: [], programs: [...everywhere, 'pages.ts'] },
  worker: { lib: ['ES2022', 'WebWorker'], types: [], programs: everywhere },
  node: { lib: ['ES2022'], types: ['node'], programs: [...everywhere, 'node-programs.ts'] },
  both: {
    lib: ['ESNext', 'DOM', 'DOM.AsyncIterable'],
    types: ['node'],
    programs: [...everywhere, 'pages.ts', 'node-programs.ts'],
  },
};

type Row = readonly [
  Version,
  keyof typeof resolutions,
  keyof typeof hosts,
  ('module' | 'commonjs')?,
];

const rows: readonly Row[] = [
  ['5.2', 'node10', 'page', 'commonjs'],
  ['5.2', 'node16', 'node'],
  ['5.2', 'nodenext', 'worker'],
  ['5.2', 'bundler', 'none'],
  ['5.4', 'node10', 'node', 'commonjs'],
  ['5.4', 'node16', 'none'],
  ['5.4', 'nodenext', 'page'],
  ['5.4', 'bundler', 'worker'],
  ['5.8', 'node10', 'both', 'commonjs'],
  ['5.8', 'node16', 'worker'],
  ['5.8', 'nodenext', 'node', 'commonjs'],
  ['5.8', 'bundler', 'page'],
  ['5.9', 'node10', 'none', 'commonjs'],
  ['5.9', 'node16', 'worker'],
  ['5.9', 'nodenext', 'page', 'commonjs'],
  ['5.9', 'bundler', 'node'],
  ['7', 'node16', 'page'],
  ['7', 'nodenext', 'none', 'commonjs'],
  ['7', 'nodenext', 'node'],
  ['7', 'bundler', 'both'],
];

/** Without `LITE_ALLOC_ALL`, one row for each version, each with another way to find modules. */
const chosen = rows.filter(
  (_, index) =>
    process.env['LITE_ALLOC_ALL'] !== undefined || index % 4 === Math.floor(index / 4) % 4,
);

const require = createRequire(import.meta.url);
const root = mkdtempSync(join(tmpdir(), 'lite-alloc-matrix-'));
const options = { timeout: 300_000 };

beforeAll(() => {
  const installed = join(root, 'node_modules', 'lite-alloc');
  const { files } = require('../../package.json') as { files: string[] };
  const isOfTypes = (path: string): boolean =>
    path !== join(repository, 'dist', 'c') &&
    (/\.d\.c?ts$|\/package\.json$/.test(path) || statSync(path).isDirectory());
  for (const name of ['package.json', ...files.filter((file) => !file.includes('*'))]) {
    cpSync(join(repository, name), join(installed, name), { recursive: true, filter: isOfTypes });
  }
  mkdirSync(join(root, 'node_modules', '@types'));
  const nodeTypes = join(repository, 'node_modules', '@types', 'node');
  symlinkSync(nodeTypes, join(root, 'node_modules', '@types', 'node'));
});

afterAll(() => rmSync(root, { recursive: true }));

/** Compiles programs in a folder of their own, and returns the lines that the compiler prints. */
function compile(
  [version, resolution, host, type = 'module']: Row,
  programs: Readonly<Record<string, string>>,
): Promise<readonly string[]> {
  const { lib, types } = hosts[host];
  const folder = mkdtempSync(join(root, `${version} ${resolution} ${host} `));
  const compilerOptions = {
    ...resolutions[resolution],
    lib,
    types,
    target: 'ES2022',
    noEmit: true,
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    // The types of the package are checked. Those of the compiler would take most of the time.
    skipLibCheck: false,
    skipDefaultLibCheck: true,
  };
  writeFiles(folder, {
    'package.json': JSON.stringify({ type }),
    'tsconfig.json': JSON.stringify({ compilerOptions, files: Object.keys(programs) }),
    ...programs,
  });
  const compiler = require
    .resolve(`${compilers[version]}/package.json`)
    .replace(/package\.json$/, 'bin/tsc');
  const compilerArguments = [compiler, '--pretty', 'false'];
  return new Promise((resolve, reject) => {
    execFile(process.execPath, compilerArguments, { cwd: folder }, (failure, stdout, stderr) => {
      if (failure !== null && stdout === '') reject(new Error(stderr, { cause: failure }));
      else resolve(stdout.split('\n').filter((line) => line !== ''));
    });
  });
}

function readProgram(name: string): string {
  return readFileSync(join(repository, 'test', 'types', 'programs', name), 'utf8');
}

/** The programs by file name, each of them once for every entry. */
function programsOf(names: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    entries.flatMap((entry) =>
      names.map((name) => [
        `${entry.replaceAll('/', '-')}.${name}`,
        readProgram(name).replaceAll("'lite-alloc'", `'${entry}'`),
      ]),
    ),
  );
}

test.concurrent.each(chosen.map((row) => [row.join(', '), row] as const))(
  'programs compile: TypeScript %s',
  options,
  async (_, row) => {
    const [version, , host] = row;
    const hasGenericArrays = !['5.2', '5.4'].includes(version);
    const names = [...hosts[host].programs, ...(hasGenericArrays ? ['generic-arrays.ts'] : [])];
    expect(await compile(row, programsOf(names))).toEqual([]);
  },
);

test.concurrent(
  'a CommonJS module imports the package in versions that cannot require it',
  options,
  async () => {
    const programs = programsOf(['commonjs.ts']);
    expect(await compile(['5.4', 'nodenext', 'none', 'commonjs'], programs)).toEqual([]);
  },
);

const isNot = 'is not assignable to parameter of type';
const hint =
  '\'"this is not a typed array: pass a kind first, as in heap.from(Float32Array, [...])"\'.';

test.concurrent.each((['5.2', '5.8', '7'] as const).map((version) => [version]))(
  'the first line about a wrong source names the mistake in TypeScript %s',
  options,
  async (version) => {
    const floats = version === '5.2' ? 'Float32Array' : 'Float32Array<ArrayBufferLike>';
    const mistakes: readonly (readonly [call: string, firstLine: string])[] = [
      ['heap.from([1, 2, 3])', `Argument of type 'number[]' ${isNot} ${hint}`],
      ["heap.from('text')", `Argument of type '"text"' ${isNot} ${hint}`],
      ['heap.from(new ArrayBuffer(8))', `Argument of type 'ArrayBuffer' ${isNot} ${hint}`],
      ['heap.from(Float32Array)', `Argument of type 'Float32ArrayConstructor' ${isNot} ${hint}`],
      [
        "heap.from(Float32Array, ['a'])",
        `Argument of type 'string[]' ${isNot} 'Elements<${floats}>'.`,
      ],
      ['heap.from(Float32Array, 3)', `Argument of type 'number' ${isNot} 'Elements<${floats}>'.`],
      ['heap.array(Float32Array)', 'Expected 2-3 arguments, but got 1.'],
      [
        "heap.from(Float32Array, [1], { alignment: 'avx' })",
        "Type '\"avx\"' is not assignable to type 'Alignment | undefined'.",
      ],
    ];
    const lines = await compile([version, 'bundler', 'none'], {
      'mistakes.ts': [
        "import type { Heap } from 'lite-alloc'; declare const heap: Heap;",
        ...mistakes.map(([call]) => `${call};`),
      ].join('\n'),
    });
    const firstLines = lines.flatMap(
      (line) => /^mistakes\.ts.*error TS\d+: (.*)/.exec(line)?.[1] ?? [],
    );
    expect(firstLines).toEqual(mistakes.map(([, firstLine]) => firstLine));
  },
);
