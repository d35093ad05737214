// SPDX-License-Identifier: MIT
//
// A tour of the package in a terminal. It replays the allocations of a real program, uses typed arrays
// while memory grows below them, and prints a map of the heap.

import assert from 'node:assert/strict';
import { createReadStream } from 'node:fs';
import { AllocationTrace, createHeap, replay } from 'lite-alloc';
import { Operation, readTrace } from '../../bench/trace.mjs';

const history = readTrace('lua');
console.log(`A Lua program's ${history.operations} allocation calls, replayed through JavaScript.`);
const heapMap = await replayWithContents(history);
const result = await replayForTime();
await keepArraysWhileMemoryGrows();
printTable(result);
console.log(`\nThe heap half way through, lowest address first:\n\n${heapMap}`);

/**
 * Fills each block when it is allocated, and checks its contents before it is freed. Returns a map of the
 * heap half way through.
 */
async function replayWithContents({ pairs, operations, blocks }) {
  const heap = await createHeap();
  const addresses = new Float64Array(blocks);
  const sizes = new Float64Array(blocks);
  let heapMap = '';

  for (let index = 0; index < pairs.length; index += 2) {
    if (index === operations) heapMap = String(heap);
    const id = pairs[index] >>> 2;
    const size = pairs[index + 1];
    switch (pairs[index] & 3) {
      case Operation.allocate:
        addresses[id] = heap.malloc(size);
        break;
      case Operation.free:
        assertFilled(heap, addresses[id], sizes[id], id);
        heap.free(addresses[id]);
        continue;
      case Operation.reallocate:
        addresses[id] = heap.realloc(addresses[id], size);
        assertFilled(heap, addresses[id], Math.min(size, sizes[id]), id);
        break;
    }
    sizes[id] = size;
    heap.u8.fill(id, addresses[id], addresses[id] + size);
  }
  heap.check();
  console.log(`All ${blocks} blocks held what was written to them until they were freed.`);
  return heapMap;
}

function assertFilled(heap, address, size, id) {
  const bytes = heap.u8.subarray(address, address + size);
  assert.ok(
    bytes.every((byte) => byte === (id & 255)),
    `block ${id} lost its contents`,
  );
}

/** Measures the calls alone, with the package's own replay. */
async function replayForTime() {
  const file = createReadStream(new URL('../../bench/traces/lua.trace.gz', import.meta.url));
  return replay(await AllocationTrace.read(file), { rounds: 1 });
}

/**
 * Shows that a typed array which a program keeps becomes empty when memory grows, while `view` of a handle is current.
 */
async function keepArraysWhileMemoryGrows() {
  const heap = await createHeap({ initialBytes: 1 << 18 });
  const positions = heap.from(Float32Array.from({ length: 3000 }, (_, index) => index / 2));
  const colours = heap.array(Uint8Array, 4000, { zero: true });
  const kept = positions.view;
  const before = heap.memory.buffer.byteLength;
  heap.array(Float64Array, 1_000_000).free();
  colours.view[17] = 255;

  assert.equal(kept.length, 0, 'a view that was kept is detached');
  assert.equal(positions.view[2999], 1499.5);
  assert.equal(colours.view[17], 255);
  console.log(
    `Memory grew from ${formatBytes(before)} to ${formatBytes(heap.memory.buffer.byteLength)}; ` +
      'the typed arrays made before it still read and write.\n',
  );
  positions.free();
  colours.free();
  assert.equal(heap.stats().liveBlocks, 0);
}

function printTable(result) {
  const rows = [
    ['strategy', result.strategy],
    ['operations', result.operations],
    ['time per operation', `${result.nanosecondsPerOperation.minimum.toFixed(0)} ns`],
    ['peak live bytes', formatBytes(result.peakLiveBytes)],
    ['memory', formatBytes(result.peakMemoryBytes)],
    ['memory over peak live bytes', result.memoryOverPeakLive.toFixed(2)],
    ['memory growths', result.growths],
    ['fragmentation', result.fragmentation.atEnd.toFixed(3)],
  ];
  for (const [name, value] of rows)
    console.log(`  ${name.padEnd(30)}${String(value).padStart(16)}`);
}

function formatBytes(bytes) {
  const step = Math.min(Math.floor(Math.log2(Math.max(bytes, 1)) / 10), 3);
  return `${Number((bytes / 1024 ** step).toFixed(1))} ${['B', 'KiB', 'MiB', 'GiB'][step]}`;
}
