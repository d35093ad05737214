// SPDX-License-Identifier: MIT

import {
  createHeap,
  type Heap,
  type HeapArray,
  InvalidFreeError,
  LiteAllocError,
  type Scope,
  UseAfterFreeError,
} from 'lite-alloc';
import { beforeEach, describe, expect, test } from 'vitest';
import { catchError } from '../support/errors.js';
import { describeStrategies } from '../support/strategies.js';

describeStrategies((strategy) => {
  let heap: Heap;
  beforeEach(async () => {
    heap = await createHeap({ strategy });
  });

  const liveBlocks = (): number => heap.stats().liveBlocks;

  /** Allocates one block of every kind through a scope. */
  function allocateAll(scope: Scope) {
    return {
      array: scope.array(Float32Array, 10, { alignment: 'cache', zero: true }),
      copy: scope.from(Uint8Array.of(1, 2, 3)),
      collected: scope.from(BigInt64Array, [1n, 2n]),
      string: scope.string('text €'),
      arena: scope.arena({ bytes: 1000 }),
      raw: scope.malloc(100),
      cleared: scope.calloc(10, 10),
      aligned: scope.memalign(256, 100),
    };
  }

  function expectKept(kept: ReturnType<typeof allocateAll>): void {
    expect([...kept.array.view]).toEqual(new Array(10).fill(0));
    expect([...kept.copy.view]).toEqual([1, 2, 3]);
    expect([...kept.collected.view]).toEqual([1n, 2n]);
    expect(kept.string.toString()).toBe('text €');
    expect(kept.arena.alive).toBe(true);
    for (const address of [kept.raw, kept.cleared, kept.aligned]) heap.free(address);
    for (const handle of [kept.array, kept.copy, kept.collected, kept.string, kept.arena]) {
      handle.free();
    }
    expect(liveBlocks()).toBe(0);
  }

  describe('a scope', () => {
    test('frees what was allocated through it when its function returns', () => {
      let all: ReturnType<typeof allocateAll> | undefined;
      const result = heap.scope((scope) => {
        all = allocateAll(scope);
        expect(liveBlocks()).toBe(8);
        return 'done';
      });
      expect(result).toBe('done');
      expect(liveBlocks()).toBe(0);
      expect([all?.array.alive, all?.string.alive, all?.arena.alive]).toEqual([
        false,
        false,
        false,
      ]);
      heap.check();
    });

    test('frees its blocks when its function throws, and throws the same error', () => {
      const thrown = new Error('no');
      let array: HeapArray<Uint8Array> | undefined;
      const error = catchError(Error, () =>
        heap.scope((scope) => {
          allocateAll(scope);
          array = scope.keep(scope.array(Uint8Array, 5));
          throw thrown;
        }),
      );
      expect(error).toBe(thrown);
      expect(liveBlocks()).toBe(1);
      expect(array?.alive).toBe(true);
    });

    test('allocates aligned and cleared blocks as the heap does', () => {
      heap.scope((scope) => {
        for (let count = 0; count < 5; count++) {
          const dirty = scope.malloc(1000);
          heap.u8.fill(0xff, dirty, dirty + 1000);
          scope.free(dirty);
          expect(scope.memalign(4096, 10) % 4096).toBe(0);
          const cleared = scope.calloc(100, 10);
          expect(heap.u8.subarray(cleared, cleared + 1000).every((byte) => byte === 0)).toBe(true);
        }
      });
      expect(liveBlocks()).toBe(0);
    });

    test('does not free blocks that the heap itself allocated', () => {
      const outside = heap.scope((scope) => {
        scope.array(Uint8Array, 10);
        return [heap.array(Uint8Array, 10).free, heap.array(Uint8Array, 10)].length;
      });
      expect(outside).toBe(2);
      expect(liveBlocks()).toBe(2);
    });

    test('frees the last block first', () => {
      const order: string[] = [];
      const scope = heap.openScope();
      const arrays = ['a', 'b', 'c'].map((name) => {
        const array = scope.array(Uint8Array, 8);
        const free = array.free.bind(array);
        array.free = () => {
          order.push(name);
          free();
        };
        return array;
      });
      scope.close();
      expect(order).toEqual(['c', 'b', 'a']);
      expect(arrays.some(({ alive }) => alive)).toBe(false);
    });

    test('skips blocks that were freed before it closes', () => {
      heap.scope((scope) => {
        const { array, string, arena, raw } = allocateAll(scope);
        array.free();
        string[Symbol.dispose]();
        arena.free();
        scope.free(raw);
        scope.free(0);
      });
      expect(liveBlocks()).toBe(0);
      heap.check();
    });

    test('does not free a newer block at the address of one that was freed before', () => {
      const after = heap.scope((scope) => {
        const raw = scope.malloc(100);
        scope.free(raw);
        const array = scope.array(Uint8Array, 100);
        array.free();
        return [heap.malloc(100), heap.malloc(100)];
      });
      expect(liveBlocks()).toBe(2);
      for (const address of after) heap.free(address);
    });

    test('frees a raw block that realloc moved', () => {
      const kept = heap.scope((scope) => {
        const address = scope.malloc(16);
        heap.u8.fill(7, address, address + 16);
        scope.malloc(16);
        const moved = scope.realloc(address, 100_000);
        expect(heap.u8[moved + 15]).toBe(7);
        expect(scope.realloc(0, 10)).toBeGreaterThan(0);
        const foreign = heap.malloc(16);
        return { foreign: scope.realloc(foreign, 1000) };
      });
      expect(liveBlocks()).toBe(1);
      heap.free(kept.foreign);
    });

    test('forgets blocks that were freed, however long it is open', () => {
      using scope = heap.openScope();
      const kept = scope.array(Uint8Array, 1);
      for (let count = 0; count < 10_000; count++) scope.array(Uint8Array, 10).free();
      expect(liveBlocks()).toBe(1);
      expect(kept.alive).toBe(true);
    });

    test('frees raw blocks in any order, however many', () => {
      heap.scope((scope) => {
        const addresses = Array.from({ length: 5000 }, () => scope.malloc(16));
        for (let index = 0; index < 5000; index += 2) scope.free(addresses[index] as number);
        for (let index = 1; index < 5000; index += 4) {
          addresses[index] = scope.realloc(addresses[index] as number, 100);
        }
        for (const address of addresses.filter((_, index) => index % 4 === 1).reverse()) {
          scope.free(address);
        }
        expect(liveBlocks()).toBe(1250);
      });
      expect(liveBlocks()).toBe(0);
      heap.check();
    });

    test('has nothing to free after a reset of the heap', () => {
      heap.scope((scope) => {
        allocateAll(scope);
        heap.reset();
        const [address] = [heap.malloc(100), scope.malloc(100)];
        expect(address).toBeGreaterThan(0);
      });
      expect(liveBlocks()).toBe(1);
      const scope = heap.openScope();
      scope.malloc(100);
      heap.reset();
      const address = heap.malloc(100);
      scope.close();
      heap.free(address);
      expect(liveBlocks()).toBe(0);
    });

    test('closes without an error after its heap was disposed', () => {
      const scope = heap.openScope();
      allocateAll(scope);
      heap.dispose();
      expect(() => scope.close()).not.toThrow();
    });
  });

  test('finds each of thousands of blocks, whenever it is asked between allocations', () => {
    const scope = heap.openScope();
    const arrays = [];
    const addresses = [];
    for (let index = 0; index < 3000; index++) {
      arrays.push(scope.array(Uint8Array, 8));
      addresses.push(scope.malloc(8));
      if (index % 1000 !== 500) continue;
      scope.free(addresses[index - 400] as number);
      scope.keep([arrays[index - 100], addresses[index - 200]]);
      arrays[index - 300]?.free();
    }
    expect(heap.stats().liveBlocks).toBe(6000 - 6);
    scope.close();
    expect(heap.stats().liveBlocks).toBe(6);
    for (const index of [500, 1500, 2500]) {
      expect(arrays[index - 100]?.alive).toBe(true);
      heap.free(addresses[index - 200] as number);
      arrays[index - 100]?.free();
    }
    heap.assertNoLeaks();
  });

  describe('the result of a scope stays alive if it is', () => {
    test('a handle', () => {
      const array = heap.scope((scope) => {
        scope.array(Uint8Array, 10);
        return scope.from(Uint8Array.of(1, 2));
      });
      expect([...array.view]).toEqual([1, 2]);
      expect(liveBlocks()).toBe(1);
    });

    test('a string, an arena or a raw address', () => {
      const string = heap.scope((scope) => scope.string('text'));
      const arena = heap.scope((scope) => scope.arena({ bytes: 64 }));
      const address = heap.scope((scope) => scope.malloc(64));
      expect(string.toString()).toBe('text');
      expect(arena.array(Uint8Array, 10).view).toHaveLength(10);
      heap.free(address);
      expect(liveBlocks()).toBe(2);
    });

    test('an array of handles', () => {
      const arrays = heap.scope((scope) => {
        const all = Array.from({ length: 10 }, (_, index) => scope.from(Uint8Array.of(index)));
        return all.filter((_, index) => index % 2 === 0);
      });
      expect(arrays.map(({ view }) => view[0])).toEqual([0, 2, 4, 6, 8]);
      expect(liveBlocks()).toBe(5);
    });

    test('a plain object with one block of every kind', () => {
      expectKept(heap.scope(allocateAll));
    });

    test('nested objects and arrays, even with a cycle', () => {
      const result = heap.scope((scope) => {
        const deep: { parts: unknown[]; self?: unknown } = {
          parts: [
            [scope.array(Uint8Array, 1)],
            Object.assign(Object.create(null), { a: scope.malloc(1) }),
          ],
        };
        deep.self = deep;
        return deep;
      });
      expect(result.parts).toHaveLength(2);
      expect(liveBlocks()).toBe(2);
    });

    test('a handle, but not in an instance of a class', () => {
      class Mesh {
        constructor(readonly positions: HeapArray<Float32Array>) {}
      }
      const mesh = heap.scope((scope) => new Mesh(scope.array(Float32Array, 3)));
      expect(mesh.positions.alive).toBe(false);
      expect(liveBlocks()).toBe(0);
    });
  });

  describe('keep', () => {
    test('returns its argument and keeps all blocks in it alive', () => {
      let all: ReturnType<typeof allocateAll> | undefined;
      heap.scope((scope) => {
        all = allocateAll(scope);
        expect(scope.keep(all)).toBe(all);
        scope.malloc(10);
      });
      if (all !== undefined) expectKept(all);
    });

    test('returns values that are not blocks of the scope unchanged', () => {
      const foreign = heap.array(Uint8Array, 1);
      heap.scope((scope) => {
        for (const value of [foreign, 5, 'text', null, undefined, () => 1, new Date(0), 5n]) {
          expect(scope.keep(value)).toBe(value);
        }
      });
      expect(foreign.alive).toBe(true);
    });

    test('of an inner scope keeps a block alive after the outer scope, too', () => {
      const arrays: HeapArray<Uint8Array>[] = [];
      heap.scope((outer) => {
        arrays.push(outer.array(Uint8Array, 1));
        heap.scope((inner) => {
          arrays.push(inner.keep(inner.array(Uint8Array, 2)), inner.array(Uint8Array, 3));
          return arrays;
        });
        expect(arrays.map(({ alive }) => alive)).toEqual([true, true, true]);
      });
      expect(arrays.map(({ alive }) => alive)).toEqual([false, true, false]);
      expect(liveBlocks()).toBe(1);
    });

    test('keeps blocks in any order, and the scope frees the other ones', () => {
      const count = 1000;
      const kept = heap.scope((scope) => {
        const addresses = Array.from({ length: count }, () => scope.malloc(16));
        const arrays = addresses.map((address) => scope.from(Uint32Array.of(address)));
        for (let index = 0; index < count; index += 3) {
          scope.keep(addresses[index]);
          scope.keep([arrays[count - 1 - index]]);
          scope.free(addresses[index + 1] ?? 0);
        }
        return null;
      });
      expect(kept).toBe(null);
      expect(liveBlocks()).toBe(2 * Math.ceil(count / 3));
      heap.check();
    });

    test('throws for a value that cannot be walked, and the scope frees all blocks', () => {
      const thrown = new Error('no');
      const error = catchError(Error, () =>
        heap.scope((scope) => {
          const all = allocateAll(scope);
          scope.keep({
            all,
            get lazy(): never {
              throw thrown;
            },
          });
        }),
      );
      expect(error).toBe(thrown);
      expect(liveBlocks()).toBe(0);
    });
  });

  describe('a scope within a scope', () => {
    test('passes the blocks that it returns to the outer scope', () => {
      let all: ReturnType<typeof allocateAll> | undefined;
      heap.scope((outer) => {
        outer.malloc(1);
        all = heap.scope((inner) => {
          inner.malloc(1);
          return allocateAll(inner);
        });
        expect(liveBlocks()).toBe(9);
        expect([...all.copy.view]).toEqual([1, 2, 3]);
      });
      expect(liveBlocks()).toBe(0);
      expect([all?.array.alive, all?.string.alive, all?.arena.alive]).toEqual([
        false,
        false,
        false,
      ]);
      heap.check();
    });

    test('passes a block through any number of scopes to the caller', () => {
      const nest = (depth: number): HeapArray<Uint8Array> =>
        heap.scope((scope) => {
          scope.array(Uint8Array, 10);
          return depth === 0 ? scope.from(Uint8Array.of(7)) : nest(depth - 1);
        });
      const array = nest(20);
      expect([...array.view]).toEqual([7]);
      expect(liveBlocks()).toBe(1);
    });

    test('does not take blocks that the outer scope allocated', () => {
      heap.scope((outer) => {
        const array = outer.array(Uint8Array, 1);
        expect(heap.scope(() => array)).toBe(array);
        expect(array.alive).toBe(true);
      });
      expect(liveBlocks()).toBe(0);
    });

    test('that throws does not affect the outer scope', () => {
      heap.scope((outer) => {
        const array = outer.from(Uint8Array.of(3));
        expect(() =>
          heap.scope((inner) => {
            allocateAll(inner);
            throw new Error('no');
          }),
        ).toThrow('no');
        expect(liveBlocks()).toBe(1);
        expect([...array.view]).toEqual([3]);
        heap.scope((inner) => inner.array(Uint8Array, 1));
        expect(liveBlocks()).toBe(2);
      });
      expect(liveBlocks()).toBe(0);
    });

    test('frees everything at once when its function closes it, also what that returns', async () => {
      const check = (scope: Scope): HeapArray<Uint8Array> => {
        const array = scope.array(Uint8Array, 1);
        const kept = scope.keep(scope.array(Uint8Array, 1));
        allocateAll(scope);
        scope.close();
        expect(liveBlocks()).toBe(1);
        expect([array.alive, kept.alive]).toEqual([false, true]);
        expect(() => scope.malloc(1)).toThrow(UseAfterFreeError);
        expect(() => scope.keep(array)).toThrow(UseAfterFreeError);
        kept.free();
        return array;
      };
      expect(heap.scope(check).alive).toBe(false);
      expect((await heap.scopeAsync(async (scope) => check(scope))).alive).toBe(false);
      heap.scope((outer) => {
        const array = outer.array(Uint8Array, 1);
        heap.scope((inner) => {
          inner.malloc(1);
          inner.close();
        });
        expect([array.alive, liveBlocks()]).toEqual([true, 1]);
      });
      expect(liveBlocks()).toBe(0);
    });

    test('passes its result to the caller if the outer scope was closed before', () => {
      const array = heap.scope((outer) => {
        outer.close();
        return heap.scope((inner) => inner.array(Uint8Array, 1));
      });
      expect(array.alive).toBe(true);
      expect(liveBlocks()).toBe(1);
    });

    test('of another heap or inside an open scope passes its result to the caller', async () => {
      const other = await createHeap({ strategy });
      const [foreign, opened] = heap.scope(() => {
        using scope = heap.openScope();
        scope.malloc(1);
        const array = other.scope((inner) => inner.array(Uint8Array, 1));
        return [array, null];
      });
      expect([foreign.alive, opened]).toEqual([true, null]);
      using scope = heap.openScope();
      scope.malloc(1);
      const array = heap.scope((inner) => inner.array(Uint8Array, 1));
      scope.close();
      expect(array.alive).toBe(true);
      expect([liveBlocks(), other.stats().liveBlocks]).toEqual([1, 1]);
    });

    test('passes its result to the caller in an asynchronous scope, which may outlive the outer one', async () => {
      let running: Promise<HeapArray<Uint8Array>> | undefined;
      heap.scope((outer) => {
        outer.malloc(1);
        running = heap.scopeAsync(async (scope) => {
          const before = heap.scope((inner) => inner.array(Uint8Array, 1));
          await Promise.resolve();
          const after = heap.scope((inner) => inner.array(Uint8Array, 1));
          expect([before.alive, after.alive]).toEqual([true, true]);
          before.free();
          after.free();
          return scope.from(Uint8Array.of(5));
        });
      });
      expect([...((await running)?.view ?? [])]).toEqual([5]);
      expect(liveBlocks()).toBe(1);
      // A scope after the asynchronous call is within the outer one again.
      heap.scope(() => {
        void heap.scopeAsync(() => {});
        return heap.scope((inner) => inner.array(Uint8Array, 1)).alive;
      });
      expect(liveBlocks()).toBe(1);
    });
  });

  describe('a result that cannot be walked', () => {
    const thrown = new Error('no');
    const fail = (): never => {
      throw thrown;
    };
    const results: readonly (readonly [string, (inner: unknown) => object])[] = [
      [
        'a getter that throws',
        (inner) => Object.defineProperty({ inner }, 'lazy', { get: fail, enumerable: true }),
      ],
      ['a Proxy that does not list its keys', (inner) => new Proxy({ inner }, { ownKeys: fail })],
      ['a Proxy that gives no values', (inner) => [new Proxy({ inner }, { get: fail })]],
      [
        'a Proxy without a prototype',
        (inner) => ({ a: new Proxy({ inner }, { getPrototypeOf: fail }) }),
      ],
      ['an array of getters', (inner) => Object.defineProperty([inner, 1], 1, { get: fail })],
    ];

    test.each(
      results,
    )('(%s) makes the scope free all blocks and throw the same error', (_, wrap) => {
      let scope: Scope | undefined;
      const error = catchError(Error, () =>
        heap.scope((opened) => {
          scope = opened;
          return wrap(allocateAll(opened));
        }),
      );
      expect(error).toBe(thrown);
      expect(liveBlocks()).toBe(0);
      expect(() => scope?.malloc(1)).toThrow(UseAfterFreeError);
      heap.check();
    });

    test.each(results)('(%s) makes scopeAsync free all blocks and reject', async (_, wrap) => {
      await expect(heap.scopeAsync((scope) => wrap(allocateAll(scope)))).rejects.toBe(thrown);
      expect(liveBlocks()).toBe(0);
    });

    test.each(results)('(%s) leaves no block in an outer scope', (_, wrap) => {
      heap.scope((outer) => {
        outer.malloc(1);
        expect(() => heap.scope((inner) => wrap(allocateAll(inner)))).toThrow(thrown);
        expect(liveBlocks()).toBe(1);
      });
      expect(liveBlocks()).toBe(0);
    });

    test('(a Proxy that was revoked) makes the scope free all blocks', () => {
      expect(() =>
        heap.scope((scope) => {
          scope.malloc(1);
          const { proxy, revoke } = Proxy.revocable({}, {});
          revoke();
          return [proxy];
        }),
      ).toThrow(TypeError);
      expect(liveBlocks()).toBe(0);
    });
  });

  describe('a large result', () => {
    test('of 50 000 nested levels is walked completely', () => {
      const array = heap.scope((scope) => {
        let nested: unknown = scope.array(Uint8Array, 1);
        for (let level = 0; level < 50_000; level++)
          nested = level % 2 === 0 ? [nested] : { nested };
        return { nested, address: scope.malloc(1) };
      });
      expect(liveBlocks()).toBe(2);
      heap.free(array.address);
    });

    test('of a million numbers keeps the blocks at its addresses alive', () => {
      const numbers = heap.scope((scope) => {
        scope.malloc(1);
        const many = Array.from({ length: 1_000_000 }, (_, index) => index + 0.5);
        many[999_999] = scope.malloc(1);
        return many;
      });
      expect(liveBlocks()).toBe(1);
      heap.free(numbers.at(-1) as number);
    });

    test('with a sparse array is walked fast, and maps and typed arrays are not searched', () => {
      const sparse: unknown[] = [];
      sparse.length = 2 ** 32 - 1;
      const result = heap.scope((scope) => {
        sparse[2 ** 31] = scope.array(Uint8Array, 1);
        const address = scope.malloc(1);
        const hidden = scope.array(Uint8Array, 1);
        return { sparse, bytes: Uint32Array.of(address), map: new Map([[1, hidden]]) };
      });
      expect(result.map.get(1)?.alive).toBe(false);
      expect((result.sparse[2 ** 31] as HeapArray<Uint8Array>).alive).toBe(true);
      expect(liveBlocks()).toBe(1);
    });
  });

  describe('an open scope', () => {
    test('frees its blocks at the end of a `using` block that throws', () => {
      expect(() => {
        using scope = heap.openScope();
        allocateAll(scope);
        throw new Error('no');
      }).toThrow('no');
      expect(liveBlocks()).toBe(0);
    });

    test('frees its blocks once, however often it is closed', () => {
      const scope = heap.openScope();
      allocateAll(scope);
      scope.close();
      expect(liveBlocks()).toBe(0);
      const { frees } = heap.stats();
      scope.close();
      scope[Symbol.dispose]();
      expect(heap.stats().frees).toBe(frees);
    });

    const calls: readonly (readonly [string, (scope: Scope) => unknown])[] = [
      ['malloc', (scope) => scope.malloc(1)],
      ['calloc', (scope) => scope.calloc(1, 1)],
      ['memalign', (scope) => scope.memalign(16, 1)],
      ['realloc', (scope) => scope.realloc(0, 1)],
      ['free', (scope) => scope.free(0)],
      ['array', (scope) => scope.array(Uint8Array, 1)],
      ['from', (scope) => scope.from(Uint8Array.of(1))],
      ['from elements', (scope) => scope.from(Uint8Array, [1])],
      ['string', (scope) => scope.string('text')],
      ['arena', (scope) => scope.arena({ bytes: 10 })],
      ['keep', (scope) => scope.keep(5)],
    ];

    test.each(calls)('throws UseAfterFreeError from %s once it was closed', (_, call) => {
      const scope = heap.openScope();
      scope.close();
      expect(catchError(UseAfterFreeError, () => call(scope)).message).toContain(
        'scope was closed',
      );
      expect(liveBlocks()).toBe(0);
      const leaked = heap.scope((inner) => ({ inner }));
      expect(() => call(leaked.inner)).toThrow(UseAfterFreeError);
    });
  });

  describe('a free that fails while a scope closes', () => {
    /** Allocates three blocks in the scope and one in the heap, and frees the last one of the scope by its raw address. */
    function loseBlock(scope: Scope): void {
      scope.array(Uint8Array, 100);
      scope.string('text');
      const address = scope.malloc(5000);
      heap.malloc(16);
      heap.free(address);
    }

    test('is thrown after all other blocks were freed', () => {
      expect(() => heap.scope(loseBlock)).toThrow(LiteAllocError);
      expect(liveBlocks()).toBe(1);
      heap.check();
    });

    test('is thrown together with the error of the function', () => {
      const thrown = new Error('no');
      const error = catchError(AggregateError, () =>
        heap.scope((scope) => {
          loseBlock(scope);
          throw thrown;
        }),
      );
      expect(error.errors).toEqual([thrown, expect.any(LiteAllocError)]);
      expect(liveBlocks()).toBe(1);
    });

    test('makes the scope free the result of the function, too', () => {
      expect(() =>
        heap.scope((scope) => {
          const all = allocateAll(scope);
          loseBlock(scope);
          return all;
        }),
      ).toThrow(LiteAllocError);
      expect(liveBlocks()).toBe(1);
    });

    test('is thrown together with other failed frees', () => {
      const scope = heap.openScope();
      const arrays = [1, 2, 3].map((length) => scope.array(Uint8Array, length));
      const failures = [new Error('first'), new Error('second')];
      for (const [index, failure] of failures.entries()) {
        Object.assign(arrays[index] as object, {
          free: () => {
            throw failure;
          },
        });
      }
      const error = catchError(AggregateError, () => scope.close());
      expect(error.errors).toEqual(failures.toReversed());
      expect(arrays.map(({ alive }) => alive)).toEqual([true, true, false]);
      expect(() => scope.close()).not.toThrow();
    });

    test('makes scopeAsync reject', async () => {
      await expect(heap.scopeAsync(loseBlock)).rejects.toThrow(LiteAllocError);
      expect(liveBlocks()).toBe(1);
    });
  });

  describe('an asynchronous function', () => {
    test('is refused by scope before it runs if it is declared async or as a generator', () => {
      let runs = 0;
      const functions: readonly (() => unknown)[] = [
        async () => runs++,
        async function* () {
          yield runs++;
        },
        function* () {
          yield runs++;
        },
      ];
      for (const fn of functions) {
        const error = catchError(TypeError, () => heap.scope(fn));
        expect(error.message).toContain('scopeAsync');
      }
      expect(runs).toBe(0);
    });

    test('is refused after it ran if it returns a promise, and all blocks are freed', async () => {
      const error = catchError(TypeError, () =>
        heap.scope((scope) => {
          const array = scope.array(Uint8Array, 1);
          return Promise.resolve().then(() => array.view);
        }),
      );
      expect(error.message).toContain('scopeAsync');
      expect(liveBlocks()).toBe(0);
      // The promise rejects, as the array is dead: this must not become an unhandled rejection.
      await new Promise((resolve) => setTimeout(resolve, 5));
    });

    test('is refused if it returns any thenable', () => {
      // biome-ignore lint/suspicious/noThenProperty: the scope must detect it.
      const thenable = { then: () => {} };
      expect(() => heap.scope(() => thenable)).toThrow(TypeError);
    });

    test('runs in scopeAsync, which frees its blocks when it is done', async () => {
      const running = heap.scopeAsync(async (scope) => {
        allocateAll(scope);
        await Promise.resolve();
        expect(liveBlocks()).toBe(8);
        const array = scope.from(Uint8Array.of(4));
        await new Promise((resolve) => setTimeout(resolve, 1));
        return { array };
      });
      expect(liveBlocks()).toBe(8);
      const { array } = await running;
      expect([...array.view]).toEqual([4]);
      expect(liveBlocks()).toBe(1);
    });

    test('makes scopeAsync free all blocks when it fails', async () => {
      const thrown = new Error('no');
      await expect(
        heap.scopeAsync(async (scope) => {
          allocateAll(scope);
          await Promise.resolve();
          throw thrown;
        }),
      ).rejects.toBe(thrown);
      expect(liveBlocks()).toBe(0);
    });

    test('may be a synchronous function in scopeAsync', async () => {
      expect(await heap.scopeAsync((scope) => scope.malloc(1))).toBeGreaterThan(0);
      await expect(
        heap.scopeAsync(() => {
          throw new InvalidFreeError(5, 'no');
        }),
      ).rejects.toThrow(InvalidFreeError);
    });
  });

  test.each([undefined, null, 5, 'fn', {}])('%s is refused as a function', async (fn) => {
    expect(catchError(TypeError, () => heap.scope(fn as never)).message).toMatch(/^fn /);
    await expect(heap.scopeAsync(fn as never)).rejects.toThrow(/^fn /);
  });
});

describe('a result of more than 4 194 304 objects', () => {
  const handler: ProxyHandler<object> = {
    ownKeys: () => ['a'],
    // Many objects in each, so that few levels reach the limit.
    get: () => [...Array.from({ length: 2 ** 19 }, () => []), new Proxy({}, handler)],
    getOwnPropertyDescriptor: () => ({ configurable: true, enumerable: true, writable: true }),
  };
  const endless = (): object => ({
    get next() {
      return [...Array.from({ length: 2 ** 19 }, () => []), endless()];
    },
  });
  const results: readonly (readonly [string, () => object])[] = [
    ['an array', () => Array.from({ length: 4_194_304 }, () => [])],
    ['an endless Proxy', () => new Proxy({}, handler)],
    ['endless getters', endless],
  ];

  test.each(results)(
    '(%s) makes the scope throw a RangeError and free all blocks',
    async (_, make) => {
      const heap = await createHeap();
      const result = make();
      expect(() =>
        heap.scope((scope) => {
          scope.malloc(1);
          return [scope.array(Uint8Array, 1), result];
        }),
      ).toThrow(/^the result has more than 4194304 objects$/);
      expect(heap.stats().liveBlocks).toBe(0);
    },
    60_000,
  );
});

test('a scope holds more blocks than a Set of the engine can', async () => {
  const heap = await createHeap();
  const RealSet = globalThis.Set;
  // The real limit of a Set is 2^24 values, which takes a minute to reach.
  const most = 2 ** 22;
  globalThis.Set = class<Value> extends RealSet<Value> {
    override add(value: Value): this {
      if (this.size >= most) throw new RangeError('Set maximum size exceeded');
      return super.add(value);
    }
  };
  try {
    const count = most + 100;
    const kept = heap.scope((scope) => {
      let address = 0;
      for (let made = 0; made < count; made++) address = scope.malloc(1);
      expect(heap.stats().liveBlocks).toBe(count);
      scope.free(address);
      return scope.from(Uint8Array.of(9));
    });
    expect([...kept.view]).toEqual([9]);
  } finally {
    globalThis.Set = RealSet;
  }
  expect(heap.stats().liveBlocks).toBe(1);
  heap.check();
}, 60_000);
