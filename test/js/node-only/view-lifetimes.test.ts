// SPDX-License-Identifier: MIT
//
// Views that are reachable after their handles are not. The tests run in processes that can request a collection.

import { join } from 'node:path';
import { strategies } from 'lite-alloc';
import { describe, expect, test } from 'vitest';
import { runNode } from '../../support/consumer.js';
import { repository } from '../../support/sources.js';

const entry = join(repository, 'dist', 'index.node.js');

/** Runs code in its own process, with `createHeap`, `collect` and `report`; returns the reported values. */
function run(code: string): unknown[] {
  const program = `
    import { createHeap } from ${JSON.stringify(entry)};
    const reported = [];
    const report = (value) => reported.push(value);
    const lost = [];
    const onLeak = ({ kind, length }) => lost.push(kind + length);
    async function collect() {
      for (let round = 0; round < 6; round++) {
        await new Promise((resolve) => setTimeout(resolve, 1));
        gc();
      }
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    const kinds = [Int8Array, Uint8Array, Uint8ClampedArray, Int16Array, Uint16Array, Int32Array, Uint32Array,
      Float32Array, Float64Array, BigInt64Array, BigUint64Array];
    const valuesOf = (kind) => kind.name.startsWith('Big') ? [1n, 2n, 3n] : [1, 2, 3];
    /** Overwrites blocks that were freed by mistake. */
    const scribble = (heap) => { for (let count = 0; count < 200; count++) heap.array(Uint8Array, 24).view.fill(99); };
    ${code}
    process.stdout.write(JSON.stringify({ reported }));
  `;
  const output = runNode(repository, '--expose-gc', '--input-type=module', '--eval', program);
  return (JSON.parse(output) as { reported: unknown[] }).reported;
}

const heaps: readonly (readonly [string, string])[] = [
  ...strategies.map((strategy) => [strategy, `{ strategy: '${strategy}', onLeak }`] as const),
  ['a debug heap', '{ debug: true, onLeak }'],
  [
    'a heap in a region',
    '{ memory: new WebAssembly.Memory({ initial: 8 }), start: 0, end: 8 * 65536, onLeak }',
  ],
];

const expected =
  'Int8Array Uint8Array Uint8ClampedArray Int16Array Uint16Array Int32Array Uint32Array '
    .concat('Float32Array Float64Array BigInt64Array BigUint64Array')
    .split(' ')
    .map((name) => `${name}:1,2,3`);

describe.each(heaps)('%s: a view that is reachable', (_, options) => {
  test.each([
    ['the heap', 'heap'],
    ['a scope', 'heap.openScope()'],
    ['an arena', 'heap.arena({ bytes: 2000 })'],
  ])('keeps the block of its array alive, for every type of array of %s', (_owner, owner) => {
    const reported = run(`
      const heap = await createHeap(${options});
      const makeViews = () => {
        const owner = ${owner};
        return kinds.map((kind) => owner.from(kind, valuesOf(kind)).view);
      };
      const views = makeViews();
      await collect();
      scribble(heap);
      for (const view of views) report(view.constructor.name + ':' + view.join());
      report(lost.join());
    `);
    expect(reported).toEqual([...expected, '']);
  });

  test('keeps the block alive if it was read long after the array was made, or after a resize', () => {
    const reported = run(`
      const heap = await createHeap(${options});
      const array = { current: heap.from(Uint16Array.of(1, 2, 3)), resized: heap.array(Uint8Array, 2) };
      await collect();
      const views = (() => {
        array.resized.resize(3);
        array.resized.view.set([4, 5, 6]);
        return [array.current.view, array.resized.view];
      })();
      array.current = array.resized = undefined;
      await collect();
      scribble(heap);
      for (const view of views) report(view.join());
      report(lost.join());
    `);
    expect(reported).toEqual(['1,2,3', '4,5,6', '']);
  });

  test('no longer keeps the block alive when it is lost, too', () => {
    const reported = run(`
      const heap = await createHeap(${options});
      let views = (() => {
        const arena = heap.arena({ bytes: 500 });
        return [heap.from(Uint16Array.of(1, 2, 3)).view, arena.array(Float32Array, 5).view];
      })();
      await collect();
      report([heap.stats().liveBlocks, lost.length]);
      views = undefined;
      await collect();
      report([heap.stats().liveBlocks, lost.sort().join()]);
      heap.check();
    `);
    expect(reported).toEqual([
      [2, 0],
      [0, 'Uint16Array3,Uint8Array500'],
    ]);
  });
});

test('views of many short-lived arrays keep no block alive', () => {
  const reported = run(`
    const heap = await createHeap({ onLeak });
    const arena = heap.arena({ bytes: 1 << 16 });
    for (let turn = 0; turn < 200; turn++) {
      for (let count = 0; count < 50; count++) {
        const array = heap.array(Float32Array, 16);
        array.view[0] = arena.array(Float64Array, 8).view.length;
        array.free();
      }
      arena.reset();
      await null;
    }
    await collect();
    report([heap.stats().liveBlocks, lost.join()]);
    arena.free(); // keeps the arena reachable until here
  `);
  expect(reported).toEqual([[1, '']]);
});
