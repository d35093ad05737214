// SPDX-License-Identifier: MIT

import { readFileSync } from 'node:fs';
import type { Strategy } from 'lite-alloc';
import { beforeEach, describe, expect, inject, test } from 'vitest';
import { fillings, freeingOrders } from '../../support/fillings.js';
import { expectPattern, fillPattern } from '../../support/pattern.js';
import { Random, runSteps } from '../../support/random.js';
import { type ShadowBlock, ShadowHeap } from '../../support/shadow-heap.js';
import { powersOfTwo } from '../../support/sizes.js';
import { describeStrategies } from '../../support/strategies.js';

/** The size limits of the modules, in bytes. */
const mostBytes: Readonly<Record<Strategy, number>> = {
  'bump-free-list': 643,
  'segregated-bump': 695,
  'free-list': 744,
  'segregated-fit': 4096,
};

function readModule(strategy: Strategy): Buffer<ArrayBuffer> {
  return readFileSync(new URL(`../../../dist/standalone/${strategy}.wasm`, import.meta.url));
}

interface StandaloneExports {
  readonly memory: WebAssembly.Memory;
  allocate(size: number, alignment: number): number;
  deallocate(address: number, size: number, alignment: number): void;
  reallocate(address: number, oldSize: number, newSize: number, alignment: number): number;
}

/** Section ids of the binary format of WebAssembly. A module with a stack in memory has a global that points to it. */
const SectionId = { memory: 5, global: 6 } as const;

/** The ids of the sections of a module, in order. */
function sectionsOf(bytes: Uint8Array): number[] {
  const ids: number[] = [];
  for (let position = 8; position < bytes.length; ) {
    ids.push(bytes[position++] ?? 0);
    let size = 0;
    for (let shift = 0, more = true; more; shift += 7) {
      const byte = bytes[position++] ?? 0;
      size += (byte & 0x7f) << shift;
      more = byte > 0x7f;
    }
    position += size;
  }
  return ids;
}

/** Returns the module, changed so that its memory grows to at most `maximum` pages. */
function withMaximumPages(bytes: Uint8Array, maximum: number): Uint8Array<ArrayBuffer> {
  const parts: number[] = [...bytes.subarray(0, 8)];
  for (let position = 8; position < bytes.length; ) {
    const id = bytes[position] ?? 0;
    let end = position + 1;
    let size = 0;
    for (let shift = 0, more = true; more; shift += 7) {
      const byte = bytes[end++] ?? 0;
      size += (byte & 0x7f) << shift;
      more = byte > 0x7f;
    }
    end += size;
    // One memory, with a maximum, of one page at first: each number takes one byte.
    if (id === SectionId.memory) parts.push(id, 4, 1, 1, 1, maximum);
    else parts.push(...bytes.subarray(position, end));
    position = end;
  }
  return new Uint8Array(parts);
}

/** Allocates blocks until one is refused. */
function fill(heap: Standalone, nextSize: () => number): { address: number; size: number }[] {
  const blocks: { address: number; size: number }[] = [];
  for (;;) {
    const size = nextSize();
    const address = heap.allocate(size);
    if (address === 0) return blocks;
    blocks.push({ address, size });
  }
}

/** An instance of a module, with addresses as unsigned numbers. */
class Standalone {
  readonly #exports: StandaloneExports;

  constructor(module: WebAssembly.Module) {
    this.#exports = new WebAssembly.Instance(module).exports as unknown as StandaloneExports;
  }

  get memory(): WebAssembly.Memory {
    return this.#exports.memory;
  }

  allocate(size: number, alignment = 16): number {
    return this.#exports.allocate(size, alignment) >>> 0;
  }

  deallocate(address: number, size: number, alignment = 16): void {
    this.#exports.deallocate(address, size, alignment);
  }

  reallocate(address: number, oldSize: number, newSize: number, alignment = 16): number {
    return this.#exports.reallocate(address, oldSize, newSize, alignment) >>> 0;
  }

  get pages(): number {
    return this.memory.buffer.byteLength / 65536;
  }
}

/** Sizes that do not fit in memory, among them those that wrap at 2^32 when they are rounded up. */
const hugeSizes = [
  2 ** 32 - 1,
  2 ** 32 - 15,
  2 ** 32 - 16,
  2 ** 32 - 17,
  2 ** 32 - 65536,
  2 ** 32 - 65537,
];

describeStrategies((strategy) => {
  const wasm = readModule(strategy);
  const module = new WebAssembly.Module(wasm);
  let heap: Standalone;
  beforeEach(() => {
    heap = new Standalone(module);
  });

  /** Grows memory as other code would and fills the new pages; returns a check that they are unchanged. */
  function growForeign(pages: number): () => void {
    const begin = heap.memory.grow(pages) * 65536;
    const end = begin + pages * 65536;
    fillPattern(heap.memory, begin, end - begin, begin);
    return () => expectPattern(heap.memory, begin, end - begin, begin);
  }

  describe('the standalone module', () => {
    test('imports nothing', () => {
      expect(WebAssembly.Module.imports(module)).toEqual([]);
    });

    test('exports its memory and three functions', () => {
      const exports = WebAssembly.Module.exports(module);
      expect(exports.toSorted((left, right) => (left.name < right.name ? -1 : 1))).toEqual([
        { name: 'allocate', kind: 'function' },
        { name: 'deallocate', kind: 'function' },
        { name: 'memory', kind: 'memory' },
        { name: 'reallocate', kind: 'function' },
      ]);
    });

    test(`takes at most ${mostBytes[strategy]} bytes`, () => {
      console.log(`standalone/${strategy}.wasm: ${wasm.length} bytes`);
      expect(wasm.length).toBeLessThanOrEqual(mostBytes[strategy]);
    });

    test('uses no stack in memory', () => {
      const sections = sectionsOf(wasm);
      expect(sections).toContain(SectionId.memory);
      expect(sections).not.toContain(SectionId.global);
    });

    test('has no custom sections', () => {
      for (const name of ['name', 'producers', 'target_features']) {
        expect(WebAssembly.Module.customSections(module, name)).toEqual([]);
      }
    });
  });

  describe('allocate', () => {
    test.each(powersOfTwo)('aligns to %i', (alignment) => {
      for (const size of [0, 1, 16, 100, 5000, 70_000]) {
        const address = heap.allocate(size, alignment);
        expect(address).toBeGreaterThan(0);
        expect(address % Math.max(alignment, 16)).toBe(0);
        fillPattern(heap.memory, address, size, alignment);
        expectPattern(heap.memory, address, size, alignment);
      }
    });

    test('aligns blocks that it takes from a free block, and allocates further blocks from the rest', () => {
      const large = heap.allocate(100_000);
      heap.allocate(16);
      heap.deallocate(large, 100_000);
      const { pages } = heap;
      const seen = new Set<number>();
      for (let count = 0; count < 20; count++) {
        const address = heap.allocate(100, 4096);
        expect(address % 4096).toBe(0);
        seen.add(address);
      }
      for (let count = 0; count < 50; count++) seen.add(heap.allocate(1200));
      expect(seen.size).toBe(70);
      expect(heap.pages).toBe(pages);
    });

    test('allocates distinct blocks for 0 bytes', () => {
      expect(new Set(Array.from({ length: 50 }, () => heap.allocate(0))).size).toBe(50);
    });

    test.each(hugeSizes)('returns 0 for %i bytes and leaves the heap unchanged', (size) => {
      const address = heap.allocate(100);
      fillPattern(heap.memory, address, 100, 1);
      const { pages } = heap;
      for (const alignment of [1, 16, 4096, 65536]) expect(heap.allocate(size, alignment)).toBe(0);
      expect(heap.pages).toBe(pages);
      const other = heap.allocate(100);
      expect(Math.abs(other - address)).toBeGreaterThanOrEqual(112);
      expect(Math.abs(other - address)).toBeLessThanOrEqual(128);
      expectPattern(heap.memory, address, 100, 1);
    });

    test('puts no header on a block', () => {
      expect(Math.abs(heap.allocate(64) - heap.allocate(64))).toBe(64);
    });
  });

  describe('deallocate', () => {
    test.each([100, 1000, 100_000])('frees blocks of %i bytes for reuse', (size) => {
      const allocateMany = (): number[] => Array.from({ length: 100 }, () => heap.allocate(size));
      const blocks = allocateMany();
      const { pages } = heap;
      for (const block of blocks) heap.deallocate(block, size);
      expect(new Set(allocateMany()).size).toBe(100);
      expect(heap.pages).toBe(pages);
    });
  });

  describe('reallocate', () => {
    test('grows the last block in place and grows memory for it', () => {
      const address = heap.allocate(2000);
      fillPattern(heap.memory, address, 2000, 2);
      expect(heap.reallocate(address, 2000, 1 << 20)).toBe(address);
      expectPattern(heap.memory, address, 2000, 2);
      expect(heap.memory.buffer.byteLength).toBeGreaterThan(1 << 20);
    });

    test('moves a block that cannot grow in place, and keeps its contents and alignment', () => {
      heap.allocate(5000);
      const address = heap.allocate(100, 1024);
      heap.allocate(5000);
      fillPattern(heap.memory, address, 100, 3);
      const moved = heap.reallocate(address, 100, 1000, 1024);
      expect(moved).not.toBe(address);
      expect(moved % 1024).toBe(0);
      expectPattern(heap.memory, moved, 100, 3);
    });

    test('shrinks a block in place and frees its tail', () => {
      const size = 50_000;
      const address = heap.allocate(size);
      heap.allocate(16);
      fillPattern(heap.memory, address, size, 4);
      expect(heap.reallocate(address, size, 32)).toBe(address);
      expectPattern(heap.memory, address, 32, 4);
      const { pages } = heap;
      for (let count = 0; count < 60; count++) heap.allocate(600);
      expect(heap.pages).toBe(pages);
      expectPattern(heap.memory, address, 32, 4);
    });

    test.each(hugeSizes)('returns 0 for %i bytes and leaves the block unchanged', (size) => {
      for (const isLast of [false, true]) {
        const address = heap.allocate(100);
        if (!isLast) heap.allocate(16);
        fillPattern(heap.memory, address, 100, 5);
        const { pages } = heap;
        expect(heap.reallocate(address, 100, size)).toBe(0);
        expect(heap.pages).toBe(pages);
        expectPattern(heap.memory, address, 100, 5);
      }
    });
  });

  describe('pages that other code added', () => {
    test('are never touched while the heap is in use', () => {
      const expectations: (() => void)[] = [];
      const shadow = new ShadowHeap(heap.memory);
      const blocks: ShadowBlock[] = [];
      for (let round = 0; round < 6; round++) {
        for (const size of [100, 3000, 60_000]) {
          for (const alignment of [16, 512, 65536]) {
            blocks.push(shadow.add(heap.allocate(size, alignment), size, alignment));
          }
        }
        expectations.push(growForeign(1 + (round % 3)));
      }
      for (const expectUntouched of expectations) expectUntouched();
      for (const block of blocks) {
        shadow.remove(block);
        heap.deallocate(block.address, block.size, block.alignment);
      }
      for (let count = 0; count < 500; count++) shadow.add(heap.allocate(1000), 1000, 16);
      shadow.verifyAll();
      for (const expectUntouched of expectations) expectUntouched();
    });

    test('make the last block move when it grows', () => {
      const address = heap.allocate(100);
      fillPattern(heap.memory, address, 100, 6);
      const expectUntouched = growForeign(2);
      const moved = heap.reallocate(address, 100, 1 << 18);
      expect(moved).toBeGreaterThan(address + 2 * 65536);
      expectPattern(heap.memory, moved, 100, 6);
      expectUntouched();
    });
  });

  describe('a memory that cannot grow', () => {
    test('makes allocate return 0, keeps all blocks, and lets freed blocks be reused', () => {
      const chunk = 2 ** 30;
      const blocks: number[] = [];
      for (let address = heap.allocate(chunk); address !== 0; address = heap.allocate(chunk))
        blocks.push(address);
      expect(blocks.length).toBeGreaterThanOrEqual(1);
      expect(blocks.length).toBeLessThan(4);
      const { pages } = heap;
      expect(heap.allocate(chunk)).toBe(0);
      expect(heap.reallocate(blocks[0] ?? 0, chunk, 2 ** 32 - 2 ** 29)).toBe(0);
      expect(heap.pages).toBe(pages);
      const [first = 0] = blocks;
      heap.deallocate(first, chunk);
      expect(heap.allocate(chunk)).toBe(first);
    });
  });

  // The other two strategies do not coalesce free blocks.
  const coalesces = strategy === 'segregated-fit' || strategy === 'free-list';
  describe.each(coalesces ? fillings : [])('memory full of blocks of $sizes', ({ nextSize }) => {
    test.each(freeingOrders)('freed in $order, has nine tenths of its bytes as one free block', ({
      arrange,
    }) => {
      const limited = new Standalone(new WebAssembly.Module(withMaximumPages(wasm, 32)));
      const kept = Array.from({ length: 20 }, (_, index) => limited.allocate(index * 13));
      kept.forEach((address, index) => {
        fillPattern(limited.memory, address, index * 13, index);
      });
      for (let round = 0; round < 2; round++) {
        const blocks = fill(limited, nextSize);
        expect(limited.pages).toBeGreaterThanOrEqual(30);
        for (const { address, size } of arrange(blocks)) limited.deallocate(address, size);
        const large = limited.pages * 65536 * 0.9;
        const address = limited.allocate(large);
        expect(address).toBeGreaterThan(0);
        limited.deallocate(address, large);
      }
      kept.forEach((address, index) => {
        expectPattern(limited.memory, address, index * 13, index);
      });
    });
  });

  test('random calls keep all contents, with pages of other code in between', () => {
    const seed = inject('seed');
    const random = new Random(seed);
    const shadow = new ShadowHeap(heap.memory);
    const slots: (ShadowBlock | undefined)[] = [];
    const expectations: (() => void)[] = [];

    runSteps(seed, 100_000, (step) => {
      const slot = random.below(200);
      const block = slots[slot];
      const size = random.below(1 << random.pick([4, 6, 10]));
      if (block === undefined) {
        const alignment = random.pick([1, 8, 16, 16, 16, 64, 1024]);
        slots[slot] = shadow.add(heap.allocate(size, alignment), size, alignment);
      } else if (random.oneIn(3)) {
        const address = heap.reallocate(block.address, block.size, size, block.alignment);
        slots[slot] = shadow.resize(block, address, size);
      } else {
        shadow.remove(block);
        heap.deallocate(block.address, block.size, block.alignment);
        slots[slot] = undefined;
      }
      if (step % 20_000 === 19_999) expectations.push(growForeign(1));
    });

    shadow.verifyAll();
    for (const expectUntouched of expectations) expectUntouched();
    expect(expectations).toHaveLength(5);
  });
});
