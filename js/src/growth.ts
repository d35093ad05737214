// SPDX-License-Identifier: MIT
/// <reference lib="esnext.disposable" preserve="true" />

import { assertType } from './arguments.js';
import { disposeSymbol } from './blocks.js';
import { type HeapFunctions, type HeapLayer, mapCalls } from './heap-functions.js';

/** Receives the size of memory after and before it grew, in bytes. */
export type GrowthListener = (memoryBytes: number, previousBytes: number) => void;

/**
 * Detects growth by comparing sizes, and only while there are listeners. These run between operations,
 * never inside one, and each of them hears of one growth before any of them hears of the next.
 */
export class GrowthWatch implements HeapLayer {
  readonly #measure: () => number;
  readonly #onChange: () => void;
  #subscriptions: readonly { readonly listener: GrowthListener }[] = [];
  #bytes = 0;
  /** Operations under way, one inside the other; the delivery of events counts as one. */
  #operations = 0;
  /** The sizes after and before a growth that was not delivered to all yet. */
  #events: Parameters<GrowthListener>[] = [];

  /** `measure` gives the size of memory in bytes. `onChange` is called where `isNeeded` may be another. */
  constructor(measure: () => number, onChange: () => void) {
    this.#measure = measure;
    this.#onChange = onChange;
  }

  get isNeeded(): boolean {
    return this.#subscriptions.length !== 0;
  }

  add(listener: GrowthListener): Disposable {
    assertType('listener', listener, 'function');
    // One by one, so that the same function may listen twice.
    const subscription = { listener };
    this.notice();
    this.#bytes = this.#measure();
    this.#subscriptions = [...this.#subscriptions, subscription];
    this.#onChange();
    return {
      [disposeSymbol]: () => {
        this.#subscriptions = this.#subscriptions.filter((other) => other !== subscription);
        this.#onChange();
      },
    };
  }

  /** Drops all listeners. */
  end(): void {
    this.#subscriptions = [];
  }

  /** What `operation` returns, which is an operation of several calls: listeners wait for its end. */
  runOperation<Result>(operation: () => Result): Result {
    this.#operations++;
    try {
      return operation();
    } finally {
      this.#operations--;
      this.notice();
    }
  }

  /**
   * Records growth, and delivers what is recorded where no operation is under way. Errors of listeners go
   * to the platform, as those of events do.
   */
  notice(): void {
    if (!this.isNeeded) return;
    const bytes = this.#measure();
    if (bytes !== this.#bytes) this.#events.push([bytes, this.#bytes]);
    this.#bytes = bytes;
    if (this.#operations === 0) this.#deliver();
  }

  /** The uppermost layer: after each call. */
  wrap(below: HeapFunctions): HeapFunctions {
    return mapCalls(below, (call) => (...numbers: number[]) => {
      try {
        return call(...numbers);
      } finally {
        this.notice();
      }
    });
  }

  #deliver(): void {
    this.#operations++;
    // Growth that listeners cause is added at the end, and this loop reaches it.
    for (const sizes of this.#events) {
      for (const subscription of this.#subscriptions) {
        // An earlier listener may have ended this one.
        if (!this.#subscriptions.includes(subscription)) continue;
        try {
          subscription.listener(...sizes);
        } catch (error) {
          queueMicrotask(() => {
            throw error;
          });
        }
      }
      this.notice();
    }
    this.#events = [];
    this.#operations--;
  }
}
