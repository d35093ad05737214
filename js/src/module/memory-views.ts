// SPDX-License-Identifier: MIT

import type { WasmMemory } from '../core/host-types.js';
import type { TypedArrays } from '../core/typed-arrays.js';

/** Views of a whole linear memory, one for each kind of element, and their buffer. */
export interface WholeViews<B extends ArrayBufferLike = ArrayBufferLike> {
  readonly buffer: B;
  readonly u8: TypedArrays<B>['Uint8Array'];
  readonly i8: TypedArrays<B>['Int8Array'];
  readonly u16: TypedArrays<B>['Uint16Array'];
  readonly i16: TypedArrays<B>['Int16Array'];
  readonly u32: TypedArrays<B>['Uint32Array'];
  readonly i32: TypedArrays<B>['Int32Array'];
  readonly f32: TypedArrays<B>['Float32Array'];
  readonly f64: TypedArrays<B>['Float64Array'];
  readonly i64: TypedArrays<B>['BigInt64Array'];
  readonly u64: TypedArrays<B>['BigUint64Array'];
}

/**
 * Makes the views of a linear memory when they are first read, and again when memory has grown.
 *
 * Growth detaches the old views, which then have length 0. Reading a view's length is much cheaper than
 * reading the memory's buffer, or that of a view. A view of a resizable buffer grows along with the memory.
 */
export class MemoryViews<B extends ArrayBufferLike = ArrayBufferLike> {
  readonly #owner: { readonly memory: WasmMemory };
  #all = viewsOf(new ArrayBuffer(0) as B);

  constructor(owner: { readonly memory: WasmMemory }) {
    this.#owner = owner;
  }

  /** The current views: a new object after growth has detached the old views. */
  get all(): WholeViews<B> {
    if (this.#all.u8.length === 0) this.#all = viewsOf(this.#owner.memory.buffer as B);
    return this.#all;
  }

  get u8(): WholeViews<B>['u8'] {
    return this.all.u8;
  }
}

function viewsOf<B extends ArrayBufferLike>(buffer: B): WholeViews<B> {
  return {
    buffer,
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
export function detachViews(memory: WasmMemory & ResizableMemory): void {
  memory.toFixedLengthBuffer?.();
  memory.grow(0);
}
