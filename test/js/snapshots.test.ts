// SPDX-License-Identifier: MIT

import { createHeap, type Heap } from 'lite-alloc';
import { beforeEach, describe, expect, test } from 'vitest';
import { describeStrategies } from '../support/strategies.js';

describeStrategies((strategy) => {
  let heap: Heap;
  beforeEach(async () => {
    heap = await createHeap({ strategy });
  });

  const usedBlocks = () =>
    [...heap.blocks()]
      .filter(({ state }) => state === 'used')
      .map(({ address }) => ({ address, size: heap.usableSize(address) }));

  describe('a snapshot', () => {
    test('holds the used blocks and the statistics at the time of the call', () => {
      const addresses = [100, 5000, 16].map((size) => heap.malloc(size));
      heap.free(heap.malloc(700));
      const [blocks, stats] = [usedBlocks(), heap.stats()];
      const snapshot = heap.snapshot();
      heap.free(addresses[0] ?? 0);
      heap.malloc(1 << 20);
      expect(snapshot.blocks).toEqual(blocks);
      expect(snapshot.stats).toEqual(stats);
      expect(snapshot.blocks.map(({ address }) => address)).toEqual(
        addresses.toSorted((left, right) => left - right),
      );
    });

    test('of an empty heap is empty', () => {
      expect(heap.snapshot().blocks).toEqual([]);
      expect(heap.snapshot().diff(heap.snapshot()).toString()).toBe(
        '0 blocks added, 0 removed: +0 bytes live, +0 bytes of memory',
      );
    });
  });

  test('a snapshot shows sized blocks', () => {
    const address = heap.allocate(64);
    expect(heap.snapshot().blocks).toEqual([{ address, size: expect.any(Number) }]);
    expect(heap.snapshot().blocks[0]?.size).toBeGreaterThanOrEqual(64);
  });

  describe('the difference of two snapshots', () => {
    test('lists the blocks that were added and removed', () => {
      const [first = 0, second = 0, third = 0] = [1000, 2000, 3000].map((size) =>
        heap.malloc(size),
      );
      heap.malloc(16);
      const before = heap.snapshot();
      heap.free(first);
      heap.free(third);
      const large = heap.malloc(100_000);
      const later = heap.snapshot();
      const diff = before.diff(later);
      expect(diff.added).toEqual(usedBlocks().filter(({ address }) => address === large));
      expect(diff.removed.map(({ address }) => address).toSorted()).toEqual(
        [first, third].toSorted(),
      );
      expect(diff.liveBlocks).toBe(-1);
      expect(diff.liveBytes).toBe(later.stats.liveBytes - before.stats.liveBytes);
      expect([...diff.added, ...diff.removed]).not.toContainEqual(
        expect.objectContaining({ address: second }),
      );
    });

    test('is inverted if it is taken from the later to the earlier snapshot', () => {
      const before = heap.snapshot();
      heap.malloc(1000);
      heap.malloc(heap.stats().memoryBytes);
      const later = heap.snapshot();
      const [forth, back] = [before.diff(later), later.diff(before)];
      expect(back.added).toEqual(forth.removed);
      expect(back.removed).toEqual(forth.added);
      expect(forth.added).toHaveLength(2);
      expect(forth.memoryBytes).toBeGreaterThan(0);
      for (const figure of ['liveBlocks', 'liveBytes', 'memoryBytes'] as const) {
        expect(back[figure]).toBe(-forth[figure]);
      }
    });

    test('is empty if all new blocks were freed', () => {
      heap.malloc(1000);
      const before = heap.snapshot();
      heap.scope((scope) => {
        for (let count = 0; count < 50; count++) scope.array(Float32Array, 10 * count);
      });
      expect(before.diff(heap.snapshot())).toMatchObject({
        added: [],
        removed: [],
        liveBlocks: 0,
        liveBytes: 0,
      });
    });

    test('shows a resized block as added and removed', () => {
      const address = heap.malloc(2000);
      const before = heap.snapshot();
      expect(heap.realloc(address, 9000)).toBe(address);
      const { added, removed, liveBlocks } = before.diff(heap.snapshot());
      expect(added).toEqual([{ address, size: expect.any(Number) }]);
      expect(removed).toEqual([{ address, size: expect.any(Number) }]);
      expect(added[0]?.size).toBeGreaterThan(removed[0]?.size ?? Number.POSITIVE_INFINITY);
      expect(liveBlocks).toBe(0);
    });

    test('has a text with the sums', () => {
      const gone = heap.malloc(1000);
      const before = heap.snapshot();
      heap.free(gone);
      heap.malloc(50_000);
      const diff = before.diff(heap.snapshot());
      expect(String(diff).split('\n', 1)).toEqual([
        `1 blocks added, 1 removed: +${diff.liveBytes} bytes live, +0 bytes of memory`,
      ]);
    });
  });
});
