// SPDX-License-Identifier: MIT
//
// The parts that most heaps do not need lie in files of their own, which are imported when first needed.

import { WasmLoadError, wrapFailure } from '../core/errors.js';
import type { planDebug } from '../debug/debug.js';
import type { planRegion } from '../module/region.js';

interface LazyPart<Part> {
  /** Undefined until the part is loaded. The Node entry loads it at the start and sets it. */
  part?: Part;
  /** The options of `createHeap` that need the part. */
  readonly options: string;
  readonly import: () => Promise<Part>;
}

/** The debug part. */
export const debugPart: LazyPart<typeof planDebug> = {
  options: 'debug: true',
  import: async () => (await import('../debug/debug.js')).planDebug,
};

/** The part for heaps in regions. */
export const regionPart: LazyPart<typeof planRegion> = {
  options: 'memory, start, end',
  import: async () => (await import('../module/region.js')).planRegion,
};

/** Loads a part. Fails with `WasmLoadError`. */
export async function loadPart<Part>(lazy: LazyPart<Part>): Promise<void> {
  lazy.part ??= await wrapFailure(`cannot load what heaps with ${lazy.options} need`, lazy.import);
}

/** Returns a part. Throws `WasmLoadError` if it is not loaded. */
export function getPart<Part>({ part, options }: LazyPart<Part>): Part {
  if (part !== undefined) return part;
  throw new WasmLoadError(
    `createHeapSync cannot load what heaps with ${options} need here: await createHeap({ ${options} }) once before`,
  );
}
