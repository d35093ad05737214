// SPDX-License-Identifier: MIT

import { Arena } from '../blocks/arena.js';
import { HeapArray } from '../blocks/heap-array.js';
import { HeapString } from '../blocks/heap-string.js';
import { Scope } from '../blocks/scope.js';
import { HeapDiff, HeapSnapshot } from '../inspect/snapshot.js';
import { Recorder } from '../traces/recorder.js';
import { AllocationTrace } from '../traces/trace.js';
import { Heap } from './heap.js';

/**
 * Marks the classes for consoles and for frameworks. Consoles, messages and `String` show the tag; minifiers rename
 * classes, so the names are written out. Vue wraps no object that has `__v_skip` in a Proxy, and private members cannot
 * be read through a Proxy.
 */
export function markClasses(): void {
  for (const [name, { prototype }] of Object.entries({
    Heap,
    HeapArray,
    HeapString,
    Arena,
    Scope,
    Recorder,
    AllocationTrace,
    HeapSnapshot,
    HeapDiff,
  })) {
    Object.defineProperties(prototype, {
      [Symbol.toStringTag]: { value: name },
      __v_skip: { value: true },
    });
  }
}
