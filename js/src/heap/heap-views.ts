// SPDX-License-Identifier: MIT

import { Allocator } from '../blocks/allocator.js';
import { decodeUtf8 } from '../blocks/heap-string.js';
import { clampSize } from '../core/validate.js';
import { formatAddress } from '../core/values.js';
import type { HeapBlocks } from './heap-blocks.js';

/**
 * The linear memory of a heap, and views of it. An element of a view at index i lies at address i times the bytes
 * of an element. The views are current whenever they are read from the heap; do not keep them across allocations.
 */
export abstract class HeapViews extends Allocator {
  /** @internal */
  protected abstract override get owner(): HeapBlocks;

  /** The linear memory. Other code may grow it: the heap and its views stay correct. */
  get memory(): WebAssembly.Memory {
    return this.owner.memory;
  }

  /** The memory as unsigned 8-bit integers. */
  get u8(): Uint8Array {
    return this.owner.currentViews.u8;
  }

  /** The memory as signed 8-bit integers. */
  get i8(): Int8Array {
    return this.owner.currentViews.i8;
  }

  /** The memory as unsigned 16-bit integers. */
  get u16(): Uint16Array {
    return this.owner.currentViews.u16;
  }

  /** The memory as signed 16-bit integers. */
  get i16(): Int16Array {
    return this.owner.currentViews.i16;
  }

  /** The memory as unsigned 32-bit integers. */
  get u32(): Uint32Array {
    return this.owner.currentViews.u32;
  }

  /** The memory as signed 32-bit integers. */
  get i32(): Int32Array {
    return this.owner.currentViews.i32;
  }

  /** The memory as 32-bit floating-point numbers. */
  get f32(): Float32Array {
    return this.owner.currentViews.f32;
  }

  /** The memory as 64-bit floating-point numbers. */
  get f64(): Float64Array {
    return this.owner.currentViews.f64;
  }

  /** The memory as signed 64-bit integers. */
  get i64(): BigInt64Array {
    return this.owner.currentViews.i64;
  }

  /** The memory as unsigned 64-bit integers. */
  get u64(): BigUint64Array {
    return this.owner.currentViews.u64;
  }

  /**
   * Decodes bytes of memory as UTF-8. Invalid sequences become U+FFFD.
   *
   * @throws RangeError where the bytes are not in memory.
   */
  readString(address: number, byteLength: number): string {
    const end = clampSize('address', address) + clampSize('byteLength', byteLength);
    if (end > this.memory.buffer.byteLength) {
      throw new RangeError(
        `byteLength must end in memory, got ${byteLength} bytes at ${formatAddress(address)}`,
      );
    }
    return decodeUtf8(this.u8.subarray(address, end));
  }
}
