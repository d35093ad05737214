// SPDX-License-Identifier: MIT

import { debugLayerMaker } from './debug-layer.js';
import { WasmLoadError } from './errors.js';

/** Loads what debug heaps need. Fails with `WasmLoadError`. */
export async function loadDebug(): Promise<void> {
  try {
    if (debugLayerMaker() === undefined) await import('./debug.js');
  } catch (cause) {
    throw new WasmLoadError('cannot load what debug heaps need', { cause });
  }
}

/** The same without a promise: fails where it was not loaded before. */
export function loadDebugSync(): void {
  if (debugLayerMaker() !== undefined) return;
  throw new WasmLoadError(
    'createHeapSync cannot load what debug heaps need here: await createHeap({ debug: true }) once before',
  );
}
