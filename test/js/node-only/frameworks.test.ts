// SPDX-License-Identifier: MIT
//
// Heaps and their objects inside the state libraries that wrap objects in proxies, and behind Comlink. The entry is that
// of pages, where these libraries run.

import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import * as Comlink from 'comlink';
import type * as Package from 'lite-alloc';
import { makeAutoObservable, observable, toJS } from 'mobx';
import { createPinia, defineStore, setActivePinia } from 'pinia';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import {
  computed,
  nextTick,
  reactive,
  readonly,
  ref,
  shallowReactive,
  shallowRef,
  watch,
} from 'vue';
import { repository } from '../../support/sources.js';

let createHeap: typeof Package.createHeap;
beforeAll(async () => {
  const entry = pathToFileURL(join(repository, 'dist', 'index.js')).href;
  ({ createHeap } = (await import(entry)) as typeof Package);
});

async function makeObjects() {
  const heap = await createHeap();
  const snapshot = heap.snapshot();
  return {
    heap,
    array: heap.array(Float32Array, 2),
    string: heap.string('text'),
    arena: heap.arena({ bytes: 64 }),
    scope: heap.openScope(),
    recorder: heap.record(),
    trace: heap.record().stop(),
    snapshot,
    diff: snapshot.diff(heap.snapshot()),
  };
}

type Objects = Awaited<ReturnType<typeof makeObjects>>;

/** Uses and ends every object; a private member that is read through a Proxy would throw. */
function useAll({ heap, array, string, arena, scope, recorder, ...data }: Objects): void {
  heap.free(heap.malloc(8));
  expect(heap.stats().liveBlocks).toBeGreaterThan(0);
  array.resize(3);
  array.view[2] = 1.5;
  expect(array.slice()[2]).toBe(1.5);
  expect(String(string)).toBe('text');
  expect(arena.array(Uint8Array, 4).view).toHaveLength(4);
  const address = scope.malloc(8);
  expect(scope.keep(address)).toBe(address);
  expect(recorder.stop().operations).toBeGreaterThan(0);
  expect(data.trace.operations).toBe(0);
  expect(data.snapshot.diff(heap.snapshot()).added.length).toBeGreaterThan(0);
  expect(String(data.diff)).toContain('blocks added');
  for (const text of [heap, array, arena, scope].map((object) => JSON.stringify(object))) {
    expect(text).toMatch(/./);
  }
  array.free();
  string.free();
  arena.free();
  scope.close();
  heap.dispose();
}

/** Wraps each object on its own. */
function mapObjects(objects: Objects, wrap: (object: object) => unknown): Objects {
  return Object.fromEntries(
    Object.entries(objects).map(([name, object]) => [name, wrap(object)]),
  ) as Objects;
}

type Holders = readonly (readonly [string, (objects: Objects) => unknown])[];

describe('objects are the same and work when they are held', () => {
  const ofVue: Holders = [
    ['in reactive of Vue', (objects) => reactive(objects)],
    ['in readonly of Vue', (objects) => readonly(objects)],
    ['in shallowReactive of Vue', (objects) => shallowReactive(objects)],
    ['in ref of Vue', (objects) => ref(objects).value],
    ['in a ref of Vue each', (objects) => mapObjects(objects, (object) => ref(object).value)],
    ['in a shallowRef of Vue each', (objects) => mapObjects(objects, (o) => shallowRef(o).value)],
    ['as reactive of Vue each', (objects) => mapObjects(objects, (object) => reactive(object))],
    ['in computed of Vue', (objects) => reactive({ all: computed(() => objects) }).all],
  ];
  const ofMobx: Holders = [
    ['in observable of MobX', (objects) => observable(objects)],
    [
      'in a box of MobX each',
      (objects) => mapObjects(objects, (object) => observable.box(object, { deep: true }).get()),
    ],
    ['in toJS of MobX', (objects) => toJS(observable(objects))],
    [
      'in a store of MobX made by makeAutoObservable',
      (objects) => makeAutoObservable({ ...objects }),
    ],
  ];
  test.each([...ofVue, ...ofMobx])('%s', async (_, hold) => {
    const objects = await makeObjects();
    const held = hold(objects) as Objects;
    for (const [name, object] of Object.entries(objects)) {
      expect(held[name as keyof Objects] === object, name).toBe(true);
    }
    useAll(held);
  });
});

test('a deep watch of Vue does not look into the objects', async () => {
  const objects = await makeObjects();
  const state = reactive({ count: 0, objects });
  let calls = 0;
  watch(state, () => calls++, { deep: true });
  state.count++;
  await nextTick();
  expect(calls).toBe(1);
  useAll(state.objects as Objects);
});

describe('a store of Pinia', () => {
  beforeEach(() => setActivePinia(createPinia()));
  afterEach(() => setActivePinia(undefined));

  test('holds the objects in its state', async () => {
    const objects = await makeObjects();
    const store = defineStore('options', { state: () => ({ ...objects, count: 0 }) })();
    store.$subscribe(() => undefined, { deep: true });
    store.count++;
    await nextTick();
    for (const [name, object] of Object.entries(objects)) {
      expect(store[name as keyof Objects] === object, name).toBe(true);
    }
    useAll(store as unknown as Objects);
  });

  test('holds the objects in refs of a setup store', async () => {
    const objects = await makeObjects();
    const store = defineStore('setup', () => mapObjects(objects, (object) => ref(object)))();
    expect(store.heap === objects.heap).toBe(true);
    useAll(store as unknown as Objects);
  });

  test('replaces objects by $patch, and does not merge one into the other', async () => {
    const [older, newer] = [await makeObjects(), await makeObjects()];
    const store = defineStore('patched', { state: () => ({ ...older }) })();
    store.$patch({ ...newer } as never);
    for (const [name, object] of Object.entries(newer)) {
      expect(store[name as keyof Objects] === object, name).toBe(true);
    }
    useAll(older);
    useAll(newer);
  });
});

describe('Comlink', () => {
  const ports: MessagePort[] = [];
  afterEach(() => {
    for (const port of ports.splice(0)) port.close();
  });

  function connect(api: object): Comlink.Remote<Record<string, (...values: unknown[]) => unknown>> {
    const { port1, port2 } = new MessageChannel();
    ports.push(port1, port2);
    Comlink.expose(api, port1);
    return Comlink.wrap(port2);
  }

  test('exposes a heap, whose calls with plain results work', async () => {
    const heap = await createHeap();
    const remote = connect(heap);
    const address = await remote['malloc']?.(64);
    expect(heap.stats().liveBlocks).toBe(1);
    expect(await remote['stats']?.()).toEqual(heap.stats());
    await remote['free']?.(address);
    expect(heap.stats().liveBlocks).toBe(0);
    await remote['dispose']?.();
    await expect(remote['malloc']?.(1)).rejects.toThrow('the heap was disposed');
  });

  test('passes a heap, array and arena as proxies', async () => {
    const heap = await createHeap();
    const remote = connect({
      heap: () => Comlink.proxy(heap),
      array: () => Comlink.proxy(heap.from(Uint8Array.of(1, 2, 3))),
      arena: () => Comlink.proxy(heap.arena({ bytes: 32 })),
    }) as unknown as Record<string, () => Promise<Comlink.Remote<Package.HeapArray<Uint8Array>>>>;
    const array = await remote['array']?.();
    expect([...((await array?.slice()) ?? [])]).toEqual([1, 2, 3]);
    await array?.free();
    expect(await array?.alive).toBe(false);
    const arena = await remote['arena']?.();
    await arena?.free();
    expect(heap.stats().liveBlocks).toBe(0);
    expect(await (await remote['heap']?.())?.toString()).toContain('segregated-fit: 0 blocks');
  });

  test('refuses to copy or transfer objects, with an error that says what to post', async () => {
    const { heap, array, string, arena, scope, recorder } = await makeObjects();
    const remote = connect({ take: () => undefined, give: () => array });
    for (const object of [heap, array, string, arena, scope, recorder]) {
      await expect(remote['take']?.(object)).rejects.toThrow(/post array.slice\(\)/);
    }
    await expect(remote['take']?.(Comlink.transfer(array, [array as never]))).rejects.toThrow();
    // Comlink replaces the error about a result by one of its own.
    await expect(remote['give']?.()).rejects.toThrow('Unserializable return value');
  });
});
