// SPDX-License-Identifier: MIT

import type { HeapHandle, LeakedHandle, LeakRegistry } from './blocks.js';
import { formatAddress } from './values.js';

/** Handles that wait at most: more, and those that are freed by then are let go. */
const waitingHandles = 1024;

/**
 * Finds handles that were collected as garbage while they were alive.
 *
 * To register an object with the engine, and to take it back, costs many times what a small block does.
 * So new handles wait until the code that runs has ended, before which the engine finalizes nothing
 * anyway, and only those are registered that are still alive then, or when many wait.
 */
export class LeakNet {
  /** Hosts that finalize nothing have no such class: Cloudflare Workers of before May 2025, for one. */
  readonly #registry: LeakRegistry | undefined;
  #waiting: HeapHandle[] = [];
  /** Those that were alive then. */
  #known: WeakRef<HeapHandle>[] = [];
  #pruneAt = waitingHandles;

  /** Calls `found` for each, and does not keep the heap from being collected. */
  constructor(found: (leak: LeakedHandle & { readonly epoch: number }) => void) {
    if (typeof FinalizationRegistry === 'function')
      this.#registry = new FinalizationRegistry(found);
  }

  watch(handle: HeapHandle): void {
    const registry = this.#registry;
    if (registry === undefined) return;
    const count = this.#waiting.push(handle);
    if (count === 1) void Promise.resolve().then(() => this.#flush(registry));
    if (count === waitingHandles) this.#flush(registry);
  }

  /**
   * Takes their views from all handles, so that none of these keeps the memory of a heap that was disposed:
   * engines link the buffer of a view to its memory even when it is detached.
   */
  end(): void {
    for (const handle of this.#waiting) handle.dropView();
    for (const known of this.#known) known.deref()?.dropView();
    this.#known = [];
  }

  #flush(registry: LeakRegistry): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const handle of waiting) {
      if (handle.alive) {
        handle.register(registry);
        this.#known.push(new WeakRef(handle));
      }
    }
    if (this.#known.length < this.#pruneAt) return;
    const live = new Set(this.#known.map((known) => known.deref()));
    live.delete(undefined);
    this.#known = [...live].map((handle) => new WeakRef(handle as HeapHandle));
    this.#pruneAt = 2 * live.size + waitingHandles;
  }
}

export function warnOfLeak({ kind, length, byteLength, address }: LeakedHandle): void {
  console.warn(
    `lite-alloc: a ${kind}(${length}) of ${byteLength} bytes at ${formatAddress(address)} was collected as garbage, but never freed`,
  );
}
