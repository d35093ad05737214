// SPDX-License-Identifier: MIT
//
// What Node's console and `util.inspect`, `JSON.stringify` and the text of a heap show of the package's objects.
// Only the entries load this file whose size costs no page anything.

import { Arena } from './arena.js';
import { HeapArray, type HeapHandle } from './blocks.js';
import { Heap } from './heap.js';
import { drawHeap } from './picture.js';
import { Recorder } from './recorder.js';
import { Scope } from './scope.js';
import { HeapString } from './strings.js';
import { AllocationTrace } from './trace.js';
import { formatAddress } from './values.js';

/** Under which Node, Deno and Bun look for what an object shows of itself. */
const inspectSymbol = Symbol.for('nodejs.util.inspect.custom');

/** `textOf` gives what follows the name. */
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

/** Gives the classes their descriptions. */
export function describeObjects(): void {
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
    // Throws where the scope was closed.
    return Reflect.get(scope, 'owner') !== undefined;
  } catch {
    return false;
  }
}
