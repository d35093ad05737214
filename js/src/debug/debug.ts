// SPDX-License-Identifier: MIT
//
// Makes the debug layers of heaps. Only debug heaps load this file and those that it imports.

import { granuleBytes, pageBytes } from '../core/units.js';
import { assertBytes, assertOptions, assertType, describeMismatch } from '../core/validate.js';
import { roundUp } from './block.js';
import { DebugHeap } from './debug-heap.js';
import type { DebugLayerMaker, DebugOptions } from './types.js';

/** Checks the option `debug`, and returns the function that makes the debug layers of heaps. */
export function planDebug(debug: true | DebugOptions): DebugLayerMaker {
  if (debug !== true && (typeof debug !== 'object' || debug === null)) {
    throw new TypeError(describeMismatch('debug', 'a boolean or an object', debug));
  }
  const options = debug === true ? {} : debug;
  assertOptions(options, ['quarantineBytes', 'canaryBytes', 'stacks'], 'debug.');
  const { quarantineBytes = 1 << 20, canaryBytes = granuleBytes, stacks = true } = options;
  assertBytes('debug.quarantineBytes', quarantineBytes, 0, 2 ** 32);
  assertBytes('debug.canaryBytes', canaryBytes, 1, pageBytes);
  assertType('debug.stacks', stacks, 'boolean');
  const plan = { quarantineBytes, canaryBytes: roundUp(canaryBytes), stacks };
  return (memory) => new DebugHeap(memory, plan);
}
