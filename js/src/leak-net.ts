// SPDX-License-Identifier: MIT

import type { HeapHandle, LeakedHandle, LeakRegistry } from './blocks.js';
import { formatAddress } from './errors.js';

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

  #flush(registry: LeakRegistry): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const handle of waiting) handle.register(registry);
  }
}

/**
 * Remembers which handles hold a view, without keeping them, so that none of these keeps the memory of a heap
 * that was disposed. Engines link a view's buffer to its memory even when it is detached.
 */
export class ViewedHandles {
  /** Most are freed, or dead, before they are worth a `WeakRef`. */
  #recent: HeapHandle[] = [];
  #known: WeakRef<HeapHandle>[] = [];
  #pruneAt = waitingHandles;

  add(handle: HeapHandle): void {
    // Hosts that finalize nothing lack this, too.
    if (typeof WeakRef !== 'function') return;
    const count = this.#recent.push(handle);
    if (count === 1) void Promise.resolve().then(() => this.#flush());
    if (count === waitingHandles) this.#flush();
  }

  /** Takes their views from all handles. */
  end(): void {
    this.#flush();
    for (const known of this.#known) known.deref()?.dropView();
    this.#known = [];
  }

  #flush(): void {
    for (const handle of this.#recent) {
      if (handle.alive) this.#known.push(new WeakRef(handle));
      else handle.dropView();
    }
    this.#recent = [];
    if (this.#known.length < this.#pruneAt) return;
    this.#known = this.#known.filter((known) => known.deref() !== undefined);
    this.#pruneAt = 2 * this.#known.length + waitingHandles;
  }
}

export function warnOfLeak({ kind, length, byteLength, address }: LeakedHandle): void {
  console.warn(
    `lite-alloc: a ${kind}(${length}) of ${byteLength} bytes at ${formatAddress(address)} was collected as garbage, but never freed`,
  );
}
