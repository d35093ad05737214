// SPDX-License-Identifier: MIT

import {
  createHeap,
  type Heap,
  HeapCorruptionError,
  InvalidFreeError,
  strategies,
} from 'lite-alloc';
import { createHeap as createInlineHeap } from 'lite-alloc/inline';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { headerlessStrategies } from '../support/strategies.js';

const page = 65536;
const headerBytes = 16;
const isNode = 'process' in globalThis;

afterEach(() => {
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

/** Takes the file system from the package, which reads random numbers of Linux from it. */
function hideFiles(): void {
  const host = (globalThis as { process?: object }).process ?? {};
  vi.stubGlobal('process', Object.create(host, { getBuiltinModule: { value: undefined } }));
}

/** The words of a block's header. */
function headerOf(heap: Heap, address: number): number[] {
  return [...heap.u32.subarray((address - headerBytes) / 4, address / 4)];
}

function makeHeap(strategy: (typeof strategies)[number], isRegion: boolean): Promise<Heap> {
  const memory = new WebAssembly.Memory({ initial: 4 });
  return createHeap(isRegion ? { strategy, memory, start: 0, end: 4 * page } : { strategy });
}

describe.each(headerlessStrategies)('%s', (strategy) => {
  describe.each([
    ['with a memory of its own', false],
    ['in a region', true],
  ])('%s', (_name, isRegion) => {
    test('every heap seals the header of the same block differently', async () => {
      const heaps = await Promise.all(
        Array.from({ length: 4 }, () => makeHeap(strategy, isRegion)),
      );
      const addresses = heaps.map((heap) => heap.malloc(100));
      expect(new Set(addresses).size).toBe(1);
      const seals = heaps.map((heap) => headerOf(heap, addresses[0] ?? 0).join());
      expect(new Set(seals).size).toBe(4);
    });

    test('a header copied from another heap does not make an address a valid block', async () => {
      const [heap, other] = [
        await makeHeap(strategy, isRegion),
        await makeHeap(strategy, isRegion),
      ];
      const block = heap.malloc(4096);
      other.malloc(256 - headerBytes);
      const inside = other.malloc(1024);
      heap.u32.set(headerOf(other, inside), (inside - headerBytes) / 4);
      expect(inside).toBeGreaterThan(block);
      expect(() => heap.free(inside)).toThrow(InvalidFreeError);
      expect(() => heap.realloc(inside, 10)).toThrow(InvalidFreeError);
      heap.check();
      heap.free(block);
    });

    test('a stray write to a freed block is detected, and malloc never returns a live block', async () => {
      for (const word of [0, 1]) {
        for (const value of [0, 16, 64, 1024, 8192, 0xffffffff]) {
          const heap = await makeHeap(strategy, isRegion);
          const [first = 0, fence = 0, second = 0] = [64, 64, 64, 64].map((size) =>
            heap.malloc(size),
          );
          heap.free(second);
          heap.free(first);
          heap.u32[(first - headerBytes) / 4 + word] = value;
          expect(() => heap.check()).toThrow(HeapCorruptionError);
          const live = new Set([fence]);
          expect(() => {
            for (let count = 0; count < 8; count++) {
              const address = heap.malloc(64);
              expect(live).not.toContain(address);
              live.add(address);
            }
          }).toThrow();
        }
      }
    });
  });

  test('a memory of 8 MiB holds at least 79 blocks of 100 000 bytes', async () => {
    const heap = await createHeap({ strategy, maximumBytes: 8 << 20 });
    let count = 0;
    while (heap.tryMalloc(100_000) !== 0) count++;
    expect(count).toBeGreaterThanOrEqual(79);
    heap.check();
  });
});

test('free-list has one free block in a fixed memory once everything is freed', async () => {
  const heap = await createHeap({
    strategy: 'free-list',
    initialBytes: 4 << 20,
    maximumBytes: 4 << 20,
  });
  const blocks: number[] = [];
  for (let address = heap.malloc(1); address !== 0; address = heap.tryMalloc(10 + blocks.length)) {
    blocks.push(address);
  }
  for (const address of blocks.toReversed()) heap.free(address);
  expect(heap.tryMalloc(Math.floor((4 << 20) * 0.9))).not.toBe(0);
});

test.each(
  headerlessStrategies,
)('%s: heaps have own secrets from crypto alone', async (strategy) => {
  hideFiles();
  vi.spyOn(Math, 'random').mockReturnValue(0.5);
  const heaps = [await createInlineHeap({ strategy }), await createInlineHeap({ strategy })];
  const seals = heaps.map((heap) => headerOf(heap, heap.malloc(1000)).join());
  expect(seals[0]).not.toBe(seals[1]);
});

describe('the random numbers of Linux', () => {
  const hostWith = (uuid: () => string, platform = 'linux'): void => {
    const getBuiltinModule = () => ({ readFileSync: uuid });
    vi.stubGlobal('process', { platform, getBuiltinModule });
  };
  const differ = async (): Promise<boolean> => {
    const heaps = [
      await createInlineHeap({ strategy: 'free-list' }),
      await createInlineHeap({ strategy: 'free-list' }),
    ];
    const [first, second] = heaps.map((heap) => headerOf(heap, heap.malloc(1000)).join());
    return first !== second;
  };

  test('serve where the file has them', async () => {
    if (!isNode) return;
    hostWith(() => 'fedcba98-0000-4000-8000-000000000000\n');
    expect(await differ()).toBe(false);
  });

  test.each<[string, () => string, string?]>([
    ['is empty', () => ''],
    ['holds no number', () => 'zz'],
    [
      'cannot be read',
      () => {
        throw new Error('ENOENT');
      },
    ],
    ['lies on another system', () => 'fedcba98', 'win32'],
  ])('give way to crypto where the file %s', async (_name, uuid, platform) => {
    hostWith(uuid, platform);
    vi.spyOn(Math, 'random').mockReturnValue(0.5);
    expect(await differ()).toBe(true);
  });
});

describe.each(strategies)('%s on a host without random numbers', (strategy) => {
  test.each([
    ['no crypto', undefined],
    ['crypto without getRandomValues', {}],
    [
      'getRandomValues that throws',
      {
        getRandomValues() {
          throw new Error('QuotaExceededError');
        },
      },
    ],
  ])('%s: every heap still has its own secret', async (_name, crypto) => {
    hideFiles();
    vi.stubGlobal('crypto', crypto);
    const heaps = [await createInlineHeap({ strategy }), await createInlineHeap({ strategy })];
    const seals = heaps.map((heap) => {
      const address = heap.malloc(1000);
      heap.check();
      return headerOf(heap, address).join();
    });
    if (strategy !== 'segregated-fit') expect(seals[0]).not.toBe(seals[1]);
  });
});
