// SPDX-License-Identifier: MIT

/** The generator mulberry32 (Tommy Ettinger, public domain): the same numbers from the same seed, everywhere. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** An integer from 0 to `limit - 1`. */
  below(limit: number): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * limit);
  }

  /** True once in `count` times. */
  oneIn(count: number): boolean {
    return this.below(count) === 0;
  }

  pick<T>(choices: readonly T[]): T {
    const choice = choices[this.below(choices.length)];
    if (choice === undefined) throw new RangeError('nothing to pick from');
    return choice;
  }
}

/** Runs steps one after another; the error of a step names the seed and the step, so that it can be repeated. */
export function runSteps(seed: number, count: number, step: (index: number) => void): void {
  for (let index = 0; index < count; index++) {
    try {
      step(index);
    } catch (cause) {
      throw new Error(`failed at step ${index} with LITE_ALLOC_SEED=${seed}: ${String(cause)}`, {
        cause,
      });
    }
  }
}
