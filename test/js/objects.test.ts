// SPDX-License-Identifier: MIT
//
// What heaps, handles, arenas, scopes, recorders and subscriptions have in common: named ways to end them, the shorthand
// for `using`, and marks for consoles and frameworks.

import { createHeap, type Heap } from 'lite-alloc';
import { beforeEach, describe, expect, test } from 'vitest';

/** The symbol that compilers look for on platforms without `using`. */
const dispose: typeof Symbol.dispose =
  Symbol.dispose ?? (Symbol.for('Symbol.dispose') as typeof Symbol.dispose);

let heap: Heap;
beforeEach(async () => {
  heap = await createHeap();
});

describe('what dispose of a `using` block does, the named call does, too:', () => {
  test.each<[string, (how: 'named' | 'shorthand') => boolean]>([
    [
      'heap.dispose',
      (how) => {
        const array = heap.array(Uint8Array, 1);
        how === 'named' ? heap.dispose() : heap[dispose]();
        return array.alive;
      },
    ],
    [
      'array.free',
      (how) => {
        const array = heap.array(Uint8Array, 1);
        how === 'named' ? array.free() : array[dispose]();
        return array.alive;
      },
    ],
    [
      'string.free',
      (how) => {
        const string = heap.string('text');
        how === 'named' ? string.free() : string[dispose]();
        return string.alive;
      },
    ],
    [
      'arena.free',
      (how) => {
        const arena = heap.arena({ bytes: 16 });
        how === 'named' ? arena.free() : arena[dispose]();
        return arena.alive;
      },
    ],
    [
      'scope.close',
      (how) => {
        const scope = heap.openScope();
        const array = scope.array(Uint8Array, 1);
        how === 'named' ? scope.close() : scope[dispose]();
        return array.alive;
      },
    ],
    [
      'recorder.stop',
      (how) => {
        const recorder = heap.record();
        how === 'named' ? recorder.stop() : recorder[dispose]();
        heap.malloc(1);
        return recorder.operations !== 0;
      },
    ],
    [
      'subscription.remove',
      (how) => {
        let called = false;
        const subscription = heap.onGrow(() => {
          called = true;
        });
        how === 'named' ? subscription.remove() : subscription[dispose]();
        heap.malloc(1 << 20);
        return called;
      },
    ],
  ])('%s', async (_, liveAfter) => {
    expect(liveAfter('named')).toBe(false);
    heap = await createHeap();
    expect(liveAfter('shorthand')).toBe(false);
  });
});

describe('objects are marked', () => {
  function makeObjects(): Record<string, object> {
    const recorder = heap.record();
    const snapshot = heap.snapshot();
    return {
      Heap: heap,
      HeapArray: heap.array(Uint8Array, 1),
      HeapString: heap.string('text'),
      Arena: heap.arena({ bytes: 8 }),
      Scope: heap.openScope(),
      Recorder: recorder,
      AllocationTrace: recorder.stop(),
      HeapSnapshot: snapshot,
      HeapDiff: snapshot.diff(snapshot),
    };
  }

  test('with the name of their class, which minifiers do not change', () => {
    for (const [name, object] of Object.entries(makeObjects())) {
      expect(Object.prototype.toString.call(object)).toBe(`[object ${name}]`);
    }
  });

  test('as objects that Vue does not wrap in a Proxy, without a property of their own', () => {
    for (const object of Object.values(makeObjects())) {
      expect(Reflect.get(object, '__v_skip')).toBe(true);
      expect(Object.keys(object)).not.toContain('__v_skip');
    }
  });

  test('so that String and JSON.stringify show them, alive and dead', () => {
    const objects = makeObjects();
    const show = (): void => {
      for (const object of Object.values(objects)) {
        if (object !== objects['HeapString']) expect(String(object)).toMatch(/\w/);
        expect(JSON.stringify(object)).toMatch(/^["{]/);
      }
      expect(String(objects['HeapArray'])).toMatch(/Uint8Array.*1.*0x/);
      expect(JSON.stringify(objects['HeapArray'])).toBe(`"${String(objects['HeapArray'])}"`);
    };
    show();
    heap.dispose();
    show();
    expect(String(objects['HeapArray'])).toContain('freed');
  });
});
