// SPDX-License-Identifier: MIT
//
// Runs random sequences of calls of the whole public interface and compares the heap with a model. A failure prints
// fast-check's seed and the shortest sequence that fails.

import fc from 'fast-check';
import { createHeap, type Heap, type HeapOptions, type Strategy, strategies } from 'lite-alloc';
import { describe, expect, inject, test } from 'vitest';
import { allCommands } from '../support/model/commands.js';
import { HeapModel } from '../support/model/model.js';

/** The number of commands to run for each variant. */
const wantedCommands = inject('randomOperations') / 10;
const commandsInARun = 250;
const runsInARound = Math.min(50, Math.ceil(wantedCommands / commandsInARun));

/** Small enough that the heap is full at times. */
const maximumBytes = 3 << 20;

const variants = strategies.flatMap((strategy): { strategy: Strategy; debug: boolean }[] =>
  [false, true].map((debug) => ({ strategy, debug })),
);

describe.each(variants)('the whole interface on $strategy, debug $debug', (variant) => {
  test('behaves as the model predicts', async () => {
    const seed = inject('seed');
    console.log(`model: fast-check seed ${seed}`);
    let commands = 0;
    const run = async (sequence: Iterable<fc.Command<HeapModel, Heap>>): Promise<void> => {
      const options: HeapOptions = { ...variant, maximumBytes, onLeak: failOnLeak };
      const heap = await createHeap(options);
      const model = new HeapModel(heap.memory, variant.debug);
      fc.modelRun(() => ({ model, real: heap }), sequence);
      commands += model.commands;
      model.end(heap);
    };
    const sequences = fc.commands(allCommands(), { maxCommands: commandsInARun, size: 'max' });
    for (let round = 0; commands < wantedCommands; round++) {
      const parameters = { seed: seed + round, numRuns: runsInARound, endOnFailure: false };
      await fc.assert(fc.asyncProperty(sequences, run), parameters);
    }
    expect(commands).toBeGreaterThanOrEqual(wantedCommands);
  });
});

function failOnLeak(): never {
  throw new Error('a handle was lost');
}
