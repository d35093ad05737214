// SPDX-License-Identifier: MIT

import {
  advise,
  createHeap,
  createHeapSync,
  type Heap,
  type HeapOptions,
  strategies,
  WasmLoadError,
} from 'lite-alloc';
import { describe, expect, test } from 'vitest';
import { packagedWasmUrl, readPackagedWasm, strategiesWasmUrl } from '../support/host.js';
import { headerlessStrategies } from '../support/strategies.js';

const pageBytes = 65536;

/** An empty module. */
const emptyModule = new Uint8Array([0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00]);
const nowhere = 'http://127.0.0.1:1/lite-alloc.wasm';

function expectWorking(heap: Heap): void {
  const array = heap.from(new Int32Array([1, -2, 3]));
  expect([...array.view]).toEqual([1, -2, 3]);
  array.free();
  heap.check();
}

/** Options of a wrong type, as a caller in plain JavaScript may pass them. */
const loosely = (options: object): HeapOptions => options;

describe('createHeap', () => {
  test('needs no configuration', async () => {
    expectWorking(await createHeap());
  });

  test('makes heaps that are independent of each other', async () => {
    const [first, second] = await Promise.all([createHeap(), createHeap()]);
    expect(first.memory).not.toBe(second.memory);
    const before = second.stats();
    const address = first.malloc(100);
    first.u8.fill(7, address, address + 100);
    first.malloc(1 << 20);
    expect(second.stats()).toEqual(before);
    const same = second.calloc(1, 100);
    expect(same).toBe(address);
    second.free(same);
    expect(first.u8.subarray(address, address + 100).every((byte) => byte === 7)).toBe(true);
    expect(first.stats().liveBlocks).toBe(2);
  });

  test('uses the default strategy, or the strategy that is named', async () => {
    expect((await createHeap()).strategy).toBe('segregated-fit');
    for (const strategy of strategies) {
      const heap = await createHeap({ strategy });
      expect(heap.strategy).toBe(strategy);
      expect(heap.stats().strategy).toBe(strategy);
    }
  });
});

describe('createHeapSync', () => {
  test('makes a working heap once the wasm was loaded', async () => {
    await createHeap();
    expectWorking(createHeapSync());
  });

  test('makes a working heap from a module and from bytes', async () => {
    const bytes = await readPackagedWasm();
    expectWorking(createHeapSync({ wasm: bytes }));
    expectWorking(createHeapSync({ wasm: bytes.buffer }));
    expectWorking(createHeapSync({ wasm: await WebAssembly.compile(bytes) }));
  });

  test('refuses a promise or a Response as wasm', async () => {
    const bytes = await readPackagedWasm();
    expect(() => createHeapSync({ wasm: Promise.resolve(bytes) })).toThrow(TypeError);
    expect(() => createHeapSync({ wasm: Promise.resolve(bytes) })).toThrow(/wasm: a promise/);
    expect(() => createHeapSync({ wasm: new Response(bytes) })).toThrow(TypeError);
    expect(() => createHeapSync({ wasm: new Response(bytes) })).toThrow(/wasm: a Response/);
  });

  test('throws a WasmLoadError with the cause if the bytes are not wasm', () => {
    expect(() => createHeapSync({ wasm: new Uint8Array([1, 2, 3, 4]) })).toThrow(
      expect.objectContaining({
        code: 'WASM_LOAD',
        cause: expect.any(WebAssembly.CompileError) as Error,
      }),
    );
  });
});

describe('the option wasm', () => {
  test('accepts a compiled module', async () => {
    expectWorking(await createHeap({ wasm: await WebAssembly.compile(await readPackagedWasm()) }));
  });

  test('accepts bytes as a buffer and as a part of one', async () => {
    const bytes = await readPackagedWasm();
    expectWorking(await createHeap({ wasm: bytes }));
    expectWorking(await createHeap({ wasm: bytes.slice().buffer }));
    const longer = new Uint8Array(bytes.length + 10);
    longer.set(bytes, 5);
    expectWorking(await createHeap({ wasm: longer.subarray(5, 5 + bytes.length) }));
    expectWorking(await createHeap({ wasm: new DataView(longer.buffer, 5, bytes.length) }));
  });

  test('accepts a URL as an object and as text', async () => {
    expectWorking(await createHeap({ wasm: packagedWasmUrl }));
    expectWorking(await createHeap({ wasm: packagedWasmUrl.href }));
    expectWorking(createHeapSync({ wasm: packagedWasmUrl.href }));
  });

  test.each([
    'application/wasm',
    'application/octet-stream',
    undefined,
  ])('accepts a Response of type %s', async (type) => {
    const headers: Record<string, string> = type === undefined ? {} : { 'Content-Type': type };
    expectWorking(await createHeap({ wasm: new Response(await readPackagedWasm(), { headers }) }));
  });

  test('accepts a promise of any of these', async () => {
    const bytes = await readPackagedWasm();
    expectWorking(await createHeap({ wasm: WebAssembly.compile(bytes) }));
    expectWorking(await createHeap({ wasm: Promise.resolve(bytes) }));
    expectWorking(await createHeap({ wasm: Promise.resolve(packagedWasmUrl) }));
    expectWorking(await createHeap({ wasm: Promise.resolve(new Response(bytes)) }));
  });
});

describe('the strategies in the file of the option wasm', () => {
  test.each(strategies)('lite-alloc.strategies.wasm has %s', async (strategy) => {
    const heap = await createHeap({ strategy, wasm: strategiesWasmUrl });
    expect(heap.strategy).toBe(strategy);
    expectWorking(heap);
  });

  test.each(
    headerlessStrategies,
  )('lite-alloc.wasm does not have %s, and the error names the file that has', async (strategy) => {
    const options = { strategy, wasm: await readPackagedWasm() };
    const complaint =
      `wasm: this file has the default strategy alone, not ${strategy}; ` +
      'lite-alloc/lite-alloc.strategies.wasm has all';
    await expect(createHeap(options)).rejects.toThrow(WasmLoadError);
    await expect(createHeap(options)).rejects.toThrow(complaint);
    expect(() => createHeapSync(options)).toThrow(complaint);
    expectWorking(await createHeap({ ...options, strategy: 'segregated-fit' }));
  });

  test('advise accepts only the file of all strategies', async () => {
    const heap = await createHeap();
    const recorder = heap.record();
    heap.free(heap.malloc(10));
    const trace = recorder.stop();
    const ranking = await advise(trace, { rounds: 1, wasm: strategiesWasmUrl });
    expect(ranking.map(({ strategy }) => strategy).toSorted()).toEqual([...strategies].toSorted());
    await expect(advise(trace, { rounds: 1, wasm: packagedWasmUrl })).rejects.toThrow(
      'lite-alloc/lite-alloc.strategies.wasm has all',
    );
  });
});

describe('a load that fails', () => {
  test.each([
    ['bytes that are not wasm', () => new Uint8Array([1, 2, 3, 4]), WebAssembly.CompileError],
    [
      'a truncated wasm',
      async () => (await readPackagedWasm()).subarray(0, 1000),
      WebAssembly.CompileError,
    ],
    [
      'a Response that is not wasm',
      () => new Response('<!doctype html>'),
      WebAssembly.CompileError,
    ],
    ['a host that refuses connections', () => nowhere, TypeError],
    ['text that is not a URL', () => 'http://', TypeError],
    ['another module', () => emptyModule, Error],
    ['another module, compiled', () => WebAssembly.compile(emptyModule), Error],
  ])('throws a WasmLoadError with a cause: %s', async (_, source, Cause) => {
    const error: unknown = await createHeap({ wasm: await source() }).catch(
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(WasmLoadError);
    expect(error).toMatchObject({
      code: 'WASM_LOAD',
      name: 'WasmLoadError',
      cause: expect.any(Cause) as Error,
    });
  });

  test('names the status of a Response that is an error', async () => {
    const wasm = new Response('gone', { status: 404 });
    await expect(createHeap({ wasm })).rejects.toThrow(/404/);
  });

  test('does not make later loads fail', async () => {
    await expect(createHeap({ wasm: nowhere })).rejects.toThrow(WasmLoadError);
    expectWorking(await createHeap());
    await expect(createHeap({ wasm: nowhere })).rejects.toThrow(WasmLoadError);
  });

  test('has the reason of a rejected promise as its cause', async () => {
    const cause = new Error('no luck');
    const error = await createHeap({ wasm: Promise.reject(cause) }).catch((reason) => reason);
    expect(error).toBeInstanceOf(WasmLoadError);
    expect(error).toMatchObject({ code: 'WASM_LOAD', cause });
  });
});

describe('the bounds of memory', () => {
  test('are under 1 MiB and 2 GiB by default', async () => {
    const { memoryBytes, maximumBytes } = (await createHeap()).stats();
    expect(memoryBytes).toBeLessThan(1 << 20);
    expect(maximumBytes).toBe(2 ** 31);
  });

  test.each([
    [1 << 20, 1 << 20],
    [3 * pageBytes + 1, 4 * pageBytes],
    [0, pageBytes],
    [1, pageBytes],
  ])('for initialBytes %i begin at %i bytes', async (initialBytes, memoryBytes) => {
    const heap = await createHeap({ initialBytes });
    expect(heap.memory.buffer.byteLength).toBe(memoryBytes);
    expect(heap.stats().memoryBytes).toBe(memoryBytes);
    expectWorking(heap);
  });

  test.each([
    [1 << 20, 1 << 20],
    [10 * pageBytes - 1, 10 * pageBytes],
    [pageBytes, pageBytes],
    [0, pageBytes],
  ])('for maximumBytes %i let memory grow to %i bytes and no further', async (maximumBytes, most) => {
    const heap = await createHeap({ maximumBytes });
    expect(heap.stats().maximumBytes).toBe(most);
    while (heap.tryMalloc(4096) !== 0);
    expect(heap.memory.buffer.byteLength).toBe(most);
    expect(() => heap.memory.grow(1)).toThrow(RangeError);
  });

  test('can be equal', async () => {
    const heap = await createHeap({ initialBytes: 1 << 20, maximumBytes: 1 << 20 });
    expect(heap.stats()).toMatchObject({ memoryBytes: 1 << 20, maximumBytes: 1 << 20 });
    expectWorking(heap);
  });

  test('go up to 4 GiB', async () => {
    const heap = await createHeap({ maximumBytes: 2 ** 32 });
    expect(heap.stats().maximumBytes).toBe(2 ** 32);
    expectWorking(heap);
  });
});

describe('a bad option', () => {
  test.each([
    ['strategy', 'best-fit', RangeError],
    ['strategy', 7, TypeError],
    ['initialBytes', -1, RangeError],
    ['initialBytes', 1.5, RangeError],
    ['initialBytes', Number.NaN, RangeError],
    ['initialBytes', Number.POSITIVE_INFINITY, RangeError],
    ['initialBytes', 2 ** 32 + 1, RangeError],
    ['initialBytes', '65536', TypeError],
    ['initialBytes', 65536n, TypeError],
    ['initialBytes', true, TypeError],
    ['maximumBytes', -65536, RangeError],
    ['maximumBytes', 0.5, RangeError],
    ['maximumBytes', Number.NaN, RangeError],
    ['maximumBytes', 2 ** 33, RangeError],
    ['maximumBytes', 2 ** 53, RangeError],
    ['maximumBytes', '1 GiB', TypeError],
    ['maximumBytes', [], TypeError],
  ])('%s %s is refused by an error with its name and value', async (name, value, ErrorClass) => {
    const options = loosely({ [name]: value });
    const error: unknown = await createHeap(options).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(ErrorClass);
    expect(String(error)).toContain(name);
    expect(String(error)).toContain(String(value));
    expect(() => createHeapSync(options)).toThrow(ErrorClass);
  });

  test('initialBytes above maximumBytes is refused by an error with both', async () => {
    const options = { initialBytes: 1 << 21, maximumBytes: 1 << 20 };
    await expect(createHeap(options)).rejects.toThrow(RangeError);
    await expect(createHeap(options)).rejects.toThrow(
      /initialBytes 2097152 .*maximumBytes 1048576/,
    );
  });

  test('an initial size above the default maximum is refused', async () => {
    await expect(createHeap({ initialBytes: 2 ** 31 + 1 })).rejects.toThrow(
      /initialBytes 2147483649/,
    );
  });

  test('an unknown option is refused by an error with the known options', async () => {
    await expect(createHeap(loosely({ maxBytes: 1 }))).rejects.toThrow(TypeError);
    await expect(createHeap(loosely({ maxBytes: 1 }))).rejects.toThrow(/maxBytes.*maximumBytes/);
  });

  test.each([
    [5, '5 (number)'],
    ['wasm', "'wasm' (string)"],
    [null, 'null'],
    [true, 'true (boolean)'],
  ])('options that are %s are refused', async (options, shown) => {
    await expect(createHeap(options as unknown as HeapOptions)).rejects.toThrow(TypeError);
    await expect(createHeap(options as unknown as HeapOptions)).rejects.toThrow(`got ${shown}`);
  });

  test.each([
    [5, '5 (number)'],
    [{}, 'Object (object)'],
    [true, 'true (boolean)'],
    [null, 'null'],
  ])('wasm %s is refused', async (wasm, shown) => {
    const error: unknown = await createHeap(loosely({ wasm })).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(TypeError);
    expect(String(error)).toContain('wasm');
    expect(String(error)).toContain(`got ${shown}`);
  });

  test('undefined means the default', async () => {
    const options = {
      strategy: undefined,
      initialBytes: undefined,
      maximumBytes: undefined,
      wasm: undefined,
    };
    expectWorking(await createHeap(loosely(options)));
  });
});
