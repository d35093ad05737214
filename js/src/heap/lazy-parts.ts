// SPDX-License-Identifier: MIT
//
// The parts that most heaps do not need lie in files of their own, which are imported when first needed.

import { WasmLoadError, wrapRejection } from '../core/errors.js';

class LazyPart<Part> {
  /** Undefined until the part is loaded. The Node entry loads it at the start and sets it. */
  part: Part | undefined;
  readonly #options: string;
  readonly #import: () => Promise<Part>;

  constructor(options: string, importPart: () => Promise<Part>) {
    this.#options = options;
    this.#import = importPart;
  }

  /** Loads the part. Fails with `WasmLoadError`. */
  async load(): Promise<void> {
    this.part ??= await wrapRejection(
      `cannot load what heaps with ${this.#options} need`,
      this.#import,
    );
  }

  /** The part. Throws `WasmLoadError` if it is not loaded. */
  get loaded(): Part {
    if (this.part !== undefined) return this.part;
    throw new WasmLoadError(
      `createHeapSync cannot load what heaps with ${this.#options} need here: await createHeap({ ${this.#options} }) once before`,
    );
  }
}

export const debugPart = new LazyPart(
  'debug: true',
  async () => (await import('../debug/debug.js')).planDebug,
);
export const regionPart = new LazyPart(
  'memory, start, end',
  async () => (await import('../module/region.js')).planRegion,
);
