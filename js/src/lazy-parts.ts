// SPDX-License-Identifier: MIT
//
// What most heaps do without lies in files of its own, which are imported when they are first needed.

import { assertBytes, assertOptions, assertType, mustBe } from './arguments.js';
import type { DebugParts } from './debug-layer.js';
import {
  DoubleFreeError,
  formatAddress,
  HeapCorruptionError,
  InvalidFreeError,
  listBlocks,
  WasmLoadError,
  wrapFailure,
  wrapRejection,
} from './errors.js';
import { heapFunctions, mapCalls } from './heap-functions.js';
import type { RegionParts } from './region.js';
import { randomSecret } from './secret.js';
import { MemoryViews } from './views.js';

/** What such files need of the entry: an import of it would split the entry in two. */
export const entryParts: DebugParts & RegionParts = {
  DoubleFreeError,
  HeapCorruptionError,
  InvalidFreeError,
  MemoryViews,
  assertBytes,
  assertOptions,
  assertType,
  formatAddress,
  heapFunctions,
  listBlocks,
  mapCalls,
  randomSecret,
  mustBe,
  wrapFailure,
};

class LazyPart<Part> {
  #part: Part | undefined;
  readonly #options: string;
  readonly #import: () => Promise<Part>;

  constructor(options: string, importPart: () => Promise<Part>) {
    this.#options = options;
    this.#import = importPart;
  }

  /** For entries that have it from the start. */
  provide(part: Part): void {
    this.#part = part;
  }

  /** Fails with `WasmLoadError`. */
  async load(): Promise<void> {
    this.#part ??= await wrapRejection(
      `cannot load what heaps with ${this.#options} need`,
      this.#import,
    );
  }

  /** Fails with `WasmLoadError` where it was not loaded before. */
  get loaded(): Part {
    if (this.#part !== undefined) return this.#part;
    throw new WasmLoadError(
      `createHeapSync cannot load what heaps with ${this.#options} need here: await createHeap({ ${this.#options} }) once before`,
    );
  }
}

export const debugPart = new LazyPart(
  'debug: true',
  async () => (await import('./debug.js')).planDebug,
);
export const regionPart = new LazyPart(
  'memory, start, end',
  async () => (await import('./region.js')).planRegion,
);
