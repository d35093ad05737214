// SPDX-License-Identifier: MIT
//
// Handles that are garbage-collected while they are alive. The tests run in processes that can request a collection.

import { join } from 'node:path';
import { strategies } from 'lite-alloc';
import { describe, expect, test } from 'vitest';
import { runNode } from '../../support/consumer.js';
import { repository } from '../../support/sources.js';

const entry = join(repository, 'dist', 'index.js');

/**
 * Runs code in its own process, with `createHeap`, `report`, and `collect`, which waits until lost handles are
 * collected. Returns the reported values and the warnings on the console.
 */
function run(code: string): { reported: unknown[]; warnings: string[] } {
  const program = `
    import { createHeap } from ${JSON.stringify(entry)};
    const reported = [], warnings = [];
    const report = (value) => reported.push(value);
    console.warn = (text) => warnings.push(text);
    async function collect() {
      for (let round = 0; round < 5; round++) {
        await new Promise((resolve) => setTimeout(resolve, 1));
        gc();
      }
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    ${code}
    process.stdout.write(JSON.stringify({ reported, warnings }));
  `;
  const output = runNode(repository, '--expose-gc', '--input-type=module', '--eval', program);
  return JSON.parse(output) as { reported: unknown[]; warnings: string[] };
}

test('a frozen handle disturbs neither the free of others, nor their watch, nor dispose', () => {
  const { reported, warnings } = run(`
    const leaks = [];
    const heap = await createHeap({ onLeak: (leak) => leaks.push(leak.length) });
    const freed = heap.array(Uint8Array, 1);
    Object.freeze(heap.array(Uint8Array, 2));
    freed.free();
    (() => { heap.array(Uint8Array, 3); })();
    const kept = heap.array(Uint8Array, 4);
    report(kept.view.length);
    Object.freeze(kept);
    await collect();
    report(leaks);
    heap.dispose();
    report(heap.disposed ?? 'disposed');
  `);
  expect(reported.slice(0, 2)).toEqual([4, [3]]);
  expect(reported).toHaveLength(3);
  expect(warnings).toEqual([]);
});

describe.each(strategies)('%s: a handle that is lost while it is alive', (strategy) => {
  const options = JSON.stringify({ strategy });

  test('is freed and reported to onLeak with its kind, length, byte length and address', () => {
    const { reported, warnings } = run(`
      const heap = await createHeap({ strategy: '${strategy}', onLeak: report });
      const kept = heap.array(Float32Array, 10);
      const addresses = (() => [heap.array(Uint16Array, 100).address, heap.string('text €').address])();
      await collect();
      reported.sort((left, right) => left.address - right.address);
      report(addresses);
      report([heap.stats().liveBlocks, kept.alive]);
      heap.check();
    `);
    const [first, second, addresses, counts] = reported as [unknown, unknown, number[], unknown];
    expect([first, second]).toEqual(
      [
        { kind: 'Uint16Array', length: 100, byteLength: 200, address: addresses[0] },
        { kind: 'string', length: 8, byteLength: 8, address: addresses[1] },
      ].toSorted((left, right) => Number(left.address) - Number(right.address)),
    );
    expect(counts).toEqual([1, true]);
    expect(warnings).toEqual([]);
  });

  test('is reported as a warning on the console without onLeak', () => {
    const { reported, warnings } = run(`
      const heap = await createHeap(${options});
      report((() => heap.array(Float64Array, 3).address)());
      await collect();
      report(heap.stats().liveBlocks);
    `);
    expect(reported[1]).toBe(0);
    expect(warnings).toEqual([
      `lite-alloc: a Float64Array(3) of 24 bytes at 0x${Number(reported[0]).toString(16)} was collected as garbage, but never freed`,
    ]);
  });

  test('is found among thousands of handles that were freed', () => {
    const { reported } = run(`
      const heap = await createHeap({ strategy: '${strategy}', onLeak: ({ length }) => report(length) });
      (() => {
        for (let count = 0; count < 5000; count++) {
          const array = heap.array(Uint8Array, 1 + count);
          if (count % 50 !== 0) array.free();
        }
      })();
      await collect();
      reported.sort((left, right) => left - right);
      report(heap.stats().liveBlocks);
    `);
    expect(reported).toEqual([...Array.from({ length: 100 }, (_, index) => 1 + 50 * index), 0]);
  });

  test('is found when handles were freed in the order of their allocation, or the last one first', () => {
    const { reported } = run(`
      const heap = await createHeap({ strategy: '${strategy}', onLeak: ({ length }) => report(length) });
      (() => {
        const queue = [];
        for (let count = 0; count < 4000; count++) {
          queue.push(heap.array(Uint8Array, 1 + count));
          if (queue.length === 10) (count % 2 ? queue.shift() : queue.pop()).free();
        }
        for (const array of queue.splice(2)) array.free();
        globalThis.lengths = queue.map(({ length }) => length);
      })();
      await collect();
      report([reported.toSorted().join() === lengths.toSorted().join(), heap.stats().liveBlocks]);
    `);
    expect(reported.at(-1)).toEqual([true, 0]);
    expect(reported.length).toBe(3);
  });

  test('is found after it left a scope, as its result or by keep', () => {
    const { reported } = run(`
      const heap = await createHeap({ strategy: '${strategy}', onLeak: ({ length }) => report(length) });
      heap.scope((scope) => {
        for (let count = 0; count < 300; count++) scope.array(Float32Array, 100);
        scope.keep(scope.array(Uint8Array, 1));
        return scope.array(Uint8Array, 2);
      });
      await collect();
      report([reported.toSorted(), heap.stats().liveBlocks]);
    `);
    expect(reported.at(-1)).toEqual([[1, 2], 0]);
  });

  test('is freed at its new address after a resize', () => {
    const { reported } = run(`
      const heap = await createHeap({ strategy: '${strategy}', onLeak: report });
      const before = await (async () => {
        const array = heap.array(Uint8Array, 10);
        heap.malloc(10);
        await collect();
        array.resize(100_000);
        await collect();
        return array.address;
      })();
      await collect();
      report([before, heap.stats().liveBlocks]);
    `);
    const [leak, [address, liveBlocks]] = reported as [unknown, [number, number]];
    expect(leak).toEqual({ kind: 'Uint8Array', length: 100_000, byteLength: 100_000, address });
    expect(liveBlocks).toBe(1);
  });

  test('may be an arena or an array of an open scope', () => {
    const { reported } = run(`
      const heap = await createHeap({ strategy: '${strategy}', onLeak: ({ length }) => report(length) });
      (() => {
        heap.arena({ bytes: 500 }).array(Uint8Array, 10);
        heap.openScope().array(Uint8Array, 300);
      })();
      await collect();
      reported.sort();
      report(heap.stats().liveBlocks);
    `);
    expect(reported).toEqual([300, 500, 0]);
  });

  test('is not freed if it is an arena with an array that is still reachable', () => {
    const { reported } = run(`
      const heap = await createHeap({ strategy: '${strategy}', onLeak: report });
      const array = (() => heap.arena({ bytes: 500 }).from(Uint8Array, [1, 2]))();
      await collect();
      report([...array.view]);
    `);
    expect(reported).toEqual([[1, 2]]);
  });

  test.each([
    ['was freed', 'array.free();'],
    ['was freed by its scope', 'scope.close();'],
    ['died in a reset', 'heap.reset();'],
    ['died with its heap', 'heap.dispose();'],
  ])('is not reported if it %s, before or after it was registered with the engine', (_, end) => {
    for (const wait of ['', 'await collect();']) {
      const { reported, warnings } = run(`
        const heap = await createHeap(${options});
        const address = await (async () => {
          const scope = heap.openScope();
          const array = scope.array(Uint8Array, 100);
          ${wait}
          ${end}
          return array.address;
        })();
        const isDisposed = String(heap).includes('disposed');
        let live = 0;
        // New blocks at the address must not be freed.
        if (!isDisposed) for (; live < 200; live++) heap.malloc(100);
        await collect();
        if (!isDisposed) { heap.check(); report(heap.stats().liveBlocks - live); }
      `);
      expect(warnings).toEqual([]);
      expect(reported.every((difference) => difference === 0)).toBe(true);
    }
  });

  test('is not reported if other code freed its raw address', () => {
    const { reported, warnings } = run(`
      const heap = await createHeap(${options});
      await (async () => {
        const array = heap.array(Uint8Array, 100);
        heap.malloc(16);
        await collect();
        heap.free(array.address);
      })();
      await collect();
      heap.check();
      report(heap.stats().liveBlocks);
    `);
    expect(warnings).toEqual([]);
    expect(reported).toEqual([1]);
  });

  test.each([
    ['before it was registered', ''],
    ['after it was registered', 'await collect();'],
    ['and its view was read before it was lost', 'await collect(); array.view;'],
  ])('does not free a new block at its address if its raw address was freed %s', (_, wait) => {
    const { reported, warnings } = run(`
      const heap = await createHeap(${options});
      heap.malloc(16);
      const address = await (async () => {
        const array = heap.array(Uint8Array, 64);
        ${wait.replace('array.view;', '')}
        heap.free(array.address);
        ${wait.includes('view') ? 'try { array.view; report(array.view.length); } catch (error) { report(error.code); }' : ''}
        return array.address;
      })();
      const blocks = [];
      while (blocks.at(-1) !== address) blocks.push(heap.malloc(64));
      await collect();
      report(heap.stats().liveBlocks - 1 - blocks.length);
      heap.check();
      for (const block of blocks) heap.free(block);
    `);
    expect(warnings).toEqual([]);
    expect(reported).toEqual(wait.includes('view') ? ['USE_AFTER_FREE', 0] : [0]);
  });

  test('does not free a new handle at its address if its raw address was freed', () => {
    const { reported } = run(`
      const heap = await createHeap({ strategy: '${strategy}', onLeak: report });
      heap.malloc(16);
      const address = await (async () => {
        const array = heap.array(Uint8Array, 64);
        await collect();
        heap.free(array.address);
        return array.address;
      })();
      const handles = [];
      while (handles.at(-1)?.address !== address) handles.push(heap.array(Uint8Array, 64));
      await collect();
      report(handles.every(({ alive }) => alive));
      for (const handle of handles) handle.free();
      report(heap.stats().liveBlocks);
    `);
    expect(reported).toEqual([true, 1]);
  });

  test('is neither freed nor reported after a trap', () => {
    const { reported, warnings } = run(`
      const heap = await createHeap(${options});
      await (async () => {
        const array = heap.array(Uint8Array, 64);
        await collect();
        heap.u8.fill(255, 16);
        try { heap.malloc(24); } catch (error) { report(error.code); }
      })();
      await collect();
    `);
    expect(reported).toEqual(['HEAP_CORRUPTION']);
    expect(warnings).toEqual([]);
  });

  test('does not keep the process alive', () => {
    expect(
      run(`
        const heap = await createHeap(${options});
        for (let count = 0; count < 3000; count++) heap.array(Uint8Array, 1);
      `).warnings,
    ).toEqual([]);
  });
});

describe('warnings about many lost handles', () => {
  const ending = 'collected as garbage, but never freed';

  test.each([
    '',
    'await collect();',
  ])('are five in full and the sum after each collection that makes it ten times as large', (wait) => {
    const { warnings } = run(`
        const heap = await createHeap({ maximumBytes: 1 << 30 });
        for (let round = 0; round < 8; round++) {
          (() => { for (let count = 0; count < 10_000; count++) heap.array(Float32Array, 4); })();
          ${wait}
        }
        await collect();
        heap.malloc(1); // keeps the heap reachable until here
      `);
    expect(warnings.slice(0, 5)).toEqual(
      new Array(5).fill(
        expect.stringMatching(
          `^lite-alloc: a Float32Array\\(4\\) of 16 bytes at 0x[0-9a-f]+ was ${ending}$`,
        ),
      ),
    );
    const sums = wait === '' ? [80_000] : [10_000];
    expect(warnings.slice(5)).toEqual(
      sums.map((sum) => `lite-alloc: ${sum} handles so far were ${ending}`),
    );
  });

  test('count the handles of all heaps together', () => {
    const { warnings } = run(`
      const heaps = [await createHeap(), await createHeap(), await createHeap()];
      (() => { for (const heap of heaps) for (let count = 0; count < 3; count++) heap.string('text'); })();
      await collect();
      report(heaps.map((heap) => heap.stats().liveBlocks));
    `);
    expect(warnings).toHaveLength(6);
    // The engine reports the handles of each heap in a task of its own.
    expect(warnings[5]).toMatch(/^lite-alloc: [6-9] handles so far were /);
  });

  test.each([
    ['in the same collection as its handles', 16, 5000, ''],
    // Few handles, so that the engine collects only when it is asked to.
    ['in the collection after that of its handles', 1, 20, 'await tick(); gc();'],
  ])('do not appear for a heap that is garbage itself, %s', (_, rounds, handles, wait) => {
    const { warnings, reported } = run(`
      let collected = 0;
      const registry = new FinalizationRegistry(() => collected++);
      const tick = () => new Promise((resolve) => setTimeout(resolve, 1));
      for (let round = 0; round < ${rounds}; round++) {
        let heap = await createHeap();
        registry.register(heap, 0);
        (() => { for (let count = 0; count < ${handles}; count++) heap.array(Float32Array, 4); })();
        ${wait}
        heap = undefined;
      }
      await collect();
      report(collected);
    `);
    expect(warnings).toEqual([]);
    expect(reported).toEqual([rounds]);
  });

  test('do not replace the calls of onLeak: it gets every handle', () => {
    const { warnings, reported } = run(`
      let calls = 0;
      const heap = await createHeap({ onLeak: () => calls++ });
      (() => { for (let count = 0; count < 5000; count++) heap.array(Float32Array, 4); })();
      await collect();
      report([calls, heap.stats().liveBlocks]);
    `);
    expect(warnings).toEqual([]);
    expect(reported).toEqual([[5000, 0]]);
  });
});

test('a lost handle of a heap that a newer heap replaced frees nothing and is not reported', () => {
  const { reported, warnings } = run(`
    const memory = new WebAssembly.Memory({ initial: 4 });
    const region = { memory, start: 0, end: 262144, onLeak: report };
    const older = await createHeap(region);
    (() => { for (let count = 0; count < 10; count++) older.array(Uint8Array, 64); })();
    const newer = await createHeap(region);
    const live = Array.from({ length: 10 }, () => newer.array(Uint8Array, 64));
    await collect();
    report([newer.stats().liveBlocks, live.every(({ alive }) => alive), older.strategy]);
  `);
  expect(reported).toEqual([[10, true, 'segregated-fit']]);
  expect(warnings).toEqual([]);
});

test('heaps in regions and their memories are garbage-collected', () => {
  const { reported } = run(`
    let collected = 0;
    const registry = new FinalizationRegistry(() => collected++);
    for (let count = 0; count < 5; count++) {
      const memory = new WebAssembly.Memory({ initial: 2 });
      registry.register(memory, 'memory');
      registry.register(await createHeap({ memory, start: 0, end: 131072 }), 'heap');
    }
    const memory = new WebAssembly.Memory({ initial: 2 });
    for (let count = 0; count < 5; count++) {
      registry.register(await createHeap({ memory, start: 0, end: 131072 }), 'heap');
    }
    await collect();
    await collect();
    report([collected >= 10, memory.buffer.byteLength]);
  `);
  expect(reported).toEqual([[true, 131072]]);
});
