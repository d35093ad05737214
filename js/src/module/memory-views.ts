// SPDX-License-Identifier: MIT

/** Views of a whole linear memory, one for each kind of element. */
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
 * Makes the views of a linear memory when they are first read, and again when memory has grown.
 *
 * Growth detaches the old views, which then have length 0. Reading a view's length is much cheaper than
 * reading the memory's buffer. A view of a resizable buffer grows along with the memory.
 */
export class MemoryViews {
  readonly #owner: { readonly memory: WebAssembly.Memory };
  #all = viewsOf(new ArrayBuffer(0));

  constructor(owner: { readonly memory: WebAssembly.Memory }) {
    this.#owner = owner;
  }

  /** The current views: a new object after growth has detached the old views. */
  get all(): WholeViews {
    if (this.#all.u8.length === 0) this.#all = viewsOf(this.#owner.memory.buffer);
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

/** Returns whether the platform has views that growth does not detach. */
export function canStopDetaching(): boolean {
  return 'toResizableBuffer' in WebAssembly.Memory.prototype;
}

/** Makes views of the memory grow along with it from now on. */
export function stopDetaching(memory: ResizableMemory): void {
  memory.toResizableBuffer?.();
}

/** Detaches all views of the memory, so that they do not keep it reachable. */
export function detachViews(memory: WebAssembly.Memory & ResizableMemory): void {
  memory.toFixedLengthBuffer?.();
  memory.grow(0);
}
