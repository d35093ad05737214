// SPDX-License-Identifier: MIT
/// <reference lib="esnext.disposable" preserve="true" />

import type { OperationWatch } from '../blocks/owner.js';
import { disposeSymbol } from '../core/dispose.js';
import type { HostAbortSignal } from '../core/host-types.js';
import { assertOptions, assertSignal, assertType } from '../core/validate.js';
import { type HeapFunctions, type HeapLayer, mapFunctions } from '../module/heap-functions.js';

/** Receives the size of memory after and before it grew, in bytes. */
export type GrowthListener = (memoryBytes: number, previousBytes: number) => void;

/** The options of `Heap.onGrow`. */
export interface GrowthOptions {
  /** Removes the listener when it is aborted. A signal that is already aborted adds no listener. */
  signal?: HostAbortSignal;
}

/** A listener of `Heap.onGrow`, as long as it is not removed. */
export interface Subscription extends Disposable {
  /** Removes the listener. A second call does nothing, and neither does a call after the heap was disposed. */
  remove(): void;
}

/**
 * Detects growth and calls listeners. It detects growth by comparing sizes, and only while there are listeners.
 * Listeners run between operations, never inside one. All of them receive one growth before any of them receives
 * the next.
 */
export class GrowthWatch implements HeapLayer, OperationWatch {
  readonly #measure: () => number;
  readonly #onChange: () => void;
  /** By the function that removes the listener: the same listener may be added twice. */
  readonly #listeners = new Map<() => void, GrowthListener>();
  /** Whether there are listeners. A field, since each operation reads it: the size of a map takes longer. */
  isNeeded = false;
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

  /** Implements `Heap.onGrow`. */
  add(listener: GrowthListener, options: GrowthOptions): Subscription {
    assertType('listener', listener, 'function');
    assertOptions(options, ['signal']);
    const { signal } = options;
    assertSignal(signal);
    const remove = (): void => {
      signal?.removeEventListener('abort', remove);
      this.#listeners.delete(remove);
      this.isNeeded = this.#listeners.size !== 0;
      this.#onChange();
    };
    if (signal?.aborted !== true) {
      signal?.addEventListener('abort', remove);
      this.reportGrowth();
      this.#bytes = this.#measure();
      this.#listeners.set(remove, listener);
      this.isNeeded = true;
      this.#onChange();
    }
    return { remove, [disposeSymbol]: remove };
  }

  /** Removes all listeners. */
  end(): void {
    for (const remove of this.#listeners.keys()) remove();
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
      for (const [remove, listener] of [...this.#listeners]) {
        // An earlier listener may have removed this one.
        if (!this.#listeners.has(remove)) continue;
        try {
          listener(...sizes);
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
