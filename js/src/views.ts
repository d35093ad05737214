// SPDX-License-Identifier: MIT

/** Views of a whole linear memory. */
export interface WholeViews {
  readonly u8: Uint8Array;
  readonly i8: Int8Array;
  readonly u16: Uint16Array;
  readonly i16: Int16Array;
  readonly u32: Uint32Array;
  readonly i32: Int32Array;
  readonly f32: Float32Array;
  readonly f64: Float64Array;
  readonly i64: BigInt64Array;
  readonly u64: BigUint64Array;
}

/**
 * Views of a whole linear memory, made when they are first read and made anew when memory has grown.
 *
 * A view of grown memory is detached and has length 0; asking for its length is much cheaper than
 * asking the memory for its buffer. A view of a resizable buffer grows along.
 */
export class MemoryViews {
  readonly #getMemory: () => WebAssembly.Memory;
  #all = viewsOf(new ArrayBuffer(0));

  constructor(getMemory: () => WebAssembly.Memory) {
    this.#getMemory = getMemory;
  }

  /** Others when memory has grown so that views of it are detached. */
  get all(): WholeViews {
    if (this.#all.u8.length === 0) this.#all = viewsOf(this.#getMemory().buffer);
    return this.#all;
  }

  get u8(): Uint8Array {
    return this.all.u8;
  }
}

function viewsOf(buffer: ArrayBufferLike): WholeViews {
  return {
    u8: new Uint8Array(buffer),
    i8: new Int8Array(buffer),
    u16: new Uint16Array(buffer),
    i16: new Int16Array(buffer),
    u32: new Uint32Array(buffer),
    i32: new Int32Array(buffer),
    f32: new Float32Array(buffer),
    f64: new Float64Array(buffer),
    i64: new BigInt64Array(buffer),
    u64: new BigUint64Array(buffer),
  };
}

interface ResizableMemory {
  toResizableBuffer?(): ArrayBuffer;
  toFixedLengthBuffer?(): ArrayBuffer;
}

/** Whether the platform has views that growth does not detach. */
export function canStopDetaching(): boolean {
  return 'toResizableBuffer' in WebAssembly.Memory.prototype;
}

/** From now on views of the memory grow along with it. */
export function stopDetaching(memory: ResizableMemory): void {
  memory.toResizableBuffer?.();
}

/** Ends all views of the memory: they hold nothing of it then. */
export function detachViews(memory: WebAssembly.Memory & ResizableMemory): void {
  memory.toFixedLengthBuffer?.();
  memory.grow(0);
}
