// SPDX-License-Identifier: MIT

import { assertBytes, assertOptions, assertType } from './arguments.js';
import type { DebugLayerMaker, DebugOptions, DebugPlanner } from './debug-layer.js';
import {
  DoubleFreeError,
  formatAddress,
  HeapCorruptionError,
  InvalidFreeError,
  WasmLoadError,
  wrapRejection,
} from './errors.js';
import { MemoryViews } from './views.js';

const parts = {
  DoubleFreeError,
  HeapCorruptionError,
  InvalidFreeError,
  MemoryViews,
  assertBytes,
  assertOptions,
  assertType,
  formatAddress,
};

let planner: DebugPlanner | undefined;

/** For entries that have debug.ts from the start. */
export function provideDebug(planDebug: DebugPlanner): void {
  planner = planDebug;
}

/** Loads what debug heaps need. Fails with `WasmLoadError`, or where an option is wrong. */
export async function loadDebug(options: true | DebugOptions): Promise<DebugLayerMaker> {
  planner ??= (await wrapRejection('cannot load what debug heaps need', () => import('./debug.js')))
    .planDebug;
  return planner(options, parts);
}

/** The same without a promise: fails where it was not loaded before. */
export function loadDebugSync(options: true | DebugOptions): DebugLayerMaker {
  if (planner !== undefined) return planner(options, parts);
  throw new WasmLoadError(
    'createHeapSync cannot load what debug heaps need here: await createHeap({ debug: true }) once before',
  );
}
