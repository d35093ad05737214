// SPDX-License-Identifier: MIT

import { AddressMap } from '../core/address-map.js';
import type { Bytes } from '../core/host-types.js';
import { ByteOutput } from './byte-output.js';
import {
  firstBirth,
  kinds,
  olderFreeValue,
  plainBirth,
  RecentSizes,
  resetValue,
  sizedBirth,
  zeroedBirth,
} from './format.js';
import {
  allocateCode,
  mallocCode,
  memalignCode,
  reallocateCode,
  reallocCode,
  resetCode,
  zeroedCode,
} from './operations.js';

/** Encodes the operations of frames, one frame after the other. */
export class Encoder {
  readonly #recent = new RecentSizes();
  /** The numbers of live blocks by address. Blocks are numbered in the order of their allocation. */
  readonly #numbers = new AddressMap<number>();
  /** Blocks allocated so far: the number of the next one. */
  #allocated = 0;
  /** The number of the block that was freed or resized last. */
  #last = 0;

  encode(words: Uint32Array): Bytes {
    const output = new ByteOutput(words.length * 6);
    for (let index = 0; index < words.length; index += 3) {
      const key = words[index] as number;
      const size = words[index + 1] as number;
      const detail = words[index + 2] as number;
      this.#encodeOperation(output, key & 15, key - (key & 15), size, detail);
    }
    return output.written();
  }

  #encodeOperation(
    output: ByteOutput,
    code: number,
    address: number,
    size: number,
    detail: number,
  ): void {
    const exponent = detail & 15;
    switch (code) {
      case mallocCode:
        this.#allocate(output, address, size, plainBirth);
        break;
      case zeroedCode:
        this.#allocate(output, address, size, zeroedBirth);
        break;
      case memalignCode:
        this.#allocate(output, address, size, exponent === 0 ? plainBirth : exponent);
        break;
      case allocateCode:
        this.#allocate(output, address, size, sizedBirth + exponent);
        break;
      case reallocCode:
        this.#reallocate(output, address, size, detail, plainBirth);
        break;
      case reallocateCode:
        this.#reallocate(output, address, size, detail - exponent, sizedBirth + exponent);
        break;
      case resetCode:
        this.#numbers.clear();
        output.number(resetValue * 4 + kinds.special);
        break;
      default:
        this.#free(output, address);
    }
  }

  #allocate(output: ByteOutput, address: number, size: number, birth: number): void {
    this.#numbers.set(address, this.#allocated++);
    if (birth !== plainBirth) {
      output.number((firstBirth + birth) * 4 + kinds.special);
      output.number(size);
      return;
    }
    const rank = this.#recent.rankOf(size);
    if (rank === -1) {
      output.number(size * 4 + kinds.allocate);
      this.#recent.add(size);
    } else {
      output.number(rank * 4 + kinds.special);
      this.#recent.use(rank);
    }
  }

  #free(output: ByteOutput, address: number): void {
    const number = this.#numbers.get(address);
    if (number === undefined) {
      output.number(olderFreeValue * 4 + kinds.special);
    } else {
      this.#numbers.delete(address);
      this.#reference(output, number, kinds.free);
    }
  }

  /** A block that was allocated before the recording counts as allocated here. */
  #reallocate(
    output: ByteOutput,
    address: number,
    size: number,
    newAddress: number,
    birth: number,
  ): void {
    const number = this.#numbers.get(address);
    if (number === undefined) {
      this.#allocate(output, newAddress, size, birth);
      return;
    }
    this.#numbers.delete(address);
    this.#numbers.set(newAddress, number);
    this.#reference(output, number, kinds.reallocate);
    output.number(size);
  }

  /** Writes the number of a block as the difference to the last one that was freed or resized. */
  #reference(output: ByteOutput, number: number, kind: number): void {
    const step = number - this.#last;
    output.number((step >= 0 ? step * 2 : -step * 2 - 1) * 4 + kind);
    this.#last = number;
  }
}
