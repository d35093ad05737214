// SPDX-License-Identifier: MIT
//
// Platforms without `Symbol.dispose`, such as WebKit: the named calls end everything. Each test runs in its own process.

import { join } from 'node:path';
import { expect, test } from 'vitest';
import { runNode } from '../../support/consumer.js';
import { repository } from '../../support/sources.js';

test.each([
  'index.node.js',
  'index.js',
  'inline.js',
])('%s works without Symbol.dispose, and has the symbol that compilers use in its place', (entry) => {
  const program = `
      // Node's own symbol cannot be deleted.
      const Original = Symbol;
      globalThis.Symbol = function Symbol(text) { return Original(text); };
      for (const [name, property] of Object.entries(Object.getOwnPropertyDescriptors(Original))) {
        if (!/^(dispose|asyncDispose|length|name)$/.test(name)) Object.defineProperty(Symbol, name, property);
      }
      const { createHeap } = await import(${JSON.stringify(join(repository, 'dist', entry))});
      const reported = [];
      const report = (...values) => reported.push(values);
      report(Symbol.dispose === undefined);
      const dispose = Symbol.for('Symbol.dispose');
      for (const end of ['named', 'shorthand']) {
        const heap = await createHeap();
        const call = (object, name) => end === 'named' ? object[name]() : object[dispose]();
        let growths = 0;
        const subscription = heap.onGrow(() => growths++);
        const controller = new AbortController();
        heap.onGrow(() => growths++, { signal: controller.signal });
        controller.abort();
        call(subscription, 'remove');
        heap.malloc(1 << 20);
        const recorder = heap.record();
        const scope = heap.openScope();
        const array = heap.array(Uint8Array, 1), inScope = scope.array(Uint8Array, 1);
        const arena = heap.arena({ bytes: 16 }), string = heap.string('text');
        call(array, 'free'); call(scope, 'close'); call(arena, 'free'); call(string, 'free'); call(recorder, 'stop');
        report(growths, array.alive, inScope.alive, arena.alive, string.alive, heap.stats().liveBlocks, recorder.operations);
        const last = heap.array(Uint8Array, 1);
        call(heap, 'dispose');
        report(last.alive, String(heap).includes('the heap was disposed'));
      }
      process.stdout.write(JSON.stringify(reported));
    `;
  const output = runNode(repository, '--input-type=module', '--eval', program);
  const ended = [
    [0, false, false, false, false, 1, 8],
    [false, true],
  ];
  expect(JSON.parse(output)).toEqual([[true], ...ended, ...ended]);
});
