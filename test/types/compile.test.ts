// SPDX-License-Identifier: MIT

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { runTypeScript, writeFiles } from '../support/consumer.js';
import { repository } from '../support/sources.js';

// Vitest's own type check is incremental, and does not see a change of the compiler's libraries.
test('all tests and the configuration of the tests compile', () => {
  expect(runTypeScript(join(repository, 'test', 'types'), '-p', '.')).toEqual([]);
});

test.each([
  [
    'Float16Array if the platform has it',
    ['ESNext', 'DOM'],
    `
      const array: HeapArray<Float16Array> = heap.array(Float16Array, 3, { zero: true });
      const copy: HeapArray<Float16Array> = heap.from(Float16Array.of(1));
      const converted: HeapArray<Float16Array> = heap.from(Float16Array, [1]);
      const any: TypedArray = array.view;
      export const all: (number | undefined)[] = [copy.view[0], converted.view[0], any.length];
    `,
  ],
  [
    'every other typed array if the platform lacks Float16Array',
    ['ES2022', 'ESNext.Disposable', 'DOM'],
    `
      const array: HeapArray<Uint8Array> = heap.from(new Uint8Array(3));
      const none: TypedArrays['Float16Array'] extends never ? true : false = true;
      const any: TypedArray = array.view;
      export const all: unknown[] = [none, any];
    `,
  ],
])('the published types have %s', (_, lib, code) => {
  const folder = mkdtempSync(join(tmpdir(), 'lite-alloc-types-'));
  try {
    writeFiles(folder, {
      'tsconfig.json': JSON.stringify({
        compilerOptions: {
          strict: true,
          skipLibCheck: false,
          noEmit: true,
          target: 'ES2022',
          module: 'ESNext',
          moduleResolution: 'Bundler',
          lib,
          types: [],
          paths: { 'lite-alloc': [join(repository, 'dist', 'index.d.ts')] },
        },
        files: ['program.ts'],
      }),
      'program.ts': `
        import { createHeap, type HeapArray, type TypedArray, type TypedArrays } from 'lite-alloc';
        const heap = await createHeap();
        ${code}
        export type Names = keyof TypedArrays;
        export type Handle = HeapArray<Int8Array>;
      `,
    });
    expect(runTypeScript(folder, '-p', '.')).toEqual([]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
