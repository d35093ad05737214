// SPDX-License-Identifier: MIT
/// <reference lib="esnext.disposable" preserve="true" />

import { disposeSymbol } from '../core/dispose.js';
import { assertOptions, clampSize } from '../core/validate.js';
import { uncloneable } from '../core/values.js';
import type { HeapFunctions, HeapLayer } from '../module/heap-functions.js';
import {
  allocateCode,
  deallocateCode,
  freeCode,
  mallocCode,
  memalignCode,
  reallocateCode,
  reallocCode,
  resetCode,
  zeroedCode,
} from './operations.js';
import { AllocationTrace } from './trace.js';

/** The options of `Heap.record`. */
export interface RecordOptions {
  /** The largest number of calls to record, at 12 bytes each. Later calls are not recorded. Default: 4 000 000. */
  maximumOperations?: number;
}

/** Words of a chunk: 16 384 operations. */
const chunkWords = 3 << 14;

/**
 * Records the allocation calls of a heap until it is stopped. `Heap.record` makes one. Calls that fail are not
 * recorded. If the engine has no memory for the records, the recording ends, and the trace is `truncated`. For a block
 * that was allocated before the recording, the trace contains its `free`, or all calls from its first `realloc` on.
 */
export class Recorder {
  /** @internal */
  protected readonly uncloneable: typeof uncloneable;
  #operations = 0;
  #isTruncated = false;
  #maximum: number;
  readonly #chunks: Uint32Array[] = [];
  /** The last chunk. */
  #chunk!: Uint32Array;
  /** The first unused word of the last chunk. */
  #index = chunkWords;
  readonly #remove: (layer: HeapLayer) => void;
  #trace: AllocationTrace | undefined;

  /** @internal */
  constructor(options: RecordOptions, remove: (layer: HeapLayer) => void) {
    assertOptions(options, ['maximumOperations']);
    this.uncloneable = uncloneable;
    this.#maximum = clampSize('maximumOperations', options.maximumOperations ?? 4_000_000);
    this.#remove = remove;
  }

  /** The number of calls recorded so far. */
  get operations(): number {
    return this.#operations;
  }

  /**
   * Ends the recording and returns the trace. A second call returns the same trace.
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

  /** Ends the recording, at the end of a `using` block. */
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
        // The call has succeeded, and its result matters more than the recording.
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
