// SPDX-License-Identifier: MIT
//
// What a trace is made of. Types only: the recorder, which every page loads, and the lazily loaded code
// that reads, writes and replays traces agree on it without sharing a file.

/** What an operation does: the lowest four bits of its first word. */
export interface OperationCodes {
  readonly malloc: 1;
  readonly zeroed: 2;
  readonly memalign: 3;
  readonly allocate: 4;
  readonly realloc: 5;
  readonly reallocate: 6;
  readonly free: 7;
  readonly deallocate: 8;
  readonly reset: 9;
}

/** Recorded calls in order, without contents. */
export interface Operations {
  readonly operations: number;
  /** Whether calls that followed were left out. */
  readonly truncated: boolean;
  /**
   * Three words an operation, in pieces of any length:
   *
   *     address | code          the block's address is a multiple of 16; 0 with `reset`
   *     size                    in bytes, of the calls that allocate or resize
   *     new address | exponent  the first of those that resize, the second of the calls with an alignment:
   *                             it is 16 << exponent
   *
   * Addresses tell blocks apart, and no more: in a trace from a file they are made up. A block that was
   * not allocated in the trace was there before. The last piece may have room left, filled with 0.
   */
  readonly chunks: readonly Uint32Array[];
}

/** Where the bytes of a trace can be had: at once, or in pieces of any length. */
export type TraceSource =
  | ArrayBuffer
  | ArrayBufferView
  | Blob
  | ReadableStream<Uint8Array>
  | AsyncIterable<Uint8Array>
  | Iterable<Uint8Array>;

/** How a trace is read. */
export interface ReadOptions {
  /** Calls that a file may have: a few kilobytes can hold millions. Default: 16 000 000. */
  maximumOperations?: number;
}
