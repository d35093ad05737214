// SPDX-License-Identifier: MIT
//
// What most heaps do without lies in files of its own, which are imported when they are first needed.

import type { DebugParts } from './debug-layer.js';
import {
  DoubleFreeError,
  HeapCorruptionError,
  InvalidFreeError,
  listBlocks,
  WasmLoadError,
  wrapFailure,
  wrapRejection,
} from './errors.js';
import type { RegionParts } from './region.js';

/** What such files need of the entry: classes that callers compare with, and what uses these. */
export const entryParts: DebugParts & RegionParts = {
  DoubleFreeError,
  HeapCorruptionError,
  InvalidFreeError,
  listBlocks,
  wrapFailure,
};

class LazyPart<Part> {
  /** Entries that have it from the start put it here. */
  part: Part | undefined;
  readonly #options: string;
  readonly #import: () => Promise<Part>;

  constructor(options: string, importPart: () => Promise<Part>) {
    this.#options = options;
    this.#import = importPart;
  }

  /** Fails with `WasmLoadError`. */
  async load(): Promise<void> {
    this.part ??= await wrapRejection(
      `cannot load what heaps with ${this.#options} need`,
      this.#import,
    );
  }

  /** Fails with `WasmLoadError` where it was not loaded before. */
  get loaded(): Part {
    if (this.part !== undefined) return this.part;
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
