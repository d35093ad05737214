// SPDX-License-Identifier: MIT

import {
  allocateCode,
  deallocateCode,
  freeCode,
  mallocCode,
  memalignCode,
  reallocateCode,
  reallocCode,
  resetCode,
  zeroedCode,
} from '../traces/operations.js';
import type { Pacing } from './pacing.js';
import type { Peak, Plan, PlannedOperations } from './plan.js';
import type { ReplayedHeap } from './types.js';

/**
 * The most calls between two reads of the clock. Where calls are slow, there are only so few that they take about a
 * millisecond at the previous rate.
 */
const mostSliceOperations = 64;
const sliceMilliseconds = 1;
/** After calls that set or copied more than this, the clock is read at once. */
const sliceBytes = 1 << 20;

/** The result of one round. */
export interface Round {
  readonly operations: number;
  readonly milliseconds: number;
  readonly memoryBytes: number;
  readonly fragmentation: { readonly atPeak: number; readonly atEnd: number };
  readonly growths: number;
  readonly failures: number;
  readonly timedOut: boolean;
}

/** Replays a plan once on a heap. The measured time excludes pauses for the event loop and reads of the heap's stats. */
export async function runRound(
  plan: Plan,
  peak: Peak,
  heap: ReplayedHeap,
  timeLimit: number,
  pacing: Pacing,
): Promise<Round> {
  const blocks: Blocks = {
    addresses: new Float64Array(plan.places),
    sizes: new Uint32Array(plan.places),
  };
  let milliseconds = 0;
  let operations = 0;
  let fragmentationAtPeak: number | undefined;
  let slice = 1;

  for (const piece of plan.pieces) {
    for (let begin = 0; begin < piece.codes.length && milliseconds < timeLimit; ) {
      const beforePeak = operations < peak.operation ? peak.operation - operations : Infinity;
      const most = Math.min(begin + slice, begin + beforePeak, piece.codes.length);
      const start = performance.now();
      const end = callHeap(heap, piece, begin, most, blocks);
      const stop = performance.now();
      milliseconds += stop - start;
      const affordable = ((end - begin) * sliceMilliseconds) / Math.max(stop - start, 1e-3);
      slice = Math.max(1, Math.min(mostSliceOperations, 2 * slice, Math.floor(affordable)));
      operations += end - begin;
      begin = end;
      if (operations === peak.operation) fragmentationAtPeak = heap.stats().fragmentation;
      if (pacing.isDue(stop)) await pacing.pause(operations);
    }
  }

  const { memoryBytes, fragmentation: atEnd, growths, failures } = heap.stats();
  return {
    operations,
    milliseconds,
    memoryBytes,
    fragmentation: { atPeak: fragmentationAtPeak ?? atEnd, atEnd },
    growths,
    failures,
    timedOut: operations < plan.operations || !plan.isWhole,
  };
}

/** The table of blocks: their addresses, 0 where memory could not hold one, and the sizes of those of `allocate`. */
interface Blocks {
  readonly addresses: Float64Array;
  readonly sizes: Uint32Array;
}

/**
 * Makes the calls from `begin` to `end`, but stops after a call that sets or copies many bytes. Returns the index
 * behind the last call.
 */
function callHeap(
  heap: ReplayedHeap,
  piece: PlannedOperations,
  begin: number,
  end: number,
  blocks: Blocks,
): number {
  const { addresses } = blocks;
  let bytes = 0;
  for (let index = begin; index < end; index++) {
    const place = piece.places[index] as number;
    const size = piece.sizes[index] as number;
    switch (piece.codes[index]) {
      case mallocCode:
        addresses[place] = heap.tryMalloc(size);
        break;
      case freeCode:
        heap.free(addresses[place] as number);
        break;
      case reallocCode:
        try {
          addresses[place] = heap.realloc(addresses[place] as number, size);
        } catch (error) {
          ignoreFullMemory(error);
        }
        bytes += size;
        break;
      case resetCode:
        heap.reset();
        break;
      default:
        callRarely(heap, piece, index, place, size, blocks);
        bytes += size;
    }
    if (bytes > sliceBytes) return index + 1;
  }
  return end;
}

/** Makes the calls that are rare in traces. */
function callRarely(
  heap: ReplayedHeap,
  piece: PlannedOperations,
  index: number,
  place: number,
  size: number,
  { addresses, sizes }: Blocks,
): void {
  const alignment = piece.alignments[index] as number;
  const address = addresses[place] as number;
  const oldSize = sizes[place] as number;
  const code = piece.codes[index];
  if (code === deallocateCode) {
    if (address !== 0) heap.deallocate(address, oldSize, alignment);
    return;
  }
  if (code !== reallocateCode) addresses[place] = 0;
  try {
    if (code === zeroedCode) {
      addresses[place] = heap.calloc(1, size);
    } else if (code === memalignCode) {
      addresses[place] = heap.memalign(alignment, size);
    } else if (code === allocateCode || address === 0) {
      addresses[place] = heap.allocate(size, alignment);
    } else {
      addresses[place] = heap.reallocate(address, oldSize, size, alignment);
    }
    sizes[place] = size;
  } catch (error) {
    ignoreFullMemory(error);
  }
}

/** Ignores `OutOfMemoryError`: the heap counts these failures. */
function ignoreFullMemory(error: unknown): void {
  if ((error as { code?: unknown }).code !== 'OUT_OF_MEMORY') throw error;
}
