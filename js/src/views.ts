// SPDX-License-Identifier: MIT

/**
 * Views of a whole linear memory, made when they are first read and made anew when memory has grown.
 *
 * A view of grown memory is detached and has length 0; asking for its length is much cheaper than
 * asking the memory for its buffer. A view of a resizable buffer grows along.
 */
export class MemoryViews {
  readonly #getMemory: () => WebAssembly.Memory;
  #generation = 0;
  #u8 = new Uint8Array(0);
  #i8 = new Int8Array(0);
  #u16 = new Uint16Array(0);
  #i16 = new Int16Array(0);
  #u32 = new Uint32Array(0);
  #i32 = new Int32Array(0);
  #f32 = new Float32Array(0);
  #f64 = new Float64Array(0);
  #i64 = new BigInt64Array(0);
  #u64 = new BigUint64Array(0);

  constructor(getMemory: () => WebAssembly.Memory) {
    this.#getMemory = getMemory;
  }

  /** Changes when memory has grown so that views of it are detached. */
  get generation(): number {
    if (this.#u8.length === 0) void this.u8;
    return this.#generation;
  }

  get u8(): Uint8Array {
    if (this.#u8.length === 0) {
      this.#u8 = new Uint8Array(this.#getMemory().buffer);
      this.#generation++;
    }
    return this.#u8;
  }

  get i8(): Int8Array {
    if (this.#i8.length === 0) this.#i8 = new Int8Array(this.#getMemory().buffer);
    return this.#i8;
  }

  get u16(): Uint16Array {
    if (this.#u16.length === 0) this.#u16 = new Uint16Array(this.#getMemory().buffer);
    return this.#u16;
  }

  get i16(): Int16Array {
    if (this.#i16.length === 0) this.#i16 = new Int16Array(this.#getMemory().buffer);
    return this.#i16;
  }

  get u32(): Uint32Array {
    if (this.#u32.length === 0) this.#u32 = new Uint32Array(this.#getMemory().buffer);
    return this.#u32;
  }

  get i32(): Int32Array {
    if (this.#i32.length === 0) this.#i32 = new Int32Array(this.#getMemory().buffer);
    return this.#i32;
  }

  get f32(): Float32Array {
    if (this.#f32.length === 0) this.#f32 = new Float32Array(this.#getMemory().buffer);
    return this.#f32;
  }

  get f64(): Float64Array {
    if (this.#f64.length === 0) this.#f64 = new Float64Array(this.#getMemory().buffer);
    return this.#f64;
  }

  get i64(): BigInt64Array {
    if (this.#i64.length === 0) this.#i64 = new BigInt64Array(this.#getMemory().buffer);
    return this.#i64;
  }

  get u64(): BigUint64Array {
    if (this.#u64.length === 0) this.#u64 = new BigUint64Array(this.#getMemory().buffer);
    return this.#u64;
  }
}

interface ResizableMemory {
  toResizableBuffer?(): ArrayBuffer;
}

/** Whether the platform has views that growth does not detach. */
export function canStopDetaching(): boolean {
  return 'toResizableBuffer' in WebAssembly.Memory.prototype;
}

/** From now on views of the memory grow along with it. */
export function stopDetaching(memory: ResizableMemory): void {
  memory.toResizableBuffer?.();
}
