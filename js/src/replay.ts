// SPDX-License-Identifier: MIT

import { assertOptions } from './arguments.js';
import { strategies } from './options.js';
import type { EntryParts, HeapMaker } from './replay-types.js';
import { show } from './values.js';
import { loadModule } from './wasm-module.js';

/** What replays traces, loaded when it is first needed, and what it needs of an entry that makes heaps so. */
export async function loadRounds(
  createHeap: HeapMaker,
): Promise<typeof import('./replay-rounds.js') & { entry: EntryParts }> {
  const entry = { assertOptions, createHeap, loadModule, show, strategies };
  return { ...(await import('./replay-rounds.js')), entry };
}
