// SPDX-License-Identifier: MIT
//
// The parts that most programs do not need lie in files of their own, which are imported when first needed. Where the
// host cannot import them by then, as in worklets and service workers, an entry of the package contains the part.

import { WasmLoadError, wrapFailure } from './errors.js';

export interface LazyPart<Part> {
  /** Undefined until the part is loaded. The entries that contain the part set it. */
  part?: Part;
  /** The last name of the entries that contain the part: `lite-alloc/NAME` and `lite-alloc/inline/NAME`. */
  readonly entry: 'debug' | 'region' | 'traces';
  readonly import: () => Promise<Part>;
}

/** Loads a part. Fails with `WasmLoadError`. */
export async function loadPart<Part>(lazy: LazyPart<Part>): Promise<Part> {
  lazy.part ??= await wrapFailure(describeCure(lazy), lazy.import);
  return lazy.part;
}

/** Returns a part. Throws `WasmLoadError` if it is not loaded. */
export function getPart<Part>(lazy: LazyPart<Part>): Part {
  if (lazy.part !== undefined) return lazy.part;
  throw new WasmLoadError(
    `${describeCure(lazy)}, or await createHeap with the same options once before`,
  );
}

function describeCure({ entry }: LazyPart<unknown>): string {
  return `cannot load the code for ${entry}: import lite-alloc/${entry}`;
}
