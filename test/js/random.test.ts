// SPDX-License-Identifier: MIT

import { createHeap, type Heap, type Strategy } from 'lite-alloc';
import { expect, inject, test } from 'vitest';
import { Random, runSteps } from '../support/random.js';
import { type ShadowBlock, ShadowHeap } from '../support/shadow-heap.js';
import { powersOfTwo } from '../support/sizes.js';
import { describeStrategies } from '../support/strategies.js';

/** A load with blocks of certain sizes. */
interface Phase {
  /** Blocks that may live at once. */
  readonly slots: number;
  /** Sizes are below 1 << one of these, small ones more often. */
  readonly sizeBits: readonly number[];
}

const rounds = 50;

/** Strategies that do not coalesce and that walk their free lists: a reset after each round keeps the lists short. */
const fragmenting: readonly Strategy[] = ['bump-free-list', 'segregated-bump'];

const firstPhase: Phase = { slots: 1000, sizeBits: [5, 6, 7, 8] };
const phases: readonly Phase[] = [
  firstPhase,
  { slots: 200, sizeBits: [4, 8, 12, 14] },
  { slots: 500, sizeBits: [1, 6, 10] },
  { slots: 60, sizeBits: [4, 6, 6, 16] },
];

const usualAlignments = [16, 16, 32, 64, 256, 4096];

/** Random calls on a heap with its shadow beside it. */
class RandomLoad {
  readonly #heap: Heap;
  readonly #random: Random;
  readonly shadow: ShadowHeap;
  readonly #slots: (ShadowBlock | undefined)[] = [];

  constructor(heap: Heap, seed: number) {
    this.#heap = heap;
    this.#random = new Random(seed);
    this.shadow = new ShadowHeap(heap.memory);
  }

  step({ slots, sizeBits }: Phase): void {
    const random = this.#random;
    const slot = random.below(slots);
    const block = this.#slots[slot];
    const size = random.below(1 << random.pick(sizeBits));
    if (block === undefined) {
      this.#slots[slot] = this.#allocate(size);
    } else if (random.oneIn(3)) {
      this.#slots[slot] = this.shadow.resize(block, this.#heap.realloc(block.address, size), size);
    } else {
      this.#free(block);
      this.#slots[slot] = undefined;
    }
  }

  /** Throws unless the heap agrees with the shadow. */
  verify(): void {
    this.shadow.verifyAll();
    this.#heap.check();
    const { liveBlocks, liveBytes } = this.#heap.stats();
    if (liveBlocks !== this.shadow.count || liveBytes < this.shadow.liveBytes) {
      throw new Error(
        `stats report ${liveBlocks} blocks with ${liveBytes} bytes instead of ${this.shadow.count}`,
      );
    }
  }

  freeAll(): void {
    for (const block of this.#slots) if (block !== undefined) this.#free(block);
    this.#slots.length = 0;
  }

  reset(): void {
    this.shadow.clear();
    this.#heap.reset();
    this.#slots.length = 0;
  }

  #allocate(size: number): ShadowBlock {
    const { shadow } = this;
    const heap = this.#heap;
    switch (this.#random.below(4)) {
      case 0:
        return shadow.add(heap.calloc(1, size), size, 16, { isZero: true });
      case 1: {
        const alignment = this.#random.pick(this.#random.oneIn(16) ? powersOfTwo : usualAlignments);
        return shadow.add(heap.memalign(alignment, size), size, alignment);
      }
      default:
        return shadow.add(heap.malloc(size), size, 16);
    }
  }

  #free(block: ShadowBlock): void {
    this.shadow.remove(block);
    this.#heap.free(block.address);
  }
}

describeStrategies((strategy) => {
  test('random calls keep all contents, through growth past 64 MiB', {
    timeout: 600_000,
  }, async () => {
    const seed = inject('seed');
    const operations = inject('randomOperations');
    const roundLength = operations / rounds;
    const heap = await createHeap({ strategy });
    const load = new RandomLoad(heap, seed);
    console.log(`${operations} random operations on ${strategy} with LITE_ALLOC_SEED=${seed}`);

    runSteps(seed, operations, (step) => {
      const round = Math.floor(step / roundLength);
      load.step(phases[round % phases.length] ?? firstPhase);
      if ((step + 1) % roundLength === 0) endRound(load, heap, round);
    });
    load.freeAll();
    load.verify();

    expect(heap.memory.buffer.byteLength).toBeGreaterThan(64 << 20);
    const { liveBlocks, liveBytes, allocations, frees, failures } = heap.stats();
    expect({ liveBlocks, liveBytes, failures }).toEqual({
      liveBlocks: 0,
      liveBytes: 0,
      failures: 0,
    });
    expect(allocations).toBe(frees);
    expect(allocations).toBeGreaterThan(operations / 4);
  });
});

function endRound(load: RandomLoad, heap: Heap, round: number): void {
  load.verify();
  if (round % 11 === 7) growPast64MiB(load, heap);
  if (round % 2 === 0) load.freeAll();
  load.verify();
  if (!fragmenting.includes(heap.strategy)) return;
  load.reset();
  load.verify();
}

/** Allocates large blocks, so that memory grows past 64 MiB, while small ones live. */
function growPast64MiB(load: RandomLoad, heap: Heap): void {
  const size = 1 << 20;
  const blocks = Array.from({ length: 70 }, () => load.shadow.add(heap.malloc(size), size, 16));
  load.verify();
  for (const block of blocks) {
    load.shadow.remove(block);
    heap.free(block.address);
  }
}
