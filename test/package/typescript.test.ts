// SPDX-License-Identifier: MIT

import { beforeAll, describe, expect, inject, test } from 'vitest';
import { runNode, runTypeScript, writeFiles } from '../support/consumer.js';

const consumerFolder = inject('consumerFolder');

const program = `
import {
  createHeap,
  type Heap,
  type HeapArray,
  type HeapOptions,
  type HeapStats,
  LiteAllocError,
  OutOfMemoryError,
  type Strategy,
  strategies,
} from 'lite-alloc';

const options: HeapOptions = { strategy: 'bump-free-list', maximumBytes: 1 << 20 };
const heap: Heap = await createHeap(options);

function sum(values: readonly number[]): number {
  using array = heap.from(Float64Array.from(values));
  return array.view.reduce((left, right) => left + right, 0);
}

const names: readonly Strategy[] = strategies;
const bytes: HeapArray<Uint8Array> = heap.array(Uint8Array, 3, { zero: true });
const total: number = sum([1, 2, 3.5]);
const stats: HeapStats = heap.stats();
let requested = 0;
try {
  heap.malloc(1 << 21);
} catch (error) {
  if (error instanceof LiteAllocError && error instanceof OutOfMemoryError) requested = error.requestedBytes;
}
console.log([names.includes(heap.strategy), bytes.view.join(), total, stats.liveBlocks, requested].join(' '));
`;

const strict = {
  strict: true,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  skipLibCheck: false,
  target: 'ES2022',
  types: [],
};

/** The compiler options of consumers, by module resolution. */
const consumers = {
  nodenext: {
    module: 'NodeNext',
    moduleResolution: 'NodeNext',
    lib: ['ES2022', 'ESNext.Disposable', 'DOM'],
  },
  bundler: {
    module: 'ESNext',
    moduleResolution: 'Bundler',
    lib: ['ES2022', 'ESNext.Disposable', 'DOM'],
  },
};

beforeAll(() => {
  for (const [name, compilerOptions] of Object.entries(consumers)) {
    writeFiles(consumerFolder, {
      [`${name}/package.json`]: '{ "type": "module" }',
      [`${name}/program.ts`]: program,
      [`${name}/tsconfig.json`]: JSON.stringify({
        compilerOptions: { ...strict, ...compilerOptions, rootDir: '.', outDir: 'out' },
        include: ['program.ts'],
      }),
    });
  }
});

describe.each(
  Object.keys(consumers),
)('a strict TypeScript program with module resolution %s', (name) => {
  const folder = `${consumerFolder}/${name}`;

  test('compiles, with the types of the package checked, and runs', () => {
    expect(runTypeScript(folder, '-p', '.')).toEqual([]);
    expect(runNode(folder, 'out/program.js')).toBe('true 0,0,0 6.5 1 2097152');
  });

  test('does not compile with a wrong option', () => {
    writeFiles(folder, {
      'wrong.ts': `import { createHeap } from 'lite-alloc';\nawait createHeap({ strategy: 'best-fit' });\n`,
      'tsconfig.wrong.json': JSON.stringify({ extends: './tsconfig.json', include: ['wrong.ts'] }),
    });
    const complaints = runTypeScript(folder, '-p', 'tsconfig.wrong.json', '--noEmit');
    expect(complaints).toEqual([
      expect.stringMatching(/^wrong\.ts\(2,20\): error TS2322: .*best-fit/),
    ]);
  });
});

describe.each([
  ['pages', ['ES2022', 'DOM']],
  ['workers', ['ES2022', 'WebWorker']],
])('a program for %s with only the libraries of ES2022', (_, lib) => {
  test('compiles, with the types of the package checked', () => {
    const folder = `${consumerFolder}/lib-${lib.join('-').toLowerCase()}`;
    writeFiles(folder, {
      'program.ts': `
        import { createHeap, type Heap } from 'lite-alloc';
        import { createHeapSync } from 'lite-alloc/inline';
        import wasm from 'lite-alloc/lite-alloc.wasm';
        export const heaps: readonly [Promise<Heap>, Heap] = [createHeap({ wasm }), createHeapSync()];
      `,
      'tsconfig.json': JSON.stringify({
        compilerOptions: {
          ...strict,
          module: 'ESNext',
          moduleResolution: 'Bundler',
          lib,
          noEmit: true,
        },
        include: ['program.ts'],
      }),
    });
    expect(runTypeScript(folder, '-p', '.')).toEqual([]);
  });
});

test('a CommonJS program compiles, with the types of the package checked, and runs', () => {
  const folder = `${consumerFolder}/common-js`;
  writeFiles(folder, {
    'package.json': '{ "type": "commonjs" }',
    'program.ts': `
      import { AllocationTrace, createHeapSync, type Heap, OutOfMemoryError } from 'lite-alloc';
      import { createHeapSync as inlined, type HeapArray } from 'lite-alloc/inline';
      import { createHeapSync as debugging } from 'lite-alloc/inline/debug';
      const heap: Heap = createHeapSync({ maximumBytes: 1 << 20 });
      const array: HeapArray<Uint8Array> = inlined().from(Uint8Array.of(4, 5));
      const isTrace = (value: unknown): value is AllocationTrace => value instanceof AllocationTrace;
      try {
        heap.malloc(1 << 21);
      } catch (error) {
        if (error instanceof OutOfMemoryError) {
          console.log(error.requestedBytes, array.view.join(), isTrace(heap), debugging({ debug: true }).leaks().length);
        }
      }
    `,
    'tsconfig.json': JSON.stringify({
      compilerOptions: {
        ...strict,
        ...consumers.nodenext,
        verbatimModuleSyntax: false,
        rootDir: '.',
        outDir: 'out',
      },
      include: ['program.ts'],
    }),
  });
  expect(runTypeScript(folder, '-p', '.')).toEqual([]);
  expect(runNode(folder, 'out/program.js')).toBe('2097152 4,5 false 0');
});
