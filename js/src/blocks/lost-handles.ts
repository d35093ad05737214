// SPDX-License-Identifier: MIT

import { formatAddress, makeUncloneable, type Uncloneable } from '../core/values.js';

/** A handle that the garbage collector took while it was alive. */
export interface LeakedHandle {
  /** The kind of its elements, or `'string'`. */
  kind: string;
  /** The number of elements; for a string, of bytes. */
  length: number;
  /** The bytes of the contents. */
  byteLength: number;
  /** Bytes from the start of memory. */
  address: number;
}

/** Makes the engine report handles that it collects. The epoch is that of the owner when the handle was registered. */
export type LeakRegistry = FinalizationRegistry<LeakedHandle & { readonly epoch?: number }>;

/** The part of a handle that this file uses. */
export interface WatchedHandle {
  readonly alive: boolean;
  /** Its place in the list of waiting handles, if it waits. */
  waitingAt: number;
  register(registry: LeakRegistry, unregister: Uncloneable): void;
  dropView(): void;
}

/** The largest number of waiting handles. */
const waitingHandles = 1024;

/**
 * Finds handles that the engine collected as garbage while they were alive.
 *
 * Registering an object with the engine, and unregistering it, takes many times as long as allocating a small block. So
 * a new handle is not registered at once. It waits until it is freed, until the running code has ended, or until
 * `waitingHandles` handles wait. Nothing is lost by waiting, because the engine finalizes no object while code is running.
 */
export class LostHandles {
  /** Undefined on hosts that finalize nothing, such as Cloudflare Workers from before May 2025. */
  readonly #registry: LeakRegistry | undefined;
  readonly #unregister = makeUncloneable((handle) => void this.#registry?.unregister(handle));
  #waiting = new Array<WatchedHandle | undefined>(waitingHandles);
  #count = 0;
  /** The number of handles that began to wait since the running code began. */
  #begun = 0;
  /** The handles that were alive when their wait ended. */
  #known: WeakRef<WatchedHandle>[] = [];
  #pruneAt = waitingHandles;

  /** `found` is called for each lost handle. */
  constructor(found: (leak: LeakedHandle & { readonly epoch?: number }) => void) {
    if (typeof FinalizationRegistry === 'function')
      this.#registry = new FinalizationRegistry(found);
  }

  watch(handle: WatchedHandle): void {
    if (this.#registry === undefined) return;
    if (this.#begun === 0) {
      void Promise.resolve().then(() => {
        this.#begun = 0;
        this.#flush();
      });
    }
    handle.waitingAt = this.#count;
    this.#waiting[this.#count++] = handle;
    if (this.#count === waitingHandles) this.#flush();
    // Engines store a new object faster in a new list than in one that has survived collections.
    if (++this.#begun % waitingHandles === 0) this.#waiting = this.#waiting.slice();
  }

  /** Ends the wait of a handle that is freed. The last one of the list takes its place. */
  unwatch(handle: WatchedHandle): void {
    const index = handle.waitingAt;
    if (this.#waiting[index] !== handle) return;
    const last = this.#waiting[--this.#count] as WatchedHandle;
    this.#waiting[index] = last;
    this.#waiting[this.#count] = undefined;
    try {
      last.waitingAt = index;
    } catch {
      // It is frozen, so it cannot be freed, and nothing asks for its place. Asking here would take longer than the rest.
    }
  }

  /**
   * Finds a leak once more, without an epoch, after the next garbage collection; never if the heap is garbage by then,
   * because engines drop a registry that is garbage.
   */
  findAgain(leak: LeakedHandle): void {
    this.#registry?.register({}, leak);
  }

  /**
   * Drops the views of all handles, so that no handle keeps the memory of a disposed heap reachable: engines
   * link the buffer of a view to its memory even when the view is detached.
   */
  end(): void {
    const handles = [...this.#waiting, ...this.#known.map((known) => known.deref())];
    for (const handle of handles) if (canChange(handle)) handle.dropView();
    this.#known = [];
  }

  #flush(): void {
    const waiting = this.#waiting;
    this.#waiting = new Array<WatchedHandle | undefined>(waitingHandles);
    this.#count = 0;
    for (const handle of waiting) {
      if (canChange(handle) && handle.alive) {
        handle.register(this.#registry as LeakRegistry, this.#unregister);
        this.#known.push(new WeakRef(handle));
      }
    }
    if (this.#known.length < this.#pruneAt) return;
    const live = new Set(this.#known.map((known) => known.deref()));
    live.delete(undefined);
    this.#known = [...live].map((handle) => new WeakRef(handle as WatchedHandle));
    this.#pruneAt = 2 * live.size + waitingHandles;
  }
}

/** The number of reports so far, of all heaps. */
let reports = 0;
/** The number of reports at which the console shows their number. */
let nextSum = 6;

/**
 * Reports a lost handle as a warning on the console. A program may lose handles by the thousand, so after the first five
 * it prints only how many there are: when the sixth was found, and whenever there are ten times as many.
 */
export function warnOfLeak({ kind, length, byteLength, address }: LeakedHandle): void {
  if (++reports < 6) {
    warn(`a ${kind}(${length}) of ${byteLength} bytes at ${formatAddress(address)} was`);
  }
  if (reports !== nextSum) return;
  // Engines report all handles of one collection before microtasks run.
  void Promise.resolve().then(() => {
    warn(`${reports} handles so far were`);
    nextSum = 10 * reports;
  });
}

function warn(what: string): void {
  console.warn(`lite-alloc: ${what} collected as garbage, but never freed`);
}

/** Returns whether there is a handle that the program has not frozen: `undefined` counts as frozen. */
function canChange(handle: WatchedHandle | undefined): handle is WatchedHandle {
  return !Object.isFrozen(handle);
}
