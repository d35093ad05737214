// SPDX-License-Identifier: MIT
//
// Describes the package's objects for Node's console, `util.inspect` and `JSON.stringify`, and adds the map to the
// text of a heap. Only the Node entry and `lite-alloc/inline` contain it, so that it does not make pages larger.

import { Arena } from '../blocks/arena.js';
import type { HeapHandle } from '../blocks/handle.js';
import { HeapArray } from '../blocks/heap-array.js';
import { HeapString } from '../blocks/heap-string.js';
import { Scope } from '../blocks/scope.js';
import { formatAddress } from '../core/values.js';
import { drawHeap } from '../inspect/heap-map.js';
import { Recorder } from '../traces/recorder.js';
import { AllocationTrace } from '../traces/trace.js';
import { Heap } from './heap.js';

/** The name of the method by which Node, Deno and Bun show an object. */
const inspectSymbol = Symbol.for('nodejs.util.inspect.custom');

/** Gives a class its description: the name, and what `textOf` returns. */
function describe<Instance extends object>(
  prototype: Instance,
  name: string,
  textOf: (instance: Instance) => string,
): void {
  const value = function (this: Instance): string {
    return name + textOf(this);
  };
  Object.defineProperties(prototype, {
    [Symbol.toStringTag]: { value: name, configurable: true },
    [inspectSymbol]: { value, configurable: true, writable: true },
    toJSON: { value, configurable: true, writable: true },
  });
}

/** Gives the classes their descriptions. A second call, from another entry, does nothing. */
export function describeObjects(): void {
  if (Object.hasOwn(Heap.prototype, inspectSymbol)) return;
  describe(
    HeapArray.prototype,
    'HeapArray',
    (array) => `(${array.type.name}, ${array.length})${placeOf(array)}`,
  );
  describe(
    HeapString.prototype,
    'HeapString',
    (string) => `(${string.byteLength} bytes)${placeOf(string)}`,
  );
  describe(Heap.prototype, 'Heap', describeHeap);
  const lineOf = Heap.prototype.toString;
  Object.defineProperty(Heap.prototype, 'toString', {
    value(this: Heap): string {
      const line = lineOf.call(this);
      try {
        return drawHeap(line, [...this.blocks()]);
      } catch {
        // The line says that the heap is corrupted or disposed.
        return line;
      }
    },
    configurable: true,
    writable: true,
  });
  describe(
    Arena.prototype,
    'Arena',
    ({ usedBytes, bytes, alive }) => `(${usedBytes} of ${bytes} bytes used)${endOf(alive)}`,
  );
  describe(Scope.prototype, 'Scope', (scope) => (isOpen(scope) ? '' : '(closed)'));
  describe(Recorder.prototype, 'Recorder', ({ operations }) => `(${operations} operations)`);
  describe(
    AllocationTrace.prototype,
    'AllocationTrace',
    ({ operations, truncated }) => `(${operations} operations${truncated ? ', truncated' : ''})`,
  );
}

function placeOf({ address, alive }: HeapHandle): string {
  return ` @ ${formatAddress(address)}${endOf(alive)}`;
}

function endOf(alive: boolean): string {
  return alive ? '' : ', freed';
}

function describeHeap(heap: Heap): string {
  try {
    const { strategy, liveBlocks, liveBytes, memoryBytes } = heap.stats();
    return `(${strategy}, ${liveBlocks} live blocks of ${liveBytes} bytes, ${memoryBytes} bytes of memory)`;
  } catch (error) {
    return `(${heap.strategy}, ${(error as Error).message})`;
  }
}

function isOpen(scope: Scope): boolean {
  try {
    // This throws where the scope is closed.
    return Reflect.get(scope, 'owner') !== undefined;
  } catch {
    return false;
  }
}
