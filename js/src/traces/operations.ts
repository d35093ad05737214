// SPDX-License-Identifier: MIT
//
// The operations of a trace, as the recorder and the code that reads, writes and replays traces share them. This
// file holds types and constants alone: lazily loaded files have copies of it.

import type { HostBlob, StreamOfBytes } from '../core/host-types.js';

// Codes of the calls: the lowest four bits of an operation's first word. They are single constants, because
// minifiers put those where they are used.
export const mallocCode = 1;
/** `calloc`. */
export const zeroedCode = 2;
export const memalignCode = 3;
export const allocateCode = 4;
export const reallocCode = 5;
export const reallocateCode = 6;
export const freeCode = 7;
export const deallocateCode = 8;
export const resetCode = 9;

/** Recorded calls in order, without the contents of blocks. */
export interface Operations {
  /** The number of calls. */
  readonly operations: number;
  /** Whether the recorder had no room for later calls. */
  readonly truncated: boolean;
  /**
   * Three words per operation, in pieces of any length:
   *
   *     address | code          the block's address is a multiple of 16; 0 with `reset`
   *     size                    bytes; for calls that allocate or resize
   *     new address | exponent  the new address for calls that resize, the exponent for calls with an alignment,
   *                             which is 16 << exponent
   *
   * An address only identifies a block: in a trace from a file, addresses are made up. A block that the trace
   * does not allocate was allocated before the recording. The last piece may end with unused words, which are 0.
   */
  readonly chunks: readonly Uint32Array[];
}

/** A source of the bytes of a trace: all at once, or in pieces of any length. */
export type TraceSource =
  | ArrayBuffer
  | ArrayBufferView
  | HostBlob
  | StreamOfBytes
  | AsyncIterable<Uint8Array>
  | Iterable<Uint8Array>;

/** The options of `AllocationTrace.read`. */
export interface ReadOptions {
  /** The most calls that a file may have, since a few kilobytes can hold millions. Default: 16 000 000. */
  maximumOperations?: number;
}
