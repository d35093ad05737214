// SPDX-License-Identifier: MIT
//
// Passes misleading arguments, such as arrays that report a false length. The heap must copy their real elements or
// refuse them, and its errors must describe them.

import {
  type Arena,
  createHeap,
  type Heap,
  InvalidFreeError,
  type Scope,
  type TypedArray,
  type TypedArrayConstructor,
} from 'lite-alloc';
import { beforeEach, describe, expect, test } from 'vitest';
import { catchError } from '../support/errors.js';
import { describeStrategies } from '../support/strategies.js';
import { bytesOf, kinds } from '../support/typed-arrays.js';

/** The calls that a heap, a scope and an arena share. */
type BlockAllocator = Pick<Heap, 'array' | 'from' | 'string' | 'memalign'>;

const debugModes = [false, true];

/** Makes an array of a subclass that overrides one property with a false value. */
function arrayWithFalseProperty(
  type: TypedArrayConstructor,
  name: PropertyKey,
  value: unknown,
): TypedArray {
  const Base = type as unknown as Uint8ArrayConstructor;
  class Subclass extends Base {}
  Object.defineProperty(Subclass.prototype, name, { get: () => value, configurable: true });
  const array = new Subclass(9) as TypedArray;
  for (let index = 0; index < 9; index++) {
    Reflect.set(array, index, type.name.startsWith('Big') ? BigInt(index + 1) : index + 1);
  }
  return array;
}

/** Reads the bytes of an array with the getters of the built-in prototype. */
function actualBytes(array: TypedArray): number[] {
  const prototype = Object.getPrototypeOf(Uint8Array.prototype) as object;
  const read = (name: string): never => Reflect.get(prototype, name, array) as never;
  return [...new Uint8Array(read('buffer'), read('byteOffset'), read('byteLength'))];
}

describe.each(debugModes)('with debug: %s', (debug) => {
  describeStrategies((strategy) => {
    let heap: Heap;
    let scope: Scope;
    let arena: Arena;
    let allocators: BlockAllocator[];
    beforeEach(async () => {
      heap = await createHeap({ strategy, debug });
      scope = heap.openScope();
      arena = heap.arena({ bytes: 10_000 });
      allocators = [heap, scope, arena];
    });

    describe.each(kinds)('a $name', ({ type, sample }) => {
      test.each([
        ['length', 1],
        ['length', 1000],
        ['length', Number.NaN],
        ['byteLength', 1],
        ['byteLength', 1e6],
        ['byteOffset', 8],
        ['buffer', new ArrayBuffer(8)],
        [Symbol.toStringTag, 'Uint8Array'],
        [Symbol.toStringTag, 'Float64Array'],
        [Symbol.toStringTag, undefined],
        ['constructor', Object],
      ])('of a subclass with a false %s (%s) is copied with its real elements', (name, value) => {
        const source = arrayWithFalseProperty(type, name, value);
        for (const allocator of allocators) {
          const neighbour = allocator.array(Uint8Array, 64, { zero: true });
          const copy = allocator.from(source);
          const next = allocator.array(Uint8Array, 64, { zero: true });
          expect(copy.length).toBe(9);
          expect(copy.view).toBeInstanceOf(type);
          expect(bytesOf(copy.view)).toEqual(actualBytes(source));
          expect([...neighbour.view, ...next.view].every((byte) => byte === 0)).toBe(true);
        }
        heap.check();
      });

      test('with false own properties is copied with its real elements', () => {
        const source = sample();
        const expected = bytesOf(source);
        for (const name of ['length', 'byteLength', 'byteOffset']) {
          Object.defineProperty(source, name, { value: 1 });
        }
        for (const allocator of allocators)
          expect(bytesOf(allocator.from(source).view)).toEqual(expected);
        heap.check();
      });
    });

    test.each([
      [
        'an object with the properties of a typed array',
        { length: 4, byteLength: 4, byteOffset: 0 },
      ],
      [
        'an object with the prototype of a typed array',
        Object.create(Uint8Array.prototype) as object,
      ],
      [
        'an object with the tag of a typed array',
        { [Symbol.toStringTag]: 'Uint8Array', length: 4 },
      ],
      ['a proxy of a typed array', new Proxy(new Uint8Array(4), {})],
      ['a DataView', new DataView(new ArrayBuffer(8))],
      ['a buffer', new ArrayBuffer(8)],
      ['undefined', undefined],
      ['null', null],
      ['a number', 5],
      ['text', 'Uint8Array'],
    ])('from refuses %s as a source', (_, source) => {
      for (const allocator of allocators) {
        const before = [heap.stats().liveBlocks, arena.usedBytes];
        const { message } = catchError(TypeError, () => allocator.from(source as never));
        expect(message).toMatch(/^source must be a typed array, got /);
        expect([heap.stats().liveBlocks, arena.usedBytes]).toEqual(before);
      }
    });

    test('from throws a TypeError for a detached source and allocates nothing', () => {
      const detached = new Float32Array(new ArrayBuffer(64));
      structuredClone(detached.buffer, { transfer: [detached.buffer] });
      for (const allocator of allocators) {
        const before = [heap.stats().liveBlocks, arena.usedBytes];
        expect(() => allocator.from(detached)).toThrow(TypeError);
        expect(() => allocator.from(Float64Array, detached)).toThrow(TypeError);
        expect([heap.stats().liveBlocks, arena.usedBytes]).toEqual(before);
      }
    });

    test('from copies a source over a resizable buffer at its current length, or refuses it', () => {
      const Resizable = ArrayBuffer as unknown as new (
        length: number,
        options: object,
      ) => ArrayBuffer & { resize(length: number): void };
      const buffer = new Resizable(16, { maxByteLength: 64 });
      const tracking = new Uint8Array(buffer);
      const fixed = new Uint8Array(buffer, 8, 8);
      const behind = new Uint8Array(buffer, 12);
      for (const allocator of allocators) {
        buffer.resize(16);
        tracking.fill(7);
        expect([...allocator.from(fixed).view]).toEqual(new Array(8).fill(7));
        buffer.resize(32);
        expect(allocator.from(tracking).length).toBe(32);
        expect(allocator.from(behind).length).toBe(20);
        buffer.resize(10);
        const before = [heap.stats().liveBlocks, arena.usedBytes];
        expect(() => allocator.from(fixed)).toThrow(TypeError);
        expect(() => allocator.from(behind)).toThrow(TypeError);
        expect([heap.stats().liveBlocks, arena.usedBytes]).toEqual(before);
        expect(allocator.from(tracking).length).toBe(10);
      }
      heap.check();
    });

    test('from copies a source in shared memory', () => {
      const { buffer } = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
      const source = new Int16Array(buffer, 0, 4);
      source.set([1, -2, 3, -4]);
      for (const allocator of allocators)
        expect([...allocator.from(source).view]).toEqual([1, -2, 3, -4]);
    });

    test('from makes an empty array from an empty source', () => {
      for (const allocator of allocators) {
        expect(allocator.from(new Float64Array(0)).length).toBe(0);
        expect(allocator.from(new Float64Array(new ArrayBuffer(8), 8)).length).toBe(0);
      }
    });

    test('from copies a view of the same heap, even if the copy makes memory grow', () => {
      const source = heap.array(Uint16Array, 200_000);
      source.view.forEach((_, index, view) => {
        view[index] = index;
      });
      const part = source.view.subarray(100_000);
      const copy = heap.from(part);
      expect(copy.length).toBe(100_000);
      expect([copy.view[0], copy.view[99_999]]).toEqual([100_000 % 65536, 199_999 % 65536]);
    });
  });
});

describe('getters of options', () => {
  let heap: Heap;
  beforeEach(async () => {
    heap = await createHeap();
  });

  /** Makes options with a getter that runs `action`, and fails if it is read twice. */
  function optionsWithGetter(
    action: () => void,
    name: 'zero' | 'alignment' | 'bytes',
    value: unknown,
  ) {
    let reads = 0;
    return {
      get [name]() {
        reads++;
        expect(reads).toBe(1);
        action();
        return value as never;
      },
    };
  }

  test('that throw leave nothing allocated', () => {
    const fail = (): never => {
      throw new Error('getter');
    };
    const arena = heap.arena({ bytes: 1000 });
    const scope = heap.openScope();
    for (const allocator of [heap, scope, arena]) {
      const calls = [
        () => allocator.array(Uint8Array, 8, optionsWithGetter(fail, 'zero', true)),
        () => allocator.from(Uint8Array.of(1), optionsWithGetter(fail, 'alignment', 64)),
        () => allocator.from(Uint8Array, [1], optionsWithGetter(fail, 'zero', true)),
      ];
      for (const call of calls) expect(call).toThrow('getter');
    }
    expect(() => scope.arena(optionsWithGetter(fail, 'bytes', 5) as never)).toThrow('getter');
    expect(() => heap.arena(optionsWithGetter(fail, 'bytes', 5) as never)).toThrow('getter');
    expect(heap.stats().liveBlocks).toBe(1);
    expect(arena.usedBytes).toBe(0);
  });

  test('that detach the source cause a TypeError and leave nothing allocated', () => {
    const arena = heap.arena({ bytes: 1000 });
    for (const allocator of [heap, heap.openScope(), arena]) {
      const source = new Uint8Array(new ArrayBuffer(64));
      const detach = (): void => {
        structuredClone(source.buffer, { transfer: [source.buffer] });
      };
      expect(() => allocator.from(source, optionsWithGetter(detach, 'zero', false))).toThrow(
        TypeError,
      );
    }
    expect(heap.stats().liveBlocks).toBe(1);
    expect(arena.usedBytes).toBe(0);
  });

  test('that close the scope, free the arena or dispose the heap leave nothing allocated', async () => {
    const calls: readonly ((allocator: BlockAllocator, end: () => void) => unknown)[] = [
      (allocator, end) => allocator.array(Uint8Array, 8, optionsWithGetter(end, 'zero', true)),
      (allocator, end) => allocator.from(Uint8Array.of(1), optionsWithGetter(end, 'alignment', 64)),
      (allocator, end) => allocator.from(Uint8Array, [1], optionsWithGetter(end, 'zero', false)),
    ];
    for (const call of calls) {
      const scope = heap.openScope();
      expect(() => call(scope, () => scope.close())).toThrow('closed');
      const arena = heap.arena({ bytes: 1000 });
      expect(() => call(arena, () => arena.free())).toThrow('freed');
      const other = await createHeap();
      expect(() => call(other, () => other.dispose())).toThrow('disposed');
      const reset = call(heap, () => heap.reset()) as { alive: boolean; free(): void };
      expect(reset.alive).toBe(true);
      reset.free();
    }
    const scope = heap.openScope();
    const options = optionsWithGetter(() => scope.close(), 'bytes', 64) as never;
    expect(() => scope.arena(options)).toThrow('closed');
    expect(heap.stats().liveBlocks).toBe(0);
  });
});

describe('elements that misbehave', () => {
  let heap: Heap;
  beforeEach(async () => {
    heap = await createHeap();
  });

  test.each([
    ['a length that is NaN', { length: Number.NaN, 0: 1 }, []],
    ['a negative length', { length: -3 }, []],
    ['a length that is text', { length: '2', 0: 5, 1: 6 }, [5, 6]],
    ['fewer elements than its length', { length: 3, 0: 5 }, [5, 0, 0]],
  ])('with %s are read as the engine reads them', (_, elements, expected) => {
    expect([...heap.from(Uint8Array, elements as never).view]).toEqual(expected);
  });

  test.each([
    ['a huge length', { length: 2 ** 53 }],
    [
      'a length getter that throws',
      {
        get length() {
          throw new RangeError('no length');
        },
      },
    ],
    [
      'an element that throws',
      {
        length: 2,
        get 1() {
          throw new RangeError('no element');
        },
      },
    ],
    [
      'an iterator that throws',
      {
        *[Symbol.iterator]() {
          yield 1;
          throw new RangeError('no more');
        },
      },
    ],
  ])('with %s throw an error and leave nothing allocated', (_, elements) => {
    const arena = heap.arena({ bytes: 1000 });
    for (const allocator of [heap, heap.openScope(), arena]) {
      expect(() => allocator.from(Uint8Array, elements as never)).toThrow(RangeError);
    }
    expect(heap.stats().liveBlocks).toBe(1);
    expect(arena.usedBytes).toBe(0);
  });

  test('may allocate, free, grow and reset the heap while they are read', () => {
    const old = heap.array(Uint8Array, 100);
    const array = heap.from(
      Int32Array,
      (function* () {
        yield 1;
        heap.malloc(1 << 20);
        yield 2;
        old.free();
        heap.reset();
        yield heap.from(Uint8Array.of(3)).length;
      })(),
    );
    expect([...array.view]).toEqual([1, 2, 1]);
    expect(heap.stats().liveBlocks).toBe(2);
    heap.check();
  });

  test('may dispose the heap or close the scope without leaving a block behind', async () => {
    const scope = heap.openScope();
    const closing = (function* () {
      yield 1;
      scope.close();
    })();
    expect(() => scope.from(Uint8Array, closing)).toThrow('the scope was closed');
    expect(heap.stats().liveBlocks).toBe(0);
    const other = await createHeap();
    const disposing = (function* () {
      yield 1;
      other.dispose();
    })();
    expect(() => other.from(Uint8Array, disposing)).toThrow('the heap was disposed');
  });
});

describe('the message of an error', () => {
  let heap: Heap;
  beforeEach(async () => {
    heap = await createHeap();
  });

  const hostile = [
    ['a null prototype', Object.create(null) as object],
    [
      'a toString that throws',
      {
        toString() {
          throw new Error('no text');
        },
      },
    ],
    [
      'a tag that throws',
      {
        get [Symbol.toStringTag](): string {
          throw new Error('no tag');
        },
      },
    ],
    [
      'a proxy that throws',
      new Proxy(
        {},
        {
          get() {
            throw new Error('no property');
          },
        },
      ),
    ],
    ['a long tag', { [Symbol.toStringTag]: 'x'.repeat(1e6) }],
    ['a long text', 'x'.repeat(1e6)],
    ['a long symbol', Symbol('x'.repeat(1e6))],
    ['a huge big integer', 2n ** 1_000_000n],
    ['a long array', new Float64Array(4e6).fill(Math.PI)],
    ['a function', () => 'x'.repeat(1e6)],
    ['a class', class Foreign {}],
    ['NaN', Number.NaN],
    ['a huge number', 1e300],
    ['a big integer', 10n],
  ] as const;

  test.each(
    hostile,
  )('about %s is short and made quickly, and its error has the right class', (_, value) => {
    const wrong = value as never;
    const calls: readonly (readonly [() => unknown, abstract new () => Error])[] = [
      [() => heap.free(wrong), InvalidFreeError],
      [() => heap.realloc(wrong, 8), InvalidFreeError],
      [() => heap.usableSize(wrong), InvalidFreeError],
      [() => heap.deallocate(wrong, 8), InvalidFreeError],
      [() => heap.reallocate(wrong, 8, 8), InvalidFreeError],
      [() => heap.memalign(wrong, 8), RangeError],
      [() => heap.arena({ bytes: Symbol('x') as never }), RangeError],
      [() => heap.array(wrong, 8), TypeError],
      [() => heap.array(Uint8Array, 8, { zero: wrong }), TypeError],
      [() => heap.string(Object(value) as never), TypeError],
      [() => heap.onGrow(Object.create(null) as never), TypeError],
    ] as never;
    for (const [call, ErrorClass] of calls) {
      const start = performance.now();
      const { message } = catchError(ErrorClass, call);
      expect(performance.now() - start).toBeLessThan(5000);
      expect(message.length).toBeLessThan(300);
    }
  });

  test.each([
    [10n, '10 (bigint)'],
    ['10', "'10' (string)"],
    [-1, '-1 (number)'],
    [true, 'true (boolean)'],
    [null, 'null'],
    [undefined, 'undefined'],
    [[1], 'Array (object)'],
    [Symbol('size'), 'Symbol(size) (symbol)'],
    [Uint8Array, 'Uint8Array (function)'],
  ])('shows the type of %s', (value, shown) => {
    const { message } = catchError(RangeError, () => heap.malloc(value as never));
    expect(message).toContain(`size must be a non-negative integer, got ${shown}`);
  });

  test.each([
    ['10', 'convert it with Number()'],
    [10n, 'convert it with Number()'],
  ])('names the cure when a size is %s', (size, cure) => {
    for (const call of [
      () => heap.malloc(size as never),
      () => heap.tryMalloc(size as never),
      () => heap.calloc(size as never, 1),
      () => heap.array(Uint8Array, size as never),
    ]) {
      expect(catchError(RangeError, call).message).toContain(cure);
    }
  });

  test.each([
    ['an array', (array: object) => array],
    ['its view', (array: object) => (array as { view: object }).view],
    ['a string', () => heap.string('text')],
    ['an arena', () => heap.arena({ bytes: 8 })],
  ])('names the cure when the address is %s, and the block stays alive', (_, wrongValue) => {
    const array = heap.from(Uint8Array.of(1, 2, 3));
    const value = wrongValue(array) as never;
    for (const call of [
      () => heap.free(value),
      () => heap.realloc(value, 10),
      () => heap.usableSize(value),
      () => heap.deallocate(value, 3),
      () => heap.reallocate(value, 3, 10),
      () => heap.openScope().free(value),
    ]) {
      const error = catchError(InvalidFreeError, call);
      expect(error.message).toMatch(/use free\(\) or resize\(\) of the handle$/);
      expect(error.address).toBe(0);
    }
    expect([...array.view]).toEqual([1, 2, 3]);
  });

  test('names the cure when a handle is passed instead of a typed array', () => {
    const array = heap.from(Uint8Array.of(1, 2, 3));
    const arena = heap.arena({ bytes: 100 });
    for (const allocator of [heap, heap.openScope(), arena]) {
      for (const call of [
        () => allocator.from(array as never),
        () => allocator.from(Float64Array, array as never),
        () => allocator.from(Int32Array, heap.string('text') as never),
      ]) {
        expect(catchError(TypeError, call).message).toMatch(/pass its view$/);
      }
    }
  });

  test('shortens long names and values of options', async () => {
    const long = 'x'.repeat(1e5);
    for (const options of [
      { [long]: 1 },
      { strategy: long },
      { wasm: `data:application/wasm;base64,${long}` },
      { wasm: `https://[${long}` },
      { initialBytes: long },
      { debug: long },
      { onLeak: long },
    ]) {
      const error = (await createHeap(options as never).catch(
        (reason: unknown) => reason,
      )) as Error;
      expect(error).toBeInstanceOf(Error);
      expect(error.message.length).toBeLessThan(400);
    }
  });
});

test('cloning a handle, arena, scope, heap, recorder or subscription throws a DataCloneError', async () => {
  const heap = await createHeap();
  const { port1 } = new MessageChannel();
  const objects = [
    ...kinds.map(({ sample }) => heap.from(sample())),
    heap.string('text'),
    heap.arena({ bytes: 8 }),
    heap.openScope(),
    heap,
    heap.record(),
    heap.onGrow(() => undefined),
  ];
  for (const object of objects) {
    for (const call of [
      () => structuredClone(object),
      () => structuredClone({ nested: [object] }),
      () => port1.postMessage(object),
    ]) {
      expect(call).toThrow(expect.objectContaining({ name: 'DataCloneError' }));
    }
  }
  port1.close();
});

test('the error about cloning says what to post instead, for objects alive and dead', async () => {
  // Some engines quote nothing in this error.
  const { message } = catchError(Error, () => structuredClone(() => 'quoted'));
  if (!message.includes('quoted')) return;
  const heap = await createHeap();
  const objects = [
    heap.array(Float32Array, 1),
    heap.string('text'),
    heap.arena({ bytes: 8 }),
    heap.openScope(),
    heap,
    heap.record(),
  ];
  const clone = (): void => {
    for (const object of objects) {
      expect(() => structuredClone(object)).toThrow(
        /stays in its thread; post array.slice\(\), String\(string\) or trace.write\(\)/,
      );
    }
  };
  clone();
  await new Promise((resolve) => setTimeout(resolve)); // the engine watches the handles now
  clone();
  for (const object of objects) if ('free' in object && object !== heap) object.free(0);
  clone();
  heap.dispose();
  clone();
});

test('the JSON of a handle shows its type, length, address and whether it was freed', async () => {
  const heap = await createHeap();
  const array = heap.from(Int16Array.of(1, 2, 3));
  const place = `0x${array.address.toString(16)}`;
  expect(JSON.stringify(array)).toMatch(/Int16Array.*3.*/);
  expect(JSON.stringify(array)).toContain(place);
  expect(JSON.stringify(array)).not.toContain('freed');
  array.free();
  expect(JSON.stringify(array)).toContain('freed');
});

test('the type of an array is the constructor of its views', async () => {
  const heap = await createHeap();
  for (const { type, sample } of kinds) expect(heap.from(sample()).type).toBe(type);
});

describeStrategies((strategy) => {
  test('free does not report that an address was freed before if it was never a block', async () => {
    const heap = await createHeap({ strategy });
    const blocks = [20, 100, 1000, 5000].map((size) => heap.malloc(size));
    for (const address of blocks) heap.u8.fill(0xff, address, address + heap.usableSize(address));
    const addresses = [1, 8, 16, 1024, heap.memory.buffer.byteLength, 2 ** 32, 2 ** 40];
    for (const address of blocks) addresses.push(address + 1, address + 8, address + 16);
    for (const address of addresses) {
      const error = catchError(InvalidFreeError, () => heap.free(address));
      expect(error.message).toContain('is not a live block of this heap');
      expect(error.message).not.toContain('before');
    }
    heap.check();
  });
});
