// SPDX-License-Identifier: MIT

import { crc32 } from '@foxglove/crc';
import { TraceError } from '../core/errors.js';
import type { Bytes } from '../core/host-types.js';
import { ByteOutput } from './byte-output.js';
import type { Pieces } from './byte-sources.js';
import { checksumBytes, mostNumberScale } from './format.js';

/** Reads bytes from pieces of any length, and counts them. */
export class ByteInput {
  /** Bytes read so far. */
  offset = 0;
  readonly #pieces: Pieces;
  #piece: Uint8Array = new Uint8Array();

  constructor(pieces: Pieces) {
    this.#pieces = pieces;
  }

  /** Throws a `TraceError` about the byte at `offset`. */
  fail(offset: number, reason: string): never {
    throw traceError(offset, reason);
  }

  /** Reads `length` bytes; fewer only at the end. */
  async takeUpTo(length: number): Promise<Bytes> {
    const taken = new Uint8Array(length);
    let filled = 0;
    while (filled < length && (await this.#hasMore())) {
      const part = this.#piece.subarray(0, length - filled);
      taken.set(part, filled);
      filled += part.length;
      this.#piece = this.#piece.subarray(part.length);
    }
    this.offset += filled;
    return taken.subarray(0, filled);
  }

  /** Returns the next bytes without consuming them. */
  async peek(length: number): Promise<Bytes> {
    const { offset } = this;
    const bytes = await this.takeUpTo(length);
    this.offset = offset;
    const rest = this.#piece;
    this.#piece = new Uint8Array(bytes.length + rest.length);
    this.#piece.set(bytes);
    this.#piece.set(rest, bytes.length);
    return bytes;
  }

  /** Reads `length` bytes. Fails where the input has fewer. */
  async take(length: number, name: string): Promise<Bytes> {
    const bytes = await this.takeUpTo(length);
    if (bytes.length < length) this.fail(this.offset, `it ends where ${name} should be`);
    return bytes;
  }

  async byte(name: string): Promise<number> {
    const [byte = 0] = await this.take(1, name);
    return byte;
  }

  /** Reads a number outside of a frame's payload, and copies its bytes to `copy`. */
  async number(name: string, copy: ByteOutput): Promise<number> {
    const begin = this.offset;
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = await this.byte(name);
      copy.byte(byte);
      value += (byte & 127) * scale;
      if (byte < 128) return value;
      if (scale > mostNumberScale) this.fail(begin, `${name}: a number is too large`);
    }
  }

  /** Reads a checksum and compares it with that of a frame, which begins at `begin`. */
  async checksum(header: Bytes, begin: number, payload: Bytes = new Uint8Array()): Promise<void> {
    const stored = await this.take(checksumBytes, 'a checksum');
    const covered = new ByteOutput(header.length + payload.length);
    covered.bytes(header);
    covered.bytes(payload);
    const expected = new DataView(stored.buffer, stored.byteOffset).getUint32(0, true);
    if (crc32(covered.written()) !== expected) {
      this.fail(begin, 'it is corrupted: the checksum of the frame that begins here is wrong');
    }
  }

  /** Fails where more bytes follow. */
  async end(): Promise<void> {
    if (await this.#hasMore()) this.fail(this.offset, 'bytes follow its end');
  }

  /** Returns the next piece in the length that it has; undefined at the end. */
  async piece(): Promise<Uint8Array | undefined> {
    if (!(await this.#hasMore())) return undefined;
    const piece = this.#piece;
    this.#piece = new Uint8Array();
    return piece;
  }

  async #hasMore(): Promise<boolean> {
    while (this.#piece.length === 0) {
      const piece = await this.#pieces.next();
      if (piece === undefined) return false;
      this.#piece = piece;
    }
    return true;
  }
}

/** Returns the error about the byte at `offset` of a trace. */
export function traceError(offset: number, reason: string, options?: ErrorOptions): TraceError {
  return new TraceError(offset, `the trace cannot be read at byte ${offset}: ${reason}`, options);
}
