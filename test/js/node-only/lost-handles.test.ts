// SPDX-License-Identifier: MIT
//
// Handles that are collected as garbage, in processes that can ask for that.

import { join } from 'node:path';
import { strategies } from 'lite-alloc';
import { describe, expect, test } from 'vitest';
import { runNode } from '../../support/consumer.js';
import { repository } from '../../support/sources.js';

const entry = join(repository, 'dist', 'index.js');

/**
 * Runs code in a process of its own, with `createHeap`, `collect`, which waits until what is lost is
 * found, and `tell`. Gives what it told, and what it wrote as warnings.
 */
function run(code: string): { told: unknown[]; warnings: string[] } {
  const program = `
    import { createHeap } from ${JSON.stringify(entry)};
    const told = [], warnings = [];
    const tell = (value) => told.push(value);
    console.warn = (text) => warnings.push(text);
    async function collect() {
      for (let round = 0; round < 5; round++) {
        await new Promise((resolve) => setTimeout(resolve, 1));
        gc();
      }
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    ${code}
    process.stdout.write(JSON.stringify({ told, warnings }));
  `;
  const output = runNode(repository, '--expose-gc', '--input-type=module', '--eval', program);
  return JSON.parse(output) as { told: unknown[]; warnings: string[] };
}

describe.each(strategies)('%s: a handle that is lost while it is alive', (strategy) => {
  const options = JSON.stringify({ strategy });

  test('is freed and told to onLeak, with all that is known of it', () => {
    const { told, warnings } = run(`
      const heap = await createHeap({ strategy: '${strategy}', onLeak: tell });
      const kept = heap.array(Float32Array, 10);
      const addresses = (() => [heap.array(Uint16Array, 100).address, heap.string('text €').address])();
      await collect();
      told.sort((left, right) => left.address - right.address);
      tell(addresses);
      tell([heap.stats().liveBlocks, kept.alive]);
      heap.check();
    `);
    const [first, second, addresses, counts] = told as [unknown, unknown, number[], unknown];
    expect([first, second]).toEqual(
      [
        { kind: 'Uint16Array', length: 100, byteLength: 200, address: addresses[0] },
        { kind: 'string', length: 8, byteLength: 8, address: addresses[1] },
      ].toSorted((left, right) => Number(left.address) - Number(right.address)),
    );
    expect(counts).toEqual([1, true]);
    expect(warnings).toEqual([]);
  });

  test('is a warning on the console where nobody else listens', () => {
    const { told, warnings } = run(`
      const heap = await createHeap(${options});
      tell((() => heap.array(Float64Array, 3).address)());
      await collect();
      tell(heap.stats().liveBlocks);
    `);
    expect(told[1]).toBe(0);
    expect(warnings).toEqual([
      `lite-alloc: a Float64Array(3) of 24 bytes at 0x${Number(told[0]).toString(16)} was collected as garbage, but never freed`,
    ]);
  });

  test('is found among many that were freed, and of many', () => {
    const { told } = run(`
      const heap = await createHeap({ strategy: '${strategy}', onLeak: ({ length }) => tell(length) });
      (() => {
        for (let count = 0; count < 5000; count++) {
          const array = heap.array(Uint8Array, 1 + count);
          if (count % 50 !== 0) array.free();
        }
      })();
      await collect();
      told.sort((left, right) => left - right);
      tell(heap.stats().liveBlocks);
    `);
    expect(told).toEqual([...Array.from({ length: 100 }, (_, index) => 1 + 50 * index), 0]);
  });

  test('is freed where it lies after it was resized', () => {
    const { told } = run(`
      const heap = await createHeap({ strategy: '${strategy}', onLeak: tell });
      const before = await (async () => {
        const array = heap.array(Uint8Array, 10);
        heap.malloc(10);
        await collect();
        array.resize(100_000);
        await collect();
        return array.address;
      })();
      await collect();
      tell([before, heap.stats().liveBlocks]);
    `);
    const [leak, [address, liveBlocks]] = told as [unknown, [number, number]];
    expect(leak).toEqual({ kind: 'Uint8Array', length: 100_000, byteLength: 100_000, address });
    expect(liveBlocks).toBe(1);
  });

  test('is an arena or an open scope, too', () => {
    const { told } = run(`
      const heap = await createHeap({ strategy: '${strategy}', onLeak: ({ length }) => tell(length) });
      (() => {
        heap.arena({ bytes: 500 }).array(Uint8Array, 10);
        heap.openScope().array(Uint8Array, 300);
      })();
      await collect();
      told.sort();
      tell(heap.stats().liveBlocks);
    `);
    expect(told).toEqual([300, 500, 0]);
  });

  test('keeps the arena alive that it lies in', () => {
    const { told } = run(`
      const heap = await createHeap({ strategy: '${strategy}', onLeak: tell });
      const array = (() => heap.arena({ bytes: 500 }).from(Uint8Array, [1, 2]))();
      await collect();
      tell([...array.view]);
    `);
    expect(told).toEqual([[1, 2]]);
  });

  test.each([
    ['was freed', 'array.free();'],
    ['was freed by its scope', 'scope.close();'],
    ['died with a reset', 'heap.reset();'],
    ['died with its heap', 'heap[Symbol.dispose ?? Symbol.for("Symbol.dispose")]();'],
  ])('is no leak where it %s, be it before or after the engine knew it', (_, end) => {
    for (const wait of ['', 'await collect();']) {
      const { told, warnings } = run(`
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
        // What lies there now must not be freed.
        if (!isDisposed) for (; live < 200; live++) heap.malloc(100);
        await collect();
        if (!isDisposed) { heap.check(); tell(heap.stats().liveBlocks - live); }
      `);
      expect(warnings).toEqual([]);
      expect(told.every((difference) => difference === 0)).toBe(true);
    }
  });

  test('whose raw address was freed by somebody is left alone', () => {
    const { told, warnings } = run(`
      const heap = await createHeap(${options});
      await (async () => {
        const array = heap.array(Uint8Array, 100);
        heap.malloc(16);
        await collect();
        heap.free(array.address);
      })();
      await collect();
      heap.check();
      tell(heap.stats().liveBlocks);
    `);
    expect(warnings).toEqual([]);
    expect(told).toEqual([1]);
  });

  test('keeps no process alive', () => {
    expect(
      run(`
        const heap = await createHeap(${options});
        for (let count = 0; count < 3000; count++) heap.array(Uint8Array, 1);
      `).warnings,
    ).toEqual([]);
  });
});

test('a handle of a heap that a newer one ended frees nothing, and is not reported', () => {
  const { told, warnings } = run(`
    const memory = new WebAssembly.Memory({ initial: 4 });
    const region = { memory, start: 0, end: 262144, onLeak: tell };
    const older = await createHeap(region);
    (() => { for (let count = 0; count < 10; count++) older.array(Uint8Array, 64); })();
    const newer = await createHeap(region);
    const live = Array.from({ length: 10 }, () => newer.array(Uint8Array, 64));
    await collect();
    tell([newer.stats().liveBlocks, live.every(({ alive }) => alive), older.strategy]);
  `);
  expect(told).toEqual([[10, true, 'segregated-fit']]);
  expect(warnings).toEqual([]);
});

test('neither heaps in regions nor their memories are kept from being collected', () => {
  const { told } = run(`
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
    tell([collected >= 10, memory.buffer.byteLength]);
  `);
  expect(told).toEqual([[true, 131072]]);
});
