// SPDX-License-Identifier: MIT
//
// Nothing that a heap made keeps its memory from being garbage-collected after dispose. The tests run in processes
// that can request a garbage collection.

import { join } from 'node:path';
import { strategies } from 'lite-alloc';
import { describe, expect, test } from 'vitest';
import { runNode } from '../../support/consumer.js';
import { repository } from '../../support/sources.js';

const entry = join(repository, 'dist', 'index.js');

/** Objects that the program holds after dispose: their names, and the code that makes them from `heap`. */
const holders: Readonly<Record<string, string>> = {
  'the heap': 'heap',
  'a dead array': 'heap.array(Uint8Array, 1000)',
  'a dead array whose view was read':
    '(() => { const a = heap.array(Uint8Array, 1000); a.view.fill(1); return a; })()',
  'a freed array whose view was read':
    '(() => { const a = heap.array(Uint8Array, 1000); a.view.fill(1); a.free(); return a; })()',
  'an array that was resized':
    '(() => { const a = heap.array(Uint8Array, 10); a.view.fill(1); a.resize(1000); a.view.fill(1); return a; })()',
  'an array that other code freed':
    '(() => { const a = heap.array(Uint8Array, 1000); try { heap.free(a.address); } catch (error) { return [a, error]; } return a; })()',
  'arrays whose views were read long before dispose':
    'Array.from({ length: 3000 }, (_, index) => { const a = heap.array(Uint8Array, 8); a.view.fill(1); if (index % 3 === 0) a.free(); return a; })',
  'arrays of a heap that was reset':
    'Array.from({ length: 10 }, () => { const a = heap.array(Uint8Array, 8); a.view.fill(1); heap.reset(); return a; })',
  'a string': "(() => { const s = heap.string('text'); String(s); return s; })()",
  'an arena and an array in it':
    '(() => { const a = heap.arena({ bytes: 1000 }); const b = a.array(Uint8Array, 10); b.view.fill(1); return [a, b]; })()',
  'an open scope':
    '(() => { const s = heap.openScope(); s.malloc(10); s.array(Uint8Array, 10).view.fill(1); return s; })()',
  'a closed scope':
    '(() => { const s = heap.openScope(); s.malloc(10); s.array(Uint8Array, 10).view.fill(1); s.close(); return s; })()',
  'a running recorder':
    '(() => { const r = heap.record(); heap.free(heap.malloc(10)); return r; })()',
  'a stopped recorder and its trace':
    '(() => { const r = heap.record(); heap.free(heap.malloc(10)); return [r, r.stop()]; })()',
  'a subscription': '(() => { const s = heap.onGrow(() => {}); heap.malloc(1000); return s; })()',
  'a snapshot, figures, blocks and leaks':
    '[heap.snapshot(), heap.stats(), heap.blocks(), heap.leaks()]',
  errors: `[
    () => heap.free(12345), () => heap.malloc(2 ** 32), () => heap.usableSize(3), () => heap.malloc(-1),
    () => { const p = heap.malloc(10); heap.free(p); heap.free(p); },
    () => heap.deallocate(16, 16), () => heap.assertNoLeaks(heap.malloc(10)),
    () => heap.scope((s) => { s.malloc(10); heap.malloc(2 ** 32); }),
    () => { const a = heap.array(Uint8Array, 1); a.free(); return a.view; },
  ].map((call) => { try { call(); } catch (error) { return error; } })`,
  'a trap':
    '(() => { heap.u8.fill(255, 16, 60000); try { heap.malloc(24); } catch (error) { return [heap, error]; } })()',
  'errors of calls after dispose':
    'later.push(() => heap.malloc(1), () => heap.openScope(), () => heap.u8, () => heap.memory)',
};

describe.each(strategies)('%s', (strategy) => {
  test.each([
    ['a heap', false, false],
    ['a debug heap', true, false],
    ['a heap in a region', false, true],
    ['a debug heap in a region', true, true],
  ])('the memory of %s is collected after dispose, whatever the program holds', (_, debug, isRegion) => {
    const program = `
      import { createHeap } from ${JSON.stringify(entry)};
      const held = {};
      const memories = {};
      async function run(name, make) {
        const region = ${isRegion} ? { memory: new WebAssembly.Memory({ initial: 4 }), start: 0, end: 4 * 65536 } : {};
        const heap = await createHeap({ strategy: '${strategy}', debug: ${debug}, onLeak() {}, ...region });
        const later = [];
        held[name] = [make(heap, later)];
        if (name.includes('long before')) await new Promise((resolve) => setTimeout(resolve, 1));
        memories[name] = new WeakRef(heap.memory);
        heap.dispose();
        for (const call of later) try { call(); } catch (error) { held[name].push(error); }
      }
      ${Object.entries(holders)
        .map(([name, code]) => `await run(${JSON.stringify(name)}, (heap, later) => ${code});`)
        .join('\n')}
      for (let round = 0; round < 12; round++) {
        await new Promise((resolve) => setTimeout(resolve, 5));
        gc();
      }
      const reachable = Object.keys(memories).filter((name) => memories[name].deref() !== undefined);
      process.stdout.write(JSON.stringify({ reachable, held: Object.keys(held).length }));
    `;
    const output = runNode(repository, '--expose-gc', '--input-type=module', '--eval', program);
    const { reachable, held } = JSON.parse(output) as { reachable: string[]; held: number };
    expect(reachable).toEqual([]);
    expect(held).toBe(Object.keys(holders).length);
  });
});
