// SPDX-License-Identifier: MIT
//
// Names the buffers of typed arrays, which is possible since TypeScript 5.7.

import type { Arena, Heap, HeapArray, Scope } from 'lite-alloc';

declare const heap: Heap;
declare const shared: Heap<SharedArrayBuffer>;
declare const either: Heap<ArrayBufferLike>;
declare const scope: Scope<SharedArrayBuffer>;
declare const arena: Arena;

export const unshared: Float32Array<ArrayBuffer>[] = [
  heap.f32,
  heap.array(Float32Array, 1).view,
  heap.scope((inner) => inner.from(Float32Array, [1])).view,
  arena.from(Float32Array, [1]).view,
  shared.array(Float32Array, 1).slice(),
];
export const overShared: Int32Array<SharedArrayBuffer>[] = [
  shared.i32,
  shared.array(Int32Array, 1).view,
  shared.openScope().from(new Int32Array(1)).view,
  scope.arena({ bytes: 64 }).array(Int32Array, 1).view,
];
export const overEither: Uint8Array<ArrayBufferLike>[] = [either.u8, heap.u8, shared.u8];
export const handles: HeapArray<Uint8Array, ArrayBufferLike>[] = [
  either.array(Uint8Array, 1),
  heap.array(Uint8Array, 1),
  shared.array(Uint8Array, 1),
];
Atomics.wait(shared.i32, 0, 0);
