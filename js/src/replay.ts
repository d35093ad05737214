// SPDX-License-Identifier: MIT

import { assertOptions } from './arguments.js';
import { strategies } from './options.js';
import type {
  Advice,
  HeapMaker,
  ReplayOptions,
  ReplayResult,
  RoundOptions,
} from './replay-types.js';
import type { AllocationTrace } from './trace.js';
import { loadModule } from './wasm-module.js';

const parts = { assertOptions, loadModule, strategies };

/** `replay` on the heaps of an entry. */
export async function replayWith(
  createHeap: HeapMaker,
  trace: AllocationTrace,
  options?: ReplayOptions,
): Promise<ReplayResult> {
  return (await import('./replay-rounds.js')).replay(trace, options, { ...parts, createHeap });
}

/** `advise` on the heaps of an entry. */
export async function adviseWith(
  createHeap: HeapMaker,
  trace: AllocationTrace,
  options?: RoundOptions,
): Promise<Advice[]> {
  return (await import('./replay-rounds.js')).advise(trace, options, { ...parts, createHeap });
}
