// SPDX-License-Identifier: MIT
//
// Describes the package's objects for Node's console, `util.inspect`, `String` and `JSON.stringify`, and adds
// lists and maps of blocks to the texts of heaps and differences. Only the Node entry and `lite-alloc/inline` contain it, so that it does not make pages larger.

import { Arena } from '../blocks/arena.js';
import type { HeapHandle } from '../blocks/handle.js';
import { HeapArray } from '../blocks/heap-array.js';
import { HeapString } from '../blocks/heap-string.js';
import { Scope } from '../blocks/scope.js';
import { LiteAllocError } from '../core/errors.js';
import { classOf, formatAddress } from '../core/values.js';
import { listRanges } from '../inspect/block-list.js';
import { drawHeap } from '../inspect/heap-map.js';
import { HeapDiff } from '../inspect/snapshot.js';
import { Recorder } from '../traces/recorder.js';
import { AllocationTrace } from '../traces/trace.js';
import { Heap } from './heap.js';

/** The name of the method by which Node, Deno and Bun show an object. */
const inspectSymbol = Symbol.for('nodejs.util.inspect.custom');

/** Gives a class its description: its name, and what `textOf` returns. A `toString` of its own stays. */
function describe<Instance extends object>(
  prototype: Instance,
  textOf: (instance: Instance) => string,
): void {
  const name = classOf(prototype);
  const value = function (this: Instance): string {
    try {
      return name + textOf(this);
    } catch {
      // This is the prototype itself, or a Proxy.
      return name;
    }
  };
  const method = { value, configurable: true, writable: true };
  Object.defineProperties(prototype, {
    [inspectSymbol]: method,
    toJSON: method,
    ...(Object.hasOwn(prototype, 'toString') ? {} : { toString: method }),
  });
}

/** Gives the classes their descriptions. A second call, from another entry, does nothing. */
export function describeObjects(): void {
  if (Object.hasOwn(Heap.prototype, inspectSymbol)) return;
  describe(
    HeapArray.prototype,
    (array) => `(${array.type.name}, ${array.length})${placeOf(array)}`,
  );
  describe(HeapString.prototype, (string) => `(${string.byteLength} bytes)${placeOf(string)}`);
  extendText(Heap.prototype, (line, heap) => {
    try {
      return drawHeap(line, [...heap.blocks()]);
    } catch {
      // The line says that the heap is corrupted or disposed.
      return line;
    }
  });
  extendText(HeapDiff.prototype, (line, { added, removed }) =>
    [line, ...listRanges('+', added), ...listRanges('-', removed)].join('\n'),
  );
  describe(Heap.prototype, describeHeap);
  describe(
    Arena.prototype,
    ({ usedBytes, bytes, alive }) => `(${usedBytes} of ${bytes} bytes used)${endOf(alive)}`,
  );
  describe(Scope.prototype, (scope) => (isOpen(scope) ? '' : '(closed)'));
  describe(Recorder.prototype, ({ operations }) => `(${operations} operations)`);
  describe(
    AllocationTrace.prototype,
    ({ operations, truncated }) => `(${operations} operations${truncated ? ', truncated' : ''})`,
  );
}

/** Replaces `toString` of a class by what `extend` makes of its result. */
function extendText<Instance extends object>(
  prototype: Instance,
  extend: (line: string, instance: Instance) => string,
): void {
  const lineOf = prototype.toString;
  Object.defineProperty(prototype, 'toString', {
    value(this: Instance): string {
      return extend(lineOf.call(this), this);
    },
    configurable: true,
    writable: true,
  });
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
    if (!(error instanceof LiteAllocError)) throw error;
    return `(${heap.strategy}, ${error.message})`;
  }
}

function isOpen(scope: Scope): boolean {
  try {
    scope.keep(undefined); // throws where the scope is closed
    return true;
  } catch {
    return false;
  }
}
