// SPDX-License-Identifier: MIT

import {
  createHeap,
  createHeapSync,
  DoubleFreeError,
  type Heap,
  InvalidFreeError,
  OutOfMemoryError,
  strategies,
  UseAfterFreeError,
  WasmLoadError,
} from 'lite-alloc';
import { beforeAll, describe, expect, inject, test } from 'vitest';
import { packagedWasmUrl } from '../support/host.js';
import { Random, runSteps } from '../support/random.js';
import { type ShadowBlock, ShadowHeap } from '../support/shadow-heap.js';
import { describeStrategies } from '../support/strategies.js';

const page = 65536;
const seed = inject('seed');

/** The memory of another module: bytes that a heap must leave alone. */
class ForeignMemory {
  readonly memory: WebAssembly.Memory;
  readonly #regions: (readonly [start: number, end: number])[] = [];

  constructor(pages: number) {
    this.memory = new WebAssembly.Memory({ initial: pages, maximum: 4 * pages });
    this.#fill(0);
  }

  openHeap(start: number, end: number, options: Parameters<typeof createHeap>[0]): Promise<Heap> {
    this.#regions.push([start, end]);
    return createHeap({ ...options, memory: this.memory, start, end });
  }

  grow(pages: number): void {
    const begin = this.memory.buffer.byteLength;
    this.memory.grow(pages);
    this.#fill(begin);
  }

  /** Returns the first byte outside of all regions that has changed, or undefined. */
  findChangedByte(): number | undefined {
    const bytes = new Uint8Array(this.memory.buffer);
    for (let place = 0; place < bytes.length; place++) {
      const region = this.#regions.find(([start, end]) => start <= place && place < end);
      if (region !== undefined) place = region[1] - 1;
      else if (bytes[place] !== canaryAt(place)) return place;
    }
    return undefined;
  }

  #fill(begin: number): void {
    const bytes = new Uint8Array(this.memory.buffer);
    for (let place = begin; place < bytes.length; place++) bytes[place] = canaryAt(place);
  }
}

function canaryAt(place: number): number {
  return (place * 31 + 7) % 251;
}

/** Makes random calls on a heap and checks contents and alignment. */
class Load {
  readonly #heap: Heap;
  readonly #random: Random;
  readonly #shadow: ShadowHeap;
  readonly #blocks: ShadowBlock[] = [];
  refused = 0;

  constructor(heap: Heap, random: Random) {
    this.#heap = heap;
    this.#random = random;
    this.#shadow = new ShadowHeap(heap.memory);
  }

  step(): void {
    const random = this.#random;
    const size = random.below(2 ** (2 + random.below(11)));
    const place = random.below(this.#blocks.length);
    const block = this.#blocks[place];
    if (block === undefined || random.oneIn(2)) {
      const alignment = random.oneIn(5) ? 2 ** random.below(9) : 1;
      this.#attempt(() => {
        const address = this.#heap.memalign(alignment, size);
        this.#blocks.push(this.#shadow.add(address, size, alignment));
      });
    } else if (random.oneIn(4)) {
      this.#attempt(() => {
        const address = this.#heap.realloc(block.address, size);
        this.#blocks[place] = this.#shadow.resize(block, address, size);
      });
    } else {
      this.#shadow.remove(block);
      this.#heap.free(block.address);
      this.#blocks.splice(place, 1);
    }
  }

  check(): void {
    this.#shadow.verifyAll();
    this.#heap.check();
    expect(this.#heap.stats().liveBlocks).toBe(this.#blocks.length);
  }

  #attempt(action: () => void): void {
    try {
      action();
    } catch (error) {
      if (!(error instanceof OutOfMemoryError)) throw error;
      this.refused++;
    }
  }
}

describeStrategies((strategy) => {
  describe('a heap in the memory of another module', () => {
    test.each([
      [70_001, 300_003],
      [65_536, 131_072],
      [1, 20_000],
      [8 * page - 30_000, 8 * page],
    ])('changes no byte outside of [%i, %i) in random calls, even when it is full', async (start, end) => {
      const foreign = new ForeignMemory(8);
      const heap = await foreign.openHeap(start, end, { strategy });
      const load = new Load(heap, new Random(seed));
      runSteps(seed, 5000, (index) => {
        load.step();
        if (index % 500 === 0) load.check();
      });
      load.check();
      expect(load.refused).toBeGreaterThan(0);
      expect(foreign.findChangedByte()).toBeUndefined();
      expect(foreign.memory.buffer.byteLength).toBe(8 * page);
    });

    test('allocates blocks only in its region', async () => {
      const foreign = new ForeignMemory(2);
      const heap = await foreign.openHeap(1000, 60_000, { strategy });
      for (let address = heap.tryMalloc(100); address !== 0; address = heap.tryMalloc(100)) {
        expect(address).toBeGreaterThan(1000);
        expect(address + 100).toBeLessThanOrEqual(60_000);
      }
      expect(heap.stats().liveBlocks).toBeGreaterThan(300);
      for (const { address, size } of heap.blocks()) {
        expect(address).toBeGreaterThanOrEqual(1000);
        expect(address + size).toBeLessThanOrEqual(60_000);
      }
      expect(foreign.findChangedByte()).toBeUndefined();
    });

    test('throws OutOfMemoryError with the size of the region when it is full, and stays usable', async () => {
      const foreign = new ForeignMemory(2);
      const heap = await foreign.openHeap(16, 16 + 50_000, { strategy });
      expect(() => heap.malloc(60_000)).toThrow(OutOfMemoryError);
      expect(() => heap.malloc(60_000)).toThrow(/memory has 50000 bytes/);
      expect(heap.stats()).toMatchObject({
        memoryBytes: 50_000,
        maximumBytes: 50_000,
        failures: 2,
      });
      heap.free(heap.malloc(30_000));
      heap.check();
    });

    test('keeps views, handles and listeners working when the owner grows memory', async () => {
      const foreign = new ForeignMemory(2);
      const heap = await foreign.openHeap(page, 2 * page, { strategy });
      const array = heap.from(new Float64Array([1, 2, 3]));
      const growths: number[][] = [];
      heap.onGrow((...sizes) => growths.push(sizes));
      foreign.grow(3);
      expect(array.view[2]).toBe(3);
      expect(heap.u8.length).toBe(5 * page);
      array.resize(1000);
      expect(array.view.slice(0, 3)).toEqual(new Float64Array([1, 2, 3]));
      expect(growths).toEqual([[5 * page, 2 * page]]);
      expect(heap.tryMalloc(2 * page)).toBe(0);
      array.free();
      heap.check();
      expect(foreign.findChangedByte()).toBeUndefined();
    });

    test('refuses addresses of an earlier heap in the same region', async () => {
      const foreign = new ForeignMemory(2);
      const first = await foreign.openHeap(0, 2 * page, { strategy });
      const addresses = [10, 100, 1000, 10_000].map((size) => first.malloc(size));
      const second = await foreign.openHeap(0, 2 * page, { strategy });
      for (const address of addresses) {
        expect(() => second.free(address)).toThrow(InvalidFreeError);
        expect(() => second.usableSize(address)).toThrow(InvalidFreeError);
      }
      expect(second.stats().liveBlocks).toBe(0);
      second.check();
    });

    test('detects invalid frees, and is empty after a reset', async () => {
      const foreign = new ForeignMemory(2);
      const heap = await foreign.openHeap(0, 2 * page, { strategy });
      const address = heap.malloc(50);
      heap.free(address);
      expect(() => heap.free(address)).toThrow(DoubleFreeError);
      expect(() => heap.free(page + 8)).toThrow(InvalidFreeError);
      heap.malloc(100);
      heap.reset();
      expect(heap.stats().liveBlocks).toBe(0);
      heap.check();
    });

    test('may be a debug heap', async () => {
      const foreign = new ForeignMemory(2);
      const heap = await foreign.openHeap(0, page, { strategy, debug: true });
      const address = heap.malloc(50);
      expect(heap.leaks()).toHaveLength(1);
      heap.free(address);
      expect(() => heap.free(address)).toThrow(DoubleFreeError);
      expect(foreign.findChangedByte()).toBeUndefined();
    });
  });
});

test('heaps of all strategies live side by side in one memory', async () => {
  const foreign = new ForeignMemory(10);
  const heaps = await Promise.all(
    strategies.map((strategy, index) =>
      foreign.openHeap(5000 + index * 100_000, 105_000 + index * 100_000, { strategy }),
    ),
  );
  const loads = heaps.map((heap, index) => new Load(heap, new Random(seed + index)));
  runSteps(seed, 4000, () => {
    for (const load of loads) load.step();
  });
  for (const load of loads) load.check();
  expect(foreign.findChangedByte()).toBeUndefined();
});

describe('one live heap for each byte of memory', () => {
  const newer = 2 * page;
  function open(memory: WebAssembly.Memory, start: number, end: number, options = {}) {
    return createHeap({ ...options, memory, start, end });
  }

  test.each([
    ['the same bytes', 0, newer],
    ['a part at the start', 0, page],
    ['a part in the middle', 20_000, page],
    ['one byte at the end', newer - 1, 4 * page],
    ['one byte at the start', page, page + 50_000],
    ['more on both sides', 0, 4 * page],
  ])('a newer heap over %s makes the older heap unusable', async (_name, start, end) => {
    const memory = new WebAssembly.Memory({ initial: 4 });
    const [oldStart, oldEnd] = start === page ? [20_000, page + 1] : [0, newer];
    const older = await open(memory, oldStart, oldEnd);
    const array = older.from(Float64Array.of(1, 2));
    const scope = older.openScope();
    const scoped = scope.array(Uint8Array, 100);
    const raw = older.malloc(10);
    const arena = older.arena({ bytes: 1000 });
    const heap = await open(memory, start, end);
    const blocks = Array.from({ length: 20 }, () => heap.from(Uint8Array.of(1, 2, 3)));

    const reason = `a newer heap took bytes ${start} to ${end} of this memory`;
    for (const call of [
      () => older.malloc(1),
      () => older.free(raw),
      () => older.realloc(raw, 100),
      () => older.stats(),
      () => older.check(),
      () => older.reset(),
      () => older.u8,
      () => older.memory,
      () => older.record(),
      () => older.onGrow(() => {}),
    ]) {
      expect(call).toThrow(UseAfterFreeError);
      expect(call).toThrow(reason);
    }
    expect(array.alive || scoped.alive || arena.alive).toBe(false);
    expect(() => array.view).toThrow(UseAfterFreeError);
    array.free();
    scope.close();
    older.dispose();
    expect(() => older.malloc(1)).toThrow(reason);

    expect(heap.stats().liveBlocks).toBe(20);
    expect(blocks.every((block) => block.view.join() === '1,2,3')).toBe(true);
    heap.check();
  });

  test('heaps side by side, in other memories, and over disposed heaps do not affect each other', async () => {
    const memory = new WebAssembly.Memory({ initial: 4 });
    const left = await open(memory, 0, page);
    const right = await open(memory, page, newer);
    const elsewhere = await open(new WebAssembly.Memory({ initial: 4 }), 0, newer);
    const disposed = await open(memory, newer, 3 * page);
    disposed.dispose();
    const again = await open(memory, newer, 3 * page);
    for (const heap of [left, right, elsewhere, again]) heap.free(heap.malloc(100));
    expect(() => disposed.malloc(1)).toThrow('the heap was disposed');
  });

  test('a heap that cannot be made leaves the older heap usable', async () => {
    const memory = new WebAssembly.Memory({ initial: 4 });
    const heap = await open(memory, 0, newer);
    const address = heap.malloc(100);
    heap.u8[address] = 42;
    await expect(open(memory, 0, 100)).rejects.toThrow(RangeError);
    await expect(open(memory, 0, 99 * page)).rejects.toThrow(RangeError);
    await expect(open(memory, 0, page, { wasm: packagedWasmUrl })).rejects.toThrow(WasmLoadError);
    expect(heap.u8[address]).toBe(42);
    heap.free(address);
  });

  test('a newer heap makes an older debug heap with a recorder unusable, too', async () => {
    const memory = new WebAssembly.Memory({ initial: 4 });
    const older = await open(memory, 0, newer, { debug: true });
    const recorder = older.record();
    const address = older.malloc(10);
    await open(memory, 0, newer, { debug: true });
    expect(() => older.free(address)).toThrow(/a newer heap took bytes/);
    expect(() => older.leaks()).toThrow(UseAfterFreeError);
    recorder.stop();
  });
});

describe('options of a heap in a region', () => {
  const memory = new WebAssembly.Memory({ initial: 2, maximum: 4 });
  const region = { memory, start: 0, end: page };

  test.each<[string, object, RegExp, ErrorConstructor]>([
    [
      'an object that is not a memory',
      { ...region, memory: {} },
      /memory must be .* got Object \(object\)/,
      TypeError,
    ],
    ['a missing start', { memory, end: 100 }, /start must be a number, got undefined/, TypeError],
    ['a missing end', { memory, start: 0 }, /end must be a number, got undefined/, TypeError],
    [
      'a start that is not an integer',
      { ...region, start: 1.5 },
      /start must be an integer .* got 1.5/,
      RangeError,
    ],
    [
      'an end beyond memory',
      { ...region, end: 2 * page + 1 },
      /end must be .* to 131072, got 131073/,
      RangeError,
    ],
    [
      'an end before start',
      { ...region, start: 99, end: 98 },
      /end must be .* from 99 .* got 98/,
      RangeError,
    ],
    [
      'initialBytes',
      { ...region, initialBytes: 5 },
      /initialBytes cannot be combined with the option memory, got 5/,
      TypeError,
    ],
    [
      'maximumBytes',
      { ...region, maximumBytes: 5 },
      /maximumBytes cannot be combined with the option memory, got 5/,
      TypeError,
    ],
    [
      'stableViews',
      { ...region, stableViews: true },
      /stableViews cannot be combined with the option memory, got true/,
      TypeError,
    ],
    ['start without memory', { start: 0 }, /start requires the option memory, got 0/, TypeError],
    ['end without memory', { end: 9 }, /end requires the option memory, got 9/, TypeError],
  ])('%s is refused by name and value', async (_name, options, message, type) => {
    await expect(createHeap(options)).rejects.toThrow(message);
    await expect(createHeap(options)).rejects.toThrow(type);
  });

  test('shared memory is refused', async () => {
    const shared = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
    await expect(createHeap({ memory: shared, start: 0, end: page })).rejects.toThrow(/unshared/);
  });

  test('a region that is too small is refused by an error with an end that is large enough', async () => {
    const tooSmall = createHeap({ memory, start: 100, end: 1000 });
    await expect(tooSmall).rejects.toThrow(RangeError);
    const message = await createHeap({ memory, start: 100, end: 1000 }).catch(String);
    const needed = Number(/end must be (\d+) or more/.exec(String(message))?.[1]);
    for (const strategy of strategies) {
      const heap = await createHeap({ memory, start: 100, end: needed, strategy });
      heap.check();
    }
    await expect(createHeap({ memory, start: 100, end: needed - 1 })).rejects.toThrow(RangeError);
  });

  test('a memory without a maximum is accepted', async () => {
    const heap = await createHeap({
      memory: new WebAssembly.Memory({ initial: 1 }),
      start: 0,
      end: page,
    });
    heap.free(heap.malloc(1000));
  });
});

describe('the wasm of a heap in a region', () => {
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 1 });
  const region = { memory, start: 0, end: page };
  const url = new URL('lite-alloc.region.wasm', packagedWasmUrl);
  beforeAll(() => createHeap(region));

  test('is compiled once, and createHeapSync works from then on', () => {
    const heap = createHeapSync(region);
    heap.free(heap.malloc(1));
  });

  test('can be passed as an option', async () => {
    const heap = await createHeap({ ...region, wasm: url });
    heap.free(heap.malloc(1));
  });

  test('cannot be exchanged with the wasm of other heaps', async () => {
    await expect(createHeap({ ...region, wasm: packagedWasmUrl })).rejects.toThrow(WasmLoadError);
    await expect(createHeap({ wasm: url })).rejects.toThrow(WasmLoadError);
  });
});
