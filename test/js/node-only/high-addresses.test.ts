// SPDX-License-Identifier: MIT

import { freemem } from 'node:os';
import { createHeap, InvalidFreeError, OutOfMemoryError } from 'lite-alloc';
import { describe, expect, test } from 'vitest';
import { catchError } from '../../support/errors.js';
import { expectPattern, fillPattern } from '../../support/pattern.js';
import { headerlessStrategies } from '../../support/strategies.js';

const page = 65536;
const GiB = 2 ** 30;
const neededBytes = 6 * GiB;

/** Blocks above a block of this size have addresses with the highest bit set. */
const lowBytes = 2 * GiB + 2 ** 24;

const isTooSmall = freemem() < neededBytes;
const reason = isTooSmall
  ? ` (skipped: ${(freemem() / GiB).toFixed(1)} GiB of memory are free, 6 are needed)`
  : '';

/** free-list would allocate below the large block, and segregated-bump behaves like bump-free-list here. */
const chosen = ['segregated-fit', 'bump-free-list'] as const;

describe.skipIf(isTooSmall).each(chosen)(`addresses of %s above 2 GiB${reason}`, (strategy) => {
  test('are positive, and every call accepts them', async () => {
    const heap = await createHeap({ strategy, maximumBytes: 4 * GiB });
    const low = heap.malloc(lowBytes);
    const address = heap.malloc(1000);
    expect(address).toBeGreaterThan(2 * GiB);
    fillPattern(heap.memory, address, 1000, 1);
    expect(heap.usableSize(address)).toBeGreaterThanOrEqual(1000);

    // A used block behind it, so that realloc must move the block and leaves a free one in between.
    const fence = heap.malloc(16);
    const moved = heap.realloc(address, 5000);
    expect(moved).toBeGreaterThan(address);
    expectPattern(heap.memory, moved, 1000, 1);
    expect(heap.realloc(moved, 1000)).toBe(moved);
    expect(() => heap.free(address)).toThrow(expect.objectContaining({ address }));

    const aligned = heap.memalign(65536, 100);
    expect(aligned % 65536).toBe(0);
    expect(aligned).toBeGreaterThan(2 * GiB);

    const zero = heap.calloc(10, 10);
    expect(heap.u8.subarray(zero, zero + 100).every((byte) => byte === 0)).toBe(true);

    const sized = heap.allocate(64);
    expect(sized).toBeGreaterThan(2 * GiB);
    const resized = heap.reallocate(sized, 64, 256);
    expect(resized).toBeGreaterThan(2 * GiB);
    heap.deallocate(resized, 256);

    const used = [...heap.blocks()]
      .filter(({ state }) => state === 'used')
      .map((block) => block.address);
    expect(used).toEqual(
      [low, fence, moved, aligned, zero].toSorted((left, right) => left - right),
    );
    expect(heap.stats()).toMatchObject({ liveBlocks: 5, maximumBytes: 4 * GiB });
    expect(heap.stats().liveBytes).toBeGreaterThan(lowBytes);
    heap.check();

    for (const block of [fence, moved, aligned, zero]) heap.free(block);
    expect(catchError(InvalidFreeError, () => heap.free(zero + 16)).address).toBe(zero + 16);
    heap.check();
    expect(heap.stats().liveBlocks).toBe(1);
    heap.dispose();
  });

  test('hold typed arrays', async () => {
    const heap = await createHeap({ strategy, maximumBytes: 4 * GiB });
    heap.malloc(lowBytes);
    const floats = heap.from(Float64Array.of(1.5, -2.5));
    const bytes = heap.array(Uint8Array, 1000, { alignment: 4096, zero: true });
    expect(floats.address).toBeGreaterThan(2 * GiB);
    expect(floats.view).toMatchObject({ byteOffset: floats.address, length: 2 });
    expect([...floats.view]).toEqual([1.5, -2.5]);
    expect(bytes.address % 4096).toBe(0);
    floats.resize(100_000);
    heap.memory.grow(1);
    expect([...floats.view.subarray(0, 2)]).toEqual([1.5, -2.5]);
    expect(heap.f64[floats.address / 8]).toBe(1.5);
    bytes.view.fill(9);
    expect(heap.from(bytes.view).view.every((byte) => byte === 9)).toBe(true);
    floats.free();
    expect(floats.alive).toBe(false);
    heap.check();
    heap.dispose();
  });

  test('reach up to the end of a memory of 4 GiB, and not beyond', async () => {
    const heap = await createHeap({ strategy, maximumBytes: 4 * GiB });
    const chunk = 2 ** 28;
    const addresses: number[] = [];
    for (
      let address = heap.tryMalloc(chunk - 16);
      address !== 0;
      address = heap.tryMalloc(chunk - 16)
    ) {
      addresses.push(address);
    }
    for (let size = chunk / 2; size >= 1024; size /= 2) {
      const address = heap.tryMalloc(size - 16);
      if (address !== 0) addresses.push(address);
    }
    const last = addresses.at(-1) ?? 0;
    expect(last).toBeGreaterThan(3.99 * GiB);
    expect(heap.memory.buffer.byteLength).toBeGreaterThan(3.99 * GiB);
    expect(addresses).toEqual(addresses.toSorted((left, right) => left - right));
    heap.u8[last] = 5;
    expect(catchError(OutOfMemoryError, () => heap.malloc(chunk)).maximumBytes).toBe(4 * GiB);
    heap.check();
    for (const address of addresses) heap.free(address);
    expect(heap.stats()).toMatchObject({ liveBlocks: 0, liveBytes: 0 });
    heap.check();
    heap.dispose();
  });
});

describe.each(headerlessStrategies)('%s', (strategy) => {
  test('a region may end at 4 GiB', async () => {
    const memory = new WebAssembly.Memory({ initial: 65536, maximum: 65536 });
    const heap = await createHeap({ strategy, memory, start: 2 ** 32 - 4 * page, end: 2 ** 32 });
    const blocks: number[] = [];
    for (let size = 1000; ; size += 500) {
      const address = heap.tryMalloc(size);
      if (address === 0) break;
      heap.u8.fill(blocks.length, address, address + size);
      blocks.push(address);
    }
    expect(heap.tryMalloc(2 ** 32 - 5 * page)).toBe(0);
    blocks.forEach((address, index) => {
      expect(heap.u8[address]).toBe(index);
      expect(heap.u8[address + 999 + 500 * index]).toBe(index);
    });
    heap.check();
    for (const address of blocks) heap.free(address);
    heap.check();
  });
});
