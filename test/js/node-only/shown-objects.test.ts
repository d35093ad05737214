// SPDX-License-Identifier: MIT

import { inspect } from 'node:util';
import { createHeap, type Heap, HeapCorruptionError, strategies } from 'lite-alloc';
import { createHeap as createInlineHeap } from 'lite-alloc/inline';
import { beforeEach, describe, expect, test } from 'vitest';

describe.each([
  ['lite-alloc', createHeap],
  ['lite-alloc/inline', createInlineHeap],
])('the console and JSON.stringify show objects of %s:', (_, create) => {
  let heap: Heap;
  beforeEach(async () => {
    heap = await create();
  });

  function shown(object: object): string {
    const text = inspect(object);
    expect(JSON.stringify({ object })).toBe(JSON.stringify({ object: text }));
    expect(inspect([object])).toContain(text);
    const hasOwnText = /^Heap(?:String)?\(/.test(text);
    if (!hasOwnText) expect(String(object)).toBe(text);
    return text;
  }

  test('a handle, alive and dead', () => {
    const array = heap.array(Float32Array, 1000);
    const string = heap.string('é');
    const [arrayPlace, stringPlace] = [array, string].map((handle) => handle.address.toString(16));
    expect(shown(array)).toBe(`HeapArray(Float32Array, 1000) @ 0x${arrayPlace}`);
    expect(shown(string)).toBe(`HeapString(2 bytes) @ 0x${stringPlace}`);
    array.free();
    heap.reset();
    expect(shown(array)).toBe(`HeapArray(Float32Array, 1000) @ 0x${arrayPlace}, freed`);
    expect(shown(string)).toBe(`HeapString(2 bytes) @ 0x${stringPlace}, freed`);
  });

  test('an arena, alive and dead', () => {
    const arena = heap.arena({ bytes: 100 });
    arena.malloc(10);
    expect(shown(arena)).toBe('Arena(10 of 100 bytes used)');
    arena.free();
    expect(shown(arena)).toBe('Arena(10 of 100 bytes used), freed');
  });

  test('a scope, open and closed', () => {
    const scope = heap.openScope();
    expect(shown(scope)).toBe('Scope');
    scope.close();
    expect(shown(scope)).toBe('Scope(closed)');
  });

  test('a recorder and a trace', () => {
    const recorder = heap.record({ maximumOperations: 1 });
    heap.malloc(8);
    expect(shown(recorder)).toBe('Recorder(1 operations)');
    heap.malloc(8);
    expect(shown(recorder.stop())).toBe('AllocationTrace(1 operations, truncated)');
  });

  test.each(strategies)('a heap of %s, alive and disposed', async (strategy) => {
    heap = await create({ strategy });
    heap.malloc(16);
    expect(shown(heap)).toMatch(
      new RegExp(
        `^Heap\\(${strategy}, 1 live blocks of \\d+ bytes, ${heap.memory.buffer.byteLength} bytes of memory\\)$`,
      ),
    );
    heap.dispose();
    expect(shown(heap)).toBe(`Heap(${strategy}, the heap was disposed)`);
  });

  test.each(
    strategies,
  )('the difference of snapshots of %s as a list of blocks', async (strategy) => {
    heap = await create({ strategy });
    const gone = heap.malloc(1000);
    heap.malloc(16);
    const before = heap.snapshot();
    heap.free(gone);
    const address = heap.malloc(50_000);
    const diff = before.diff(heap.snapshot());
    const [added, removed] = [diff.added[0], diff.removed[0]];
    expect(String(diff).split('\n')).toEqual([
      `1 blocks added, 1 removed: +${diff.liveBytes} bytes live, +0 bytes of memory`,
      `+ 0x${address.toString(16)} ${added?.size} bytes`,
      `- 0x${gone.toString(16)} ${removed?.size} bytes`,
    ]);
    for (let count = 0; count < 1000; count++) heap.malloc(600);
    const lines = String(before.diff(heap.snapshot())).split('\n');
    expect(lines).toHaveLength(23);
    expect(lines.at(-2)).toBe('+ and 981 more');
  });

  test('dead objects of a disposed or corrupted heap', async () => {
    for (const kill of [
      () => heap.dispose(),
      () => {
        heap.u8.fill(255, 16, 60_000);
        expect(() => heap.malloc(24)).toThrow(HeapCorruptionError);
      },
    ]) {
      heap = await create();
      const objects = [
        heap.array(Uint8Array, 1),
        heap.string('text'),
        heap.arena({ bytes: 8 }),
        heap.openScope(),
        heap.record(),
        heap,
      ];
      kill();
      expect(objects.map((object) => shown(object).replace(/\W.*/, ''))).toEqual([
        'HeapArray',
        'HeapString',
        'Arena',
        'Scope',
        'Recorder',
        'Heap',
      ]);
    }
  });

  test('prototypes, and objects behind a Proxy, by their class', () => {
    for (const object of [heap, heap.array(Uint8Array, 1), heap.arena({ bytes: 1 })]) {
      expect(inspect(Object.create(object))).toContain(object[Symbol.toStringTag as never]);
      expect(JSON.stringify(new Proxy(object, {}))).toContain(object[Symbol.toStringTag as never]);
      expect(inspect(Object.getPrototypeOf(object))).toContain(object[Symbol.toStringTag as never]);
    }
  });

  test('the class that Object.prototype.toString names', () => {
    const tags = [heap, heap.array(Int8Array, 1), heap.string(''), heap.arena({ bytes: 1 })].map(
      (object) => Object.prototype.toString.call(object),
    );
    expect(tags).toEqual([
      '[object Heap]',
      '[object HeapArray]',
      '[object HeapString]',
      '[object Arena]',
    ]);
  });
});
