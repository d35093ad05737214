// SPDX-License-Identifier: MIT

/**
 * The allocation steps of a program. Each step has two integers: a place and a size. A step allocates a block at a
 * free place, resizes the block at a taken place or, with a size of 0, frees it.
 */
export type Steps = Uint32Array;

export interface Workload {
  readonly name: string;
  readonly description: string;
  readonly steps: Steps;
}

/** Makes the workloads. They are the same each time, because randomness is seeded. */
export function makeWorkloads(): Workload[] {
  return [
    {
      name: 'objects',
      description: '500 live blocks of 8 to 128 bytes, of which random ones are replaced',
      steps: replaceAtRandom(20_000, 500, (random) => 8 + Math.floor(random() * 121)),
    },
    {
      name: 'textures',
      description: '64 live blocks of 1 to 256 KiB, of which random ones are replaced',
      steps: replaceAtRandom(4000, 64, (random) => Math.floor(1024 * 256 ** random())),
    },
    {
      name: 'frames',
      description: 'a queue of 100 blocks of 1 to 48 KiB, first in, first out',
      steps: queue(10_000, 100),
    },
    {
      name: 'arrays',
      description: '40 arrays that grow by half until they exceed 64 KiB, and then start again',
      steps: grow(8000, 40),
    },
  ];
}

type Random = () => number;

/** Returns the generator mulberry32 (Tommy Ettinger, public domain), which gives numbers from 0 to below 1. */
function seeded(seed: number): Random {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function replaceAtRandom(count: number, places: number, sizeOf: (random: Random) => number): Steps {
  const random = seeded(places);
  const taken = new Set<number>();
  const steps: number[] = [];
  while (steps.length < count * 2) {
    const place = Math.floor(random() * places);
    if (taken.delete(place)) {
      steps.push(place, 0);
    } else {
      taken.add(place);
      steps.push(place, sizeOf(random));
    }
  }
  return Uint32Array.from(steps);
}

function queue(count: number, length: number): Steps {
  const random = seeded(length);
  const steps: number[] = [];
  for (let index = 0; steps.length < count * 2; index++) {
    const place = index % length;
    if (index >= length) steps.push(place, 0);
    steps.push(place, 1024 + Math.floor(random() * 47 * 1024));
  }
  return Uint32Array.from(steps);
}

function grow(count: number, places: number): Steps {
  const random = seeded(places);
  const sizes = new Float64Array(places);
  const steps: number[] = [];
  while (steps.length < count * 2) {
    const place = Math.floor(random() * places);
    const size = sizes[place] as number;
    sizes[place] = size > 65_536 ? 0 : Math.ceil(Math.max(size, 32) * 1.5);
    steps.push(place, sizes[place] as number);
  }
  return Uint32Array.from(steps);
}
