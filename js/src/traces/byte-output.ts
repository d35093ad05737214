// SPDX-License-Identifier: MIT

import type { Bytes } from '../core/host-types.js';

/** A buffer of a fixed capacity that is filled with bytes and numbers. */
export class ByteOutput {
  readonly #bytes: Bytes;
  #length = 0;

  constructor(capacity: number) {
    this.#bytes = new Uint8Array(capacity);
  }

  byte(value: number): void {
    this.#bytes[this.#length++] = value;
  }

  bytes(bytes: Bytes): void {
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  /** Writes seven bits a byte, the lowest first. All bytes but the last have the highest bit set. */
  number(value: number): void {
    let rest = value;
    for (; rest >= 128; rest = Math.floor(rest / 128)) this.byte((rest % 128) | 128);
    this.byte(rest);
  }

  /** Returns the bytes written so far, in place. */
  written(): Bytes {
    return this.#bytes.subarray(0, this.#length);
  }
}
