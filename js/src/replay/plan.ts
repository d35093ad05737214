// SPDX-License-Identifier: MIT

import { AddressMap } from '../core/address-map.js';
import { granuleBytes } from '../core/units.js';
import {
  allocateCode,
  deallocateCode,
  freeCode,
  mallocCode,
  memalignCode,
  type Operations,
  reallocateCode,
  reallocCode,
  resetCode,
} from '../traces/operations.js';
import type { Pacing } from './pacing.js';

/** Words of a trace that become one piece of a plan: 16 384 operations. */
const pieceWords = 3 << 14;

/** Consecutive operations. Each block is a place in a table; places of freed blocks are used again. */
export interface PlannedOperations {
  readonly codes: Uint8Array;
  readonly places: Uint32Array;
  readonly sizes: Uint32Array;
  readonly alignments: Uint32Array;
}

/** A trace as it is replayed. */
export interface Plan {
  readonly pieces: readonly PlannedOperations[];
  /** The number of operations. Frees of blocks that were allocated before the recording do not count. */
  readonly operations: number;
  /** The size of the table of blocks. */
  readonly places: number;
  /** Whether it has the whole trace. Planning stops at half of the time limit. */
  readonly isWhole: boolean;
}

/** The most live bytes in the first operations of a plan, and the operation after which they are live. */
export interface Peak {
  readonly bytes: number;
  readonly operation: number;
}

/** Plans a trace. It stops after `timeLimit` milliseconds. */
export async function makePlan(
  { chunks }: Operations,
  timeLimit: number,
  pacing: Pacing,
): Promise<Plan> {
  const planner = new Planner();
  const pieces: PlannedOperations[] = [];
  let operations = 0;
  let milliseconds = 0;
  for (const chunk of chunks) {
    for (let begin = 0; begin < chunk.length; begin += pieceWords) {
      if (milliseconds > timeLimit) {
        return { pieces, operations, places: planner.places, isWhole: false };
      }
      const start = performance.now();
      const piece = planner.plan(chunk.subarray(begin, begin + pieceWords));
      const stop = performance.now();
      pieces.push(piece);
      operations += piece.codes.length;
      milliseconds += stop - start;
      if (pacing.isDue(stop)) await pacing.pause(0);
    }
  }
  return { pieces, operations, places: planner.places, isWhole: true };
}

/** Assigns places to blocks. */
class Planner {
  places = 0;
  readonly #placeOf = new AddressMap<number>();
  readonly #freePlaces: number[] = [];

  plan(words: Uint32Array): PlannedOperations {
    const placeOf = this.#placeOf;
    const piece = newPiece(words.length / 3);
    let count = 0;
    for (let index = 0; index < words.length && words[index] !== 0; index += 3) {
      const key = words[index] as number;
      const size = words[index + 1] as number;
      const detail = words[index + 2] as number;
      const exponent = detail & 15;
      const address = key - (key & 15);
      let code = key & 15;
      let place = placeOf.get(address);
      if (place !== undefined) placeOf.delete(address);
      if (code === resetCode) {
        for (const live of placeOf.values()) this.#freePlaces.push(live);
        placeOf.clear();
      } else if (code === freeCode || code === deallocateCode) {
        if (place === undefined) continue;
        this.#freePlaces.push(place);
      } else {
        const isResize = code === reallocCode || code === reallocateCode;
        // A block that was allocated before the recording is allocated here.
        if (isResize && place === undefined) {
          code = code === reallocCode ? mallocCode : allocateCode;
        }
        if (code === memalignCode && exponent === 0) code = mallocCode;
        place ??= this.#freePlaces.pop() ?? this.places++;
        placeOf.set(isResize ? detail - exponent : address, place);
      }
      piece.codes[count] = code;
      piece.places[count] = place ?? 0;
      piece.sizes[count] = size;
      piece.alignments[count] = granuleBytes << exponent;
      count++;
    }
    return firstOf(piece, count);
  }
}

function newPiece(length: number): PlannedOperations {
  return {
    codes: new Uint8Array(length),
    places: new Uint32Array(length),
    sizes: new Uint32Array(length),
    alignments: new Uint32Array(length),
  };
}

function firstOf(
  { codes, places, sizes, alignments }: PlannedOperations,
  count: number,
): PlannedOperations {
  return {
    codes: codes.subarray(0, count),
    places: places.subarray(0, count),
    sizes: sizes.subarray(0, count),
    alignments: alignments.subarray(0, count),
  };
}

/** Finds the peak of live bytes in the first `operations` of a plan. */
export async function findPeak(
  { pieces, places }: Plan,
  operations: number,
  pacing: Pacing,
): Promise<Peak> {
  const sizes = new Uint32Array(places);
  /** Places that were used since the last reset. */
  let used: number[] = [];
  let live = 0;
  let peak: Peak = { bytes: 0, operation: 0 };
  let operation = 0;
  for (const piece of pieces) {
    for (let index = 0; index < piece.codes.length && operation < operations; index++) {
      const place = piece.places[index] ?? 0;
      const size = piece.sizes[index] ?? 0;
      operation++;
      if (piece.codes[index] === resetCode) {
        live = 0;
        for (const reset of used) sizes[reset] = 0;
        used = [];
      } else {
        const before = sizes[place] ?? 0;
        if (before === 0 && size !== 0) used.push(place);
        live += size - before;
        sizes[place] = size;
      }
      if (live > peak.bytes) peak = { bytes: live, operation };
    }
    if (pacing.isDue(performance.now())) await pacing.pause(0);
  }
  return peak;
}
