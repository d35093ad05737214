// SPDX-License-Identifier: MIT

import { AllocationTrace, createHeap, type Heap, type Strategy, TraceError } from 'lite-alloc';
import { expect } from 'vitest';
import { Random } from './random.js';

/** Writes a trace and returns the bytes of the file. */
export async function toBytes(
  trace: AllocationTrace,
  options?: { gzip?: boolean },
): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await new Response(trace.write(options)).arrayBuffer());
}

/** Yields bytes in pieces of `length`. */
export function* inPieces(bytes: Uint8Array, length: number): Generator<Uint8Array> {
  for (let begin = 0; begin < bytes.length; begin += length) {
    yield bytes.subarray(begin, begin + length);
  }
}

/** Records what `use` does with a fresh heap. */
export async function record(
  use: (heap: Heap) => void,
  strategy: Strategy = 'segregated-fit',
): Promise<AllocationTrace> {
  const heap = await createHeap({ strategy });
  const recorder = heap.record();
  use(heap);
  return recorder.stop();
}

/** Reads the bytes of an invalid trace and returns the error. */
export async function refusalOf(bytes: Uint8Array): Promise<TraceError> {
  const error = await AllocationTrace.read(inPieces(bytes, 1000)).catch(
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(TraceError);
  return error as TraceError;
}

interface RandomBlock {
  address: number;
  size: number;
  readonly alignment: number;
  readonly isSized: boolean;
}

/** Makes calls of every kind; the same seed makes the same calls on every heap. */
export function makeRandomCalls(heap: Heap, seed: number, count: number): void {
  const random = new Random(seed);
  let blocks: RandomBlock[] = [];
  for (let step = 0; step < count; step++) {
    if (random.oneIn(1000)) {
      heap.reset();
      blocks = [];
    } else if (blocks.length < 20 || random.oneIn(3)) {
      blocks.push(allocateAtRandom(heap, random));
    } else {
      const index = random.below(blocks.length);
      const block = blocks[index] as RandomBlock;
      if (random.oneIn(3)) {
        resize(heap, block, random.below(300));
      } else {
        if (block.isSized) heap.deallocate(block.address, block.size, block.alignment);
        else heap.free(block.address);
        blocks.splice(index, 1);
      }
    }
  }
}

function allocateAtRandom(heap: Heap, random: Random): RandomBlock {
  const size = random.below(random.oneIn(10) ? 5000 : 100);
  const alignment = 2 ** random.below(9);
  switch (random.below(6)) {
    case 0:
      return { address: heap.calloc(1, size), size, alignment: 16, isSized: false };
    case 1:
      return { address: heap.memalign(alignment, size), size, alignment, isSized: false };
    case 2:
      return { address: heap.allocate(size, alignment), size, alignment, isSized: true };
    default:
      return { address: heap.malloc(size), size, alignment: 16, isSized: false };
  }
}

function resize(heap: Heap, block: RandomBlock, size: number): void {
  block.address = block.isSized
    ? heap.reallocate(block.address, block.size, size, block.alignment)
    : heap.realloc(block.address, size);
  block.size = size;
}
