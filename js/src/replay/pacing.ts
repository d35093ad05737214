// SPDX-License-Identifier: MIT

import { EventLoopBreaks } from '../core/event-loop.js';

/** Pauses the replay for the event loop, reports progress, and stops the replay where it is aborted. */
export class Pacing {
  /** The operations of all rounds; infinite while the trace is planned. */
  #operations = Number.POSITIVE_INFINITY;
  readonly #signal: AbortSignal | undefined;
  readonly #onProgress: ((share: number) => void) | undefined;
  readonly #breaks = new EventLoopBreaks();
  #finished = 0;

  constructor(signal: AbortSignal | undefined, onProgress: ((share: number) => void) | undefined) {
    this.#signal = signal;
    this.#onProgress = onProgress;
  }

  /** Begins the rounds, which have this many operations in total. */
  begin(operations: number): void {
    this.#operations = operations;
  }

  /** Returns whether it is time for `pause`. */
  isDue(now: number): boolean {
    return this.#breaks.isDue(now);
  }

  /** Reports progress and lets the event loop run. `operations` are those since the last `finish`. */
  async pause(operations: number): Promise<void> {
    this.#onProgress?.(Math.min((this.#finished + operations) / this.#operations, 1));
    await this.#breaks.take();
    this.throwIfAborted();
  }

  /** Ends a round of this many operations. */
  finish(operations: number): void {
    this.throwIfAborted();
    this.#finished += operations;
  }

  throwIfAborted(): void {
    if (this.#signal?.aborted === true) throw this.#signal.reason;
  }
}
