// SPDX-License-Identifier: MIT

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

/** `replay` on the heaps of an entry. */
export async function replayWith(
  createHeap: HeapMaker,
  trace: AllocationTrace,
  options: ReplayOptions = {},
): Promise<ReplayResult> {
  const { replayRounds } = await import('./replay-rounds.js');
  const chosen = [options.strategy ?? 'segregated-fit'] as const;
  return (await replayRounds(trace, chosen, options, createHeap, loadModule))[0] as ReplayResult;
}

/** `advise` on the heaps of an entry. */
export async function adviseWith(
  createHeap: HeapMaker,
  trace: AllocationTrace,
  options: RoundOptions = {},
): Promise<Advice[]> {
  const { rank, replayRounds } = await import('./replay-rounds.js');
  return rank(await replayRounds(trace, strategies, options, createHeap, loadModule));
}
