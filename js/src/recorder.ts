// SPDX-License-Identifier: MIT
/// <reference lib="esnext.disposable" preserve="true" />

import { assertOptions, toSize } from './arguments.js';
import { disposeSymbol } from './blocks.js';
import type { HeapFunctions, HeapLayer } from './heap-functions.js';
import type { OperationCodes } from './operations.js';
import { AllocationTrace } from './trace.js';
import { uncloneable } from './values.js';

export interface RecordOptions {
  /** Calls that are kept, at 12 bytes each; those beyond are left out. Default: 4 000 000. */
  maximumOperations?: number;
}

// One by one, since minifiers put single numbers where they are used.
const mallocCode = 1 satisfies OperationCodes['malloc'];
const zeroedCode = 2 satisfies OperationCodes['zeroed'];
const memalignCode = 3 satisfies OperationCodes['memalign'];
const allocateCode = 4 satisfies OperationCodes['allocate'];
const reallocCode = 5 satisfies OperationCodes['realloc'];
const reallocateCode = 6 satisfies OperationCodes['reallocate'];
const freeCode = 7 satisfies OperationCodes['free'];
const deallocateCode = 8 satisfies OperationCodes['deallocate'];
const resetCode = 9 satisfies OperationCodes['reset'];

const chunkWords = 3 << 14;

/**
 * Records the allocation calls of a heap while it is open: `Heap.record` makes one. Calls that fail leave
 * nothing behind. Where the engine has no memory for the records, the recording ends there: `truncated`. A block from before is recorded from its first `realloc` on; before that only its `free`.
 */
export class Recorder implements HeapLayer {
  /** @internal */
  protected readonly uncloneable: typeof uncloneable;
  #operations = 0;
  #isTruncated = false;
  #maximum: number;
  readonly #chunks: Uint32Array[] = [];
  /** The last of them, and how much of it is full. */
  #chunk!: Uint32Array;
  #index = chunkWords;
  readonly #remove: (layer: HeapLayer) => void;
  #trace: AllocationTrace | undefined;

  /** @internal */
  constructor(options: RecordOptions, remove: (layer: HeapLayer) => void) {
    assertOptions(options, ['maximumOperations']);
    this.uncloneable = uncloneable;
    this.#maximum = toSize('maximumOperations', options.maximumOperations ?? 4_000_000);
    this.#remove = remove;
  }

  /** Calls recorded so far. */
  get operations(): number {
    return this.#operations;
  }

  /**
   * Ends the recording: the heap's calls go past it again.
   *
   * @returns what was recorded; the same trace each time.
   */
  stop(): AllocationTrace {
    if (this.#trace === undefined) {
      this.#remove(this);
      this.#trace = new AllocationTrace({
        operations: this.#operations,
        truncated: this.#isTruncated,
        chunks: this.#chunks,
      });
    }
    return this.#trace;
  }

  [disposeSymbol](): void {
    this.stop();
  }

  /** @internal */
  wrap(below: HeapFunctions): HeapFunctions {
    return {
      ...below,
      malloc: (size) => this.#allocated(mallocCode, below.malloc(size), size),
      zeroed: (size) => this.#allocated(zeroedCode, below.zeroed(size), size),
      memalign: (alignment, size) =>
        this.#allocated(memalignCode, below.memalign(alignment, size), size, exponentOf(alignment)),
      allocate: (size, alignment) =>
        this.#allocated(allocateCode, below.allocate(size, alignment), size, exponentOf(alignment)),
      realloc: (address, size) => {
        const moved = below.realloc(address, size);
        if (moved !== 0) this.#add(reallocCode, address, size, moved);
        return moved;
      },
      reallocate: (address, oldSize, size, alignment) => {
        const moved = below.reallocate(address, oldSize, size, alignment);
        if (moved !== 0) this.#add(reallocateCode, address, size, moved + exponentOf(alignment));
        return moved;
      },
      free: (address) => {
        const result = below.free(address);
        if (result === 0 && address !== 0) this.#add(freeCode, address);
        return result;
      },
      deallocate: (address, size, alignment) => {
        const isFreed = below.deallocate(address, size, alignment);
        if (isFreed !== 0) this.#add(deallocateCode, address);
        return isFreed;
      },
      reset: () => {
        const dropped = below.reset();
        this.#add(resetCode, 0);
        return dropped;
      },
    };
  }

  #allocated(code: number, address: number, size: number, exponent = 0): number {
    if (address !== 0) this.#add(code, address, size, exponent);
    return address;
  }

  #add(code: number, address: number, size = 0, detail = 0): void {
    if (this.#index === chunkWords && this.#operations < this.#maximum) {
      try {
        this.#chunk = new Uint32Array(chunkWords);
        this.#chunks.push(this.#chunk);
        this.#index = 0;
      } catch {
        // The call is done, and its result counts for more than the recording.
        this.#maximum = this.#operations;
      }
    }
    if (this.#operations === this.#maximum) {
      this.#isTruncated = true;
      return;
    }
    this.#operations++;
    const index = this.#index;
    const chunk = this.#chunk;
    chunk[index] = address + code;
    chunk[index + 1] = size;
    chunk[index + 2] = detail;
    this.#index = index + 3;
  }
}

function exponentOf(alignment: number): number {
  return Math.max(27 - Math.clz32(alignment), 0);
}
