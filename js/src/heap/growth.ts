// SPDX-License-Identifier: MIT
/// <reference lib="esnext.disposable" preserve="true" />

import type { OperationWatch } from '../blocks/owner.js';
import { disposeSymbol } from '../core/dispose.js';
import { assertType } from '../core/validate.js';
import { type HeapFunctions, type HeapLayer, mapFunctions } from '../module/heap-functions.js';

/** Receives the size of memory after and before it grew, in bytes. */
export type GrowthListener = (memoryBytes: number, previousBytes: number) => void;

/**
 * Detects growth and calls listeners. It detects growth by comparing sizes, and only while there are listeners.
 * Listeners run between operations, never inside one. All of them receive one growth before any of them receives
 * the next.
 */
export class GrowthWatch implements HeapLayer, OperationWatch {
  readonly #measure: () => number;
  readonly #onChange: () => void;
  readonly #subscriptions = new Set<{ readonly listener: GrowthListener }>();
  #bytes = 0;
  /** The depth of nested operations. The delivery of events counts as an operation. */
  #operations = 0;
  /** The arguments for listeners, one entry for each growth that was not delivered yet. */
  #events: Parameters<GrowthListener>[] = [];

  /** `measure` returns the size of memory in bytes. `onChange` is called when `isNeeded` may have changed. */
  constructor(measure: () => number, onChange: () => void) {
    this.#measure = measure;
    this.#onChange = onChange;
  }

  /** Whether there are listeners. */
  get isNeeded(): boolean {
    return this.#subscriptions.size !== 0;
  }

  /** Implements `Heap.onGrow`. */
  add(listener: GrowthListener): Disposable {
    assertType('listener', listener, 'function');
    // An object for each call, so that the same function may listen twice.
    const subscription = { listener };
    this.reportGrowth();
    this.#bytes = this.#measure();
    this.#subscriptions.add(subscription);
    this.#onChange();
    return {
      [disposeSymbol]: () => {
        this.#subscriptions.delete(subscription);
        this.#onChange();
      },
    };
  }

  /** Removes all listeners. */
  end(): void {
    this.#subscriptions.clear();
  }

  /** Runs an operation that consists of several calls. Listeners run after its end. */
  runOperation<Result>(operation: () => Result): Result {
    this.#operations++;
    try {
      return operation();
    } finally {
      this.#operations--;
      this.reportGrowth();
    }
  }

  /**
   * Records growth and, outside of operations, delivers all recorded growth to the listeners. An error that a
   * listener throws becomes an uncaught error, as in event listeners.
   */
  reportGrowth(): void {
    if (!this.isNeeded) return;
    const bytes = this.#measure();
    if (bytes !== this.#bytes) this.#events.push([bytes, this.#bytes]);
    this.#bytes = bytes;
    if (this.#operations === 0) this.#deliver();
  }

  /** Reports growth after each call. This is the uppermost layer. */
  wrap(below: HeapFunctions): HeapFunctions {
    return mapFunctions(below, (call) => (...numbers: number[]) => {
      try {
        return call(...numbers);
      } finally {
        this.reportGrowth();
      }
    });
  }

  #deliver(): void {
    this.#operations++;
    // The loop also visits the growth that listeners cause, which is added at the end.
    for (const sizes of this.#events) {
      for (const subscription of [...this.#subscriptions]) {
        // An earlier listener may have removed this one.
        if (!this.#subscriptions.has(subscription)) continue;
        try {
          subscription.listener(...sizes);
        } catch (error) {
          queueMicrotask(() => {
            throw error;
          });
        }
      }
      this.reportGrowth();
    }
    this.#events = [];
    this.#operations--;
  }
}
