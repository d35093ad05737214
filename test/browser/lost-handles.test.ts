// SPDX-License-Identifier: MIT
//
// Handles that a page loses. Chromium collects garbage when its debugger asks for it.

import { createHeap } from 'lite-alloc';
import { afterEach, expect, test, vi } from 'vitest';
import { cdp } from 'vitest/browser';

afterEach(() => vi.restoreAllMocks());

async function collect(): Promise<void> {
  for (let round = 0; round < 5; round++) {
    await new Promise((resolve) => setTimeout(resolve, 5));
    await (cdp() as unknown as { send(method: string): Promise<unknown> }).send(
      'HeapProfiler.collectGarbage',
    );
  }
  await new Promise((resolve) => setTimeout(resolve, 50));
}

test('a page that loses thousands of handles gets six warnings', async () => {
  const warn = vi.spyOn(console, 'warn').mockImplementation(() => undefined);
  const heap = await createHeap();
  (() => {
    for (let count = 0; count < 5000; count++) heap.array(Float32Array, 4);
  })();
  await collect();
  expect(heap.stats().liveBlocks).toBe(0);
  const lines = warn.mock.calls.map(([line]) => String(line));
  expect(lines.slice(0, 5)).toEqual(
    new Array(5).fill(expect.stringContaining('a Float32Array(4)')),
  );
  expect(lines.slice(5)).toEqual([
    'lite-alloc: 5000 handles so far were collected as garbage, but never freed',
  ]);
});

test('onLeak of a page gets every handle', async () => {
  let calls = 0;
  const heap = await createHeap({ onLeak: () => calls++ });
  (() => {
    for (let count = 0; count < 2000; count++) heap.string('text');
  })();
  await collect();
  expect([calls, heap.stats().liveBlocks]).toEqual([2000, 0]);
});
