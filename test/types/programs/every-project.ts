// SPDX-License-Identifier: MIT
//
// Uses the types as a project with nothing but the types of JavaScript can. The matrix compiles this file for every
// entry of the package, in every version of TypeScript: typed arrays have no type parameter in the older ones.

import {
  AllocationTrace,
  advise,
  createHeap,
  createHeapSync,
  type Elements,
  type Heap,
  type HeapArray,
  type HeapOptions,
  OutOfMemoryError,
  type ReplayOptions,
  replay,
  type Scope,
  strategies,
  type TypedArray,
  type TypedArrayConstructor,
  type TypedArrays,
} from 'lite-alloc';

type IsAny<T> = 0 extends 1 & T ? true : false;
type IsEqual<A, B> =
  (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
type Floats = ReturnType<typeof Float32Array.of>;

/** What a heap over unshared memory gives, in every version. */
export const views: [
  IsEqual<Heap['f32'], Floats>,
  IsEqual<Heap['u8'], ReturnType<typeof Uint8Array.of>>,
  IsEqual<Heap['i64'], ReturnType<typeof BigInt64Array.of>>,
  IsEqual<HeapArray<Float32Array>['view'], Floats>,
  IsEqual<ReturnType<HeapArray<Float32Array>['slice']>, Floats>,
  IsEqual<ReturnType<HeapArray<Float32Array, SharedArrayBuffer>['slice']>, Floats>,
] = [true, true, true, true, true, true];

/** Nothing is `any`. */
export const any: Record<keyof TypedArrays, false> & { other: false } = {} as {
  [Kind in keyof TypedArrays]: IsAny<
    TypedArrays<ArrayBuffer>[Kind] & TypedArrays<SharedArrayBuffer>[Kind]
  >;
} & {
  other: IsAny<
    | Heap['memory']
    | Heap<SharedArrayBuffer>['f64']
    | HeapArray<TypedArray, SharedArrayBuffer>['view']
    | HeapOptions['memory']
    | HeapOptions['wasm']
    | ReplayOptions['signal']
    | ReturnType<AllocationTrace['write']>
    | Parameters<typeof AllocationTrace.read>[0]
  >;
};

const heap: Heap = createHeapSync({ maximumBytes: 1 << 20, wasm: new Uint8Array(8) });

export function sum(values: readonly number[]): number {
  using array = heap.from(Float64Array, values);
  using scope: Scope = heap.openScope();
  scope.from(array.view).view.fill(0);
  return array.view.reduce((left, right) => left + right, 0);
}

export function store<T extends TypedArray>(source: T): HeapArray<TypedArray> {
  return heap.from(source, { alignment: 'cache' });
}

export function convert<T extends TypedArray>(
  type: TypedArrayConstructor<T>,
  elements: Elements<T>,
): HeapArray<T> {
  return heap.from(type, elements);
}

export async function measure(): Promise<readonly (number | string)[]> {
  const other = await createHeap({ memory: heap.memory, start: 0, end: 1 << 16 });
  const recorder = other.record();
  const pixels: HeapArray<Uint8ClampedArray> = other.scope((scope) =>
    scope.from(new Uint8ClampedArray(4), { alignment: 64 }),
  );
  const stream = recorder.stop().write({ gzip: true });
  const piece = (await stream.getReader().read()).value;
  const trace = await AllocationTrace.read(piece ?? new Uint8Array(0));
  const [best] = await advise(trace, { rounds: 1 });
  const { peakLiveBytes } = await replay(trace, { strategy: strategies[0] });
  try {
    other.malloc(1 << 30);
  } catch (error) {
    if (error instanceof OutOfMemoryError) return [error.code, error.requestedBytes];
  }
  return [pixels.view.length, other.memory.buffer.byteLength, best?.score ?? 0, peakLiveBytes];
}

// @ts-expect-error: no such strategy
void createHeap({ strategy: 'best-fit' });
// @ts-expect-error: elements are numbers
heap.array(Float32Array, 1).view[0] = 1n;
// @ts-expect-error: an array of another kind
export const wrong: HeapArray<Uint8Array> = heap.array(Float32Array, 1);
