// SPDX-License-Identifier: MIT

import { join } from 'node:path';
import { createHeap, type Heap } from 'lite-alloc';
import { beforeEach, describe, expect, test } from 'vitest';
import { runNode } from '../../support/consumer.js';
import { repository } from '../../support/sources.js';
import { describeStrategies } from '../../support/strategies.js';

interface HeapMap {
  readonly title: string;
  readonly rows: readonly string[];
  readonly legend: string;
}

function drawMap(heap: Heap): HeapMap {
  const lines = heap.toString().split('\n');
  const rows = lines.slice(1, -1);
  for (const row of rows) expect(row).toMatch(/^│[ ░▒▓█·]{64}│$/);
  return {
    title: lines[0] ?? '',
    rows: rows.map((row) => row.slice(1, -1)),
    legend: lines.at(-1) ?? '',
  };
}

describeStrategies((strategy) => {
  let heap: Heap;
  beforeEach(async () => {
    heap = await createHeap({ strategy, initialBytes: 1 << 20, maximumBytes: 1 << 20 });
  });

  describe('the map of a heap', () => {
    test('has a title, rows, and a legend', () => {
      heap.malloc(1000);
      const { title, rows, legend } = drawMap(heap);
      const { liveBytes } = heap.stats();
      expect(title).toBe(`${strategy}: 1 blocks, ${liveBytes} bytes live, 1048576 bytes of memory`);
      expect(rows.length).toBeGreaterThan(0);
      expect(rows.length).toBeLessThanOrEqual(12);
      expect(legend).toBe("each character is 2048 bytes: ' ' free, '█' used, '·' of other code");
    });

    test('is empty for an empty heap', () => {
      const { title, rows } = drawMap(heap);
      expect(title).toBe(`${strategy}: 0 blocks, 0 bytes live, 1048576 bytes of memory`);
      expect(rows.join('').trim()).toBe('');
    });

    test('is full for a full heap', () => {
      for (let size = 1 << 19; size >= 1024; size /= 2) while (heap.tryMalloc(size) !== 0);
      const cells = drawMap(heap).rows.join('').trimEnd();
      expect(cells.length).toBeGreaterThan(400);
      expect(cells.replaceAll('█', '').length).toBeLessThan(cells.length / 20);
    });

    test('shows which parts are used and which are free', () => {
      const blocks = Array.from({ length: 9 }, () => heap.malloc(100_000));
      const sorted = blocks.toSorted((left, right) => left - right);
      for (const index of [2, 3, 6]) heap.free(sorted[index] ?? 0);
      const cells = drawMap(heap).rows.join('');
      const begin = heap.blocks().next().value?.address ?? 0;
      const cellAt = (address: number): string =>
        cells.charAt(Math.floor((address - begin) / 2048));
      for (const [index, address] of sorted.entries()) {
        const isFree = [2, 3, 6].includes(index);
        for (const offset of [10_000, 50_000, 90_000]) {
          expect(cellAt(address + offset)).toBe(isFree ? ' ' : '█');
        }
      }
    });

    test('shades parts that are partly used', () => {
      const blocks = Array.from({ length: 1000 }, () => heap.malloc(600));
      for (const [index, address] of blocks.entries()) if (index % 2 === 0) heap.free(address);
      expect(drawMap(heap).rows.join('')).toMatch(/[░▒▓]{100}/);
    });

    test('shows pages that other code added', async () => {
      heap = await createHeap({ strategy });
      heap.malloc(1 << 18);
      heap.memory.grow(16);
      heap.malloc(1 << 18);
      expect(drawMap(heap).rows.join('')).toMatch(/[^·]·{200,600}[^·]/);
    });

    test('has no more rows for a large heap', async () => {
      heap = await createHeap({ strategy, initialBytes: 1 << 20, maximumBytes: 2 ** 32 });
      heap.malloc(3 * 2 ** 30);
      heap.malloc(1000);
      const { title, rows, legend } = drawMap(heap);
      expect(title).toMatch(/: 2 blocks, 322\d{7} bytes live, 3\d{9} bytes of memory$/);
      expect(rows.length).toBeLessThanOrEqual(12);
      expect(rows.join('')).toMatch(/█{300}/);
      expect(legend).toMatch(/ (4194304|8388608) bytes: /);
    });

    test('is the result of every conversion of a heap to text', () => {
      expect(`${heap}`).toBe(heap.toString());
    });

    test('is replaced by the error for a corrupted or disposed heap', () => {
      const [address] = [heap.malloc(5000), heap.malloc(5000), heap.malloc(5000)];
      heap.free(address);
      heap.u8.fill(0xff, address - 16, address + 16);
      expect(heap.toString()).toMatch(new RegExp(`^${strategy}: HeapCorruptionError: [^\n]*$`));
      heap.dispose();
      expect(heap.toString()).toBe(`${strategy}: UseAfterFreeError: the heap was disposed`);
    });
  });
});

test.each([
  ['index.js', 1],
  ['index.node.js', 3],
  ['inline.js', 3],
])('the text of a heap from %s is one line, with a map below in Node and in the inline entry', (entry, lines) => {
  const program = `
    const { createHeap } = await import(${JSON.stringify(join(repository, 'dist', entry))});
    const heap = await createHeap();
    heap.malloc(1000);
    process.stdout.write(String(heap));
  `;
  const text = runNode(repository, '--input-type=module', '--eval', program).split('\n');
  expect(text[0]).toMatch(/^segregated-fit: 1 blocks, 1\d{3} bytes live, \d+ bytes of memory$/);
  if (lines === 1) expect(text).toHaveLength(1);
  else expect(text.length).toBeGreaterThanOrEqual(lines);
});

test('is drawn once where both the entry for Node and lite-alloc/inline are loaded', () => {
  const script = `
    const { createHeapSync } = await import('lite-alloc');
    await import('lite-alloc/inline');
    console.log(createHeapSync().toString().match(/each character is/g).length);
  `;
  expect(runNode(repository, '--input-type=module', '--eval', script)).toBe('1');
});
