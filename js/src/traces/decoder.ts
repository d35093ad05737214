// SPDX-License-Identifier: MIT

import type { Bytes } from '../core/host-types.js';
import { largestSize } from '../core/units.js';
import type { ByteInput } from './byte-input.js';
import {
  firstBirth,
  kinds,
  mostNumberScale,
  olderFreeValue,
  plainBirth,
  RecentSizes,
  recentSizes,
  resetValue,
} from './format.js';
import { codeOf, exponentOf, LiveBlocks } from './live-blocks.js';
import { deallocateCode, freeCode, reallocateCode, reallocCode, resetCode } from './operations.js';

/** Decodes the operations of frames, one frame after the other. */
export class Decoder {
  readonly #input: ByteInput;
  readonly #recent = new RecentSizes();
  readonly #blocks: LiveBlocks;
  /** The number of the block that was freed or resized last. */
  #last = 0;
  #payload: Bytes = new Uint8Array();
  /** Bytes from the start of the file to the payload. */
  #payloadOffset = 0;
  #position = 0;

  constructor(input: ByteInput) {
    this.#input = input;
    this.#blocks = new LiveBlocks(input);
  }

  decode(payload: Bytes, count: number, payloadOffset: number): Uint32Array {
    this.#payload = payload;
    this.#payloadOffset = payloadOffset;
    this.#position = 0;
    const words = new Uint32Array(count * 3);
    for (let index = 0; index < words.length; index += 3) this.#decodeOperation(words, index);
    if (this.#position !== payload.length) this.#fail('a frame holds more than its operations');
    return words;
  }

  #decodeOperation(words: Uint32Array, index: number): void {
    const offset = this.#offset();
    const first = this.#number();
    const kind = first % 4;
    const value = Math.floor(first / 4);
    if (kind === kinds.allocate) {
      this.#recent.add(this.#assertSize(value, offset));
      this.#setAllocation(words, index, plainBirth, value, offset);
    } else if (kind === kinds.special) {
      this.#decodeSpecial(words, index, value, offset);
    } else {
      this.#last += value % 2 === 0 ? value / 2 : -(value + 1) / 2;
      const address = this.#blocks.addressOf(this.#last, offset);
      const isSized = this.#blocks.isSized(this.#last);
      if (kind === kinds.free) {
        words[index] = address + (isSized ? deallocateCode : freeCode);
        this.#blocks.remove(this.#last);
      } else {
        words[index] = address + (isSized ? reallocateCode : reallocCode);
        words[index + 1] = this.#assertSize(this.#number(), offset);
        words[index + 2] = address + this.#blocks.exponentOf(this.#last);
      }
    }
  }

  #decodeSpecial(words: Uint32Array, index: number, value: number, offset: number): void {
    if (value < recentSizes) {
      const size = this.#recent.use(value);
      if (size === undefined) this.#fail(`there is no recent size ${value} yet`, offset);
      this.#setAllocation(words, index, plainBirth, size, offset);
    } else if (value === resetValue) {
      this.#blocks.clear();
      words[index] = resetCode;
    } else if (value === olderFreeValue) {
      words[index] = LiveBlocks.olderAddress + freeCode;
    } else if (value - firstBirth < plainBirth) {
      const size = this.#assertSize(this.#number(), offset);
      this.#setAllocation(words, index, value - firstBirth, size, offset);
    } else {
      this.#fail(`the operation ${value} is not known`, offset);
    }
  }

  #setAllocation(
    words: Uint32Array,
    index: number,
    birth: number,
    size: number,
    offset: number,
  ): void {
    words[index] = this.#blocks.add(birth, offset) + codeOf(birth);
    words[index + 1] = size;
    words[index + 2] = exponentOf(birth);
  }

  #number(): number {
    const offset = this.#offset();
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = this.#payload[this.#position++];
      if (byte === undefined) this.#fail('a frame ends within an operation', offset);
      value += (byte & 127) * scale;
      if (byte < 128) return value;
      if (scale > mostNumberScale) this.#fail('a number is too large', offset);
    }
  }

  #assertSize(size: number, offset: number): number {
    return size <= largestSize ? size : this.#fail(`the size ${size} is more than 4 GiB`, offset);
  }

  #offset(): number {
    return this.#payloadOffset + this.#position;
  }

  #fail(reason: string, offset = this.#offset()): never {
    return this.#input.fail(offset, reason);
  }
}
