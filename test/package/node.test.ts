// SPDX-License-Identifier: MIT

import { join } from 'node:path';
import { beforeAll, describe, expect, inject, test } from 'vitest';
import { runNode, writeFiles } from '../support/consumer.js';

const consumerFolder = inject('consumerFolder');

const useHeap = `
  const heap = await createHeap();
  const array = heap.from(new Float32Array([1, 2, 3]));
  heap.malloc(1 << 20);
  console.log(array.view.join());
`;

beforeAll(() => {
  writeFiles(consumerFolder, {
    'import.mjs': `import { createHeap } from 'lite-alloc';${useHeap}`,
    'require.cjs': `const { createHeap } = require('lite-alloc'); (async () => {${useHeap}})();`,
    'sync.cjs': `
      const { createHeapSync } = require('lite-alloc');
      console.log(createHeapSync().from(new Uint8Array([4, 5])).view.join());
    `,
    'debug.cjs': `
      const { createHeapSync, DoubleFreeError } = require('lite-alloc');
      const heap = createHeapSync({ debug: true });
      const allocateHere = () => heap.malloc(10);
      const address = allocateHere();
      heap.free(address);
      try {
        heap.free(address);
      } catch (error) {
        console.log(error instanceof DoubleFreeError, /^at allocateHere .*debug.cjs/.test(error.allocatedAt));
      }
    `,
    'both.mjs': `
      import { createRequire } from 'node:module';
      import * as imported from 'lite-alloc';
      const required = createRequire(import.meta.url)('lite-alloc');
      const names = Object.keys(imported);
      console.log(names.length > 5 && names.every((name) => imported[name] === required[name]));
    `,
    'no-code.mjs': `
      import { createHeap, createHeapSync } from 'lite-alloc';
      let refused = false;
      try { new Function('return 1')(); } catch (error) { refused = error instanceof EvalError; }
      if (!refused) throw new Error('code generation from strings is allowed here');
      createHeapSync().check();${useHeap}
    `,
    'wasm-path.mjs': `
      import { readFileSync } from 'node:fs';
      import { createHeap } from 'lite-alloc';
      const url = new URL(import.meta.resolve('lite-alloc/lite-alloc.wasm'));
      const heap = await createHeap({ wasm: readFileSync(url) });
      console.log(heap.from(new Int8Array([-1])).view.join());
    `,
    'standalone.mjs': `
      import { readFileSync } from 'node:fs';
      const url = new URL(import.meta.resolve('lite-alloc/standalone/bump-free-list.wasm'));
      const { instance } = await WebAssembly.instantiate(readFileSync(url));
      console.log((instance.exports.allocate(64, 16) >>> 0) % 16);
    `,
  });
});

describe('the installed package', () => {
  test.each([
    ['is imported by an ES module', ['import.mjs'], '1,2,3'],
    ['is required by a CommonJS module', ['require.cjs'], '1,2,3'],
    ['makes a heap synchronously for a CommonJS module', ['sync.cjs'], '4,5'],
    ['makes a debug heap synchronously', ['debug.cjs'], 'true true'],
    ['is one copy for import and require', ['both.mjs'], 'true'],
    [
      'runs where code generation from strings is disallowed',
      ['--disallow-code-generation-from-strings', 'no-code.mjs'],
      '1,2,3',
    ],
    ['has its wasm at a path that programs can resolve', ['wasm-path.mjs'], '-1'],
    ['has the standalone module at a path that programs can resolve', ['standalone.mjs'], '0'],
  ])('%s', (_, nodeArguments, expected) => {
    expect(runNode(consumerFolder, ...nodeArguments)).toBe(expected);
  });

  test('is found from a nested folder', () => {
    writeFiles(consumerFolder, {
      'deep/er/import.mjs': `import { createHeap } from 'lite-alloc';${useHeap}`,
    });
    expect(runNode(join(consumerFolder, 'deep', 'er'), 'import.mjs')).toBe('1,2,3');
  });
});
