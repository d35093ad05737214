// SPDX-License-Identifier: MIT
//
// What a heap knows of its debug layer, which is in a file that only debug heaps load: debug.ts.

import type { LiveBlock } from './errors.js';
import type { HeapFunctions } from './heap-functions.js';

/** Checked options. */
export interface DebugPlan {
  /** Most bytes that freed blocks are held back with. */
  readonly quarantineBytes: number;
  /** Watched on each side of a block: a multiple of 16. */
  readonly canaryBytes: number;
  readonly stacks: boolean;
}

export interface DebugLayer {
  /** Puts itself between a heap and the functions below. */
  wrap(below: HeapFunctions): HeapFunctions;
  /** In address order. */
  liveBlocks(): LiveBlock[];
  /** The stacks of a freed block of this size, if it is remembered: lines that begin with a line break. */
  historyOf(address: number, size: number): string;
}

type DebugLayerMaker = (memory: WebAssembly.Memory, plan: DebugPlan) => DebugLayer;

let maker: DebugLayerMaker | undefined;

/** What debug.ts does when it is loaded. */
export function provideDebugLayers(make: DebugLayerMaker): void {
  maker = make;
}

/** Undefined as long as debug.ts is not loaded. */
export function debugLayerMaker(): DebugLayerMaker | undefined {
  return maker;
}
