// SPDX-License-Identifier: MIT
/// <reference lib="esnext.disposable" preserve="true" />

import { assertType } from './arguments.js';
import { disposeSymbol } from './blocks.js';
import { type HeapFunctions, mapCalls } from './heap-functions.js';

/** Is told the size of memory after and before it grew, in bytes. */
export type GrowthListener = (memoryBytes: number, previousBytes: number) => void;

/** Knows of growth by comparing sizes, and only while somebody listens. */
export class GrowthWatch {
  readonly #memory: WebAssembly.Memory;
  readonly #onChange: () => void;
  #listeners: readonly { readonly listener: GrowthListener }[] = [];
  /** Whose length is another once memory has grown: cheaper to ask than the memory. */
  #view = new Uint8Array(0);
  #bytes = 0;

  /** `onChange` is called where `isNeeded` may be another. */
  constructor(memory: WebAssembly.Memory, onChange: () => void) {
    this.#memory = memory;
    this.#onChange = onChange;
  }

  get isNeeded(): boolean {
    return this.#listeners.length !== 0;
  }

  add(listener: GrowthListener): Disposable {
    assertType('listener', listener, 'function');
    // One by one, so that the same function may listen twice.
    const entry = { listener };
    if (!this.isNeeded) this.#measure();
    this.#listeners = [...this.#listeners, entry];
    this.#onChange();
    return {
      [disposeSymbol]: () => {
        this.#listeners = this.#listeners.filter((other) => other !== entry);
        this.#onChange();
      },
    };
  }

  /** Tells listeners where memory has grown. Their errors go to the platform, as those of events do. */
  notice(): void {
    if (!this.isNeeded || this.#view.length === this.#bytes) return;
    const previousBytes = this.#bytes;
    const bytes = this.#measure();
    for (const { listener } of this.#listeners) {
      try {
        listener(bytes, previousBytes);
      } catch (error) {
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }

  /** The uppermost layer: after each call, when the heap is at rest. */
  readonly layer = (below: HeapFunctions): HeapFunctions =>
    mapCalls(below, (call) => (...numbers: number[]) => {
      const result = call(...numbers);
      this.notice();
      return result;
    });

  #measure(): number {
    this.#view = new Uint8Array(this.#memory.buffer);
    this.#bytes = this.#view.length;
    return this.#bytes;
  }
}
