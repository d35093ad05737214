// SPDX-License-Identifier: MIT

import {
  type ArrayOptions,
  createHeap,
  createHeapSync,
  type DoubleFreeError,
  type ErrorCode,
  type Heap,
  type HeapArray,
  type HeapBlock,
  type HeapCorruptionError,
  type HeapOptions,
  type HeapStats,
  type InvalidFreeError,
  type LiteAllocError,
  OutOfMemoryError,
  type Strategy,
  strategies,
  type TypedArray,
  type UseAfterFreeError,
  type WasmLoadError,
  type WasmSource,
} from 'lite-alloc';
import { describe, expectTypeOf, test } from 'vitest';

declare const heap: Heap;

describe('loading', () => {
  test('createHeap gives a promise of a heap, createHeapSync a heap', () => {
    expectTypeOf(createHeap).toEqualTypeOf<(options?: HeapOptions) => Promise<Heap>>();
    expectTypeOf(createHeapSync).toEqualTypeOf<(options?: HeapOptions) => Heap>();
  });

  test('options are all optional and exact', () => {
    expectTypeOf<HeapOptions>().toEqualTypeOf<{
      strategy?: Strategy;
      initialBytes?: number;
      maximumBytes?: number;
      wasm?: WasmSource | PromiseLike<WasmSource>;
    }>();
    expectTypeOf<WasmSource>().toEqualTypeOf<
      WebAssembly.Module | BufferSource | URL | string | Response
    >();
  });

  test('strategies is a readonly tuple, and Strategy its union', () => {
    expectTypeOf(strategies).toEqualTypeOf<
      readonly ['bump-free-list', 'segregated-bump', 'free-list', 'segregated-fit']
    >();
    expectTypeOf<Strategy>().toEqualTypeOf<(typeof strategies)[number]>();
    expectTypeOf(heap.strategy).toEqualTypeOf<Strategy>();
  });

  test('wrong options are refused', () => {
    // @ts-expect-error: no such strategy
    void createHeap({ strategy: 'best-fit' });
    // @ts-expect-error: bytes are a number
    void createHeap({ initialBytes: '64k' });
    // @ts-expect-error: no such option
    void createHeap({ maxBytes: 1 });
  });
});

describe('blocks', () => {
  test('are plain numbers', () => {
    expectTypeOf<Heap['malloc']>().toEqualTypeOf<(size: number) => number>();
    expectTypeOf<Heap['tryMalloc']>().toEqualTypeOf<(size: number) => number>();
    expectTypeOf<Heap['calloc']>().toEqualTypeOf<(count: number, size: number) => number>();
    expectTypeOf<Heap['memalign']>().toEqualTypeOf<(alignment: number, size: number) => number>();
    expectTypeOf<Heap['realloc']>().toEqualTypeOf<(address: number, size: number) => number>();
    expectTypeOf<Heap['free']>().toEqualTypeOf<(address: number) => void>();
    expectTypeOf<Heap['usableSize']>().toEqualTypeOf<(address: number) => number>();
    expectTypeOf<Heap['reset']>().toEqualTypeOf<() => void>();
  });

  test('have a sized contract, whose alignment may be left out', () => {
    expectTypeOf<Heap['allocate']>().toEqualTypeOf<(size: number, alignment?: number) => number>();
    expectTypeOf<Heap['deallocate']>().toEqualTypeOf<
      (address: number, size: number, alignment?: number) => void
    >();
    expectTypeOf<Heap['reallocate']>().toEqualTypeOf<
      (address: number, oldSize: number, newSize: number, alignment?: number) => number
    >();
  });

  test('are not asked for in other types', () => {
    // @ts-expect-error: a size is a number
    heap.malloc('16');
    // @ts-expect-error: not a big integer either
    heap.malloc(16n);
    // @ts-expect-error: both arguments are needed
    heap.calloc(4);
    // @ts-expect-error: nor is it a handle that free takes
    heap.free(heap.array(Uint8Array, 1));
  });
});

describe('typed arrays', () => {
  test('array gives a handle of the kind', () => {
    expectTypeOf(heap.array(Float32Array, 3)).toEqualTypeOf<HeapArray<Float32Array>>();
    expectTypeOf(heap.array(Uint8ClampedArray, 3)).toEqualTypeOf<HeapArray<Uint8ClampedArray>>();
    expectTypeOf(heap.array(BigUint64Array, 3)).toEqualTypeOf<HeapArray<BigUint64Array>>();
    expectTypeOf(heap.array(Int8Array, 3, { alignment: 64, zero: true })).toEqualTypeOf<
      HeapArray<Int8Array>
    >();
    expectTypeOf<ArrayOptions>().toEqualTypeOf<{ alignment?: number; zero?: boolean }>();
  });

  test('from gives a handle of the basic kind, of subclasses too', () => {
    expectTypeOf(heap.from(new Float64Array(3))).toEqualTypeOf<HeapArray<Float64Array>>();
    expectTypeOf(heap.from(new BigInt64Array(3))).toEqualTypeOf<HeapArray<BigInt64Array>>();
    expectTypeOf(heap.from(Buffer.from('abc'))).toEqualTypeOf<HeapArray<Uint8Array>>();
    class Samples extends Int16Array {}
    expectTypeOf(heap.from(new Samples(3))).toEqualTypeOf<HeapArray<Int16Array>>();
    expectTypeOf(heap.from(heap.array(Uint32Array, 2).view)).toEqualTypeOf<
      HeapArray<Uint32Array>
    >();
  });

  test('a handle has exact members', () => {
    type Floats = HeapArray<Float32Array>;
    expectTypeOf<Floats['view']>().toEqualTypeOf<Float32Array>();
    expectTypeOf<Floats['slice']>().toEqualTypeOf<() => Float32Array>();
    expectTypeOf<Floats['resize']>().toEqualTypeOf<(length: number) => void>();
    expectTypeOf<Floats['free']>().toEqualTypeOf<() => void>();
    expectTypeOf<Floats['alive']>().toEqualTypeOf<boolean>();
    expectTypeOf<Pick<Floats, 'address' | 'length' | 'byteLength'>>().toEqualTypeOf<{
      readonly address: number;
      readonly length: number;
      readonly byteLength: number;
    }>();
    expectTypeOf<Floats>().toExtend<Disposable>();
    expectTypeOf(heap).toExtend<Disposable>();
  });

  test('other kinds are refused', () => {
    // @ts-expect-error: not a typed array
    heap.array(Array, 3);
    // @ts-expect-error: a view without elements
    heap.array(DataView, 3);
    // @ts-expect-error: no length
    heap.array(Float32Array);
    // @ts-expect-error: no such option
    heap.array(Float32Array, 3, { align: 64 });
    // @ts-expect-error: a plain array has no kind
    heap.from([1, 2, 3]);
    // @ts-expect-error: a buffer neither
    heap.from(new ArrayBuffer(8));
    // @ts-expect-error: elements are numbers
    heap.array(Float32Array, 1).view[0] = 1n;
    // @ts-expect-error: elements are big integers
    heap.array(BigInt64Array, 1).view[0] = 1;
    // @ts-expect-error: the view is re-made, not set
    heap.array(Float32Array, 1).view = new Float32Array(1);
  });

  test('views of the whole heap are of their kinds and read only', () => {
    expectTypeOf<
      Pick<
        Heap,
        'u8' | 'i8' | 'u16' | 'i16' | 'u32' | 'i32' | 'f32' | 'f64' | 'i64' | 'u64' | 'memory'
      >
    >().toEqualTypeOf<{
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
      readonly memory: WebAssembly.Memory;
    }>();
    expectTypeOf<TypedArray>().toEqualTypeOf<
      | Int8Array
      | Uint8Array
      | Uint8ClampedArray
      | Int16Array
      | Uint16Array
      | Int32Array
      | Uint32Array
      | Float32Array
      | Float64Array
      | BigInt64Array
      | BigUint64Array
    >();
  });
});

describe('sight', () => {
  test('stats tells numbers, by name', () => {
    type Figures =
      | 'liveBlocks'
      | 'liveBytes'
      | 'peakLiveBytes'
      | 'freeBytes'
      | 'slackBytes'
      | 'largestFreeBytes'
      | 'memoryBytes'
      | 'maximumBytes'
      | 'allocations'
      | 'frees'
      | 'failures'
      | 'growths'
      | 'fragmentation';
    expectTypeOf<Omit<HeapStats, 'strategy'>>().toEqualTypeOf<Record<Figures, number>>();
    expectTypeOf<HeapStats['strategy']>().toEqualTypeOf<Strategy>();
    expectTypeOf<Heap['stats']>().toEqualTypeOf<() => HeapStats>();
  });

  test('blocks iterates stretches', () => {
    expectTypeOf<HeapBlock>().toEqualTypeOf<{
      address: number;
      size: number;
      state: 'used' | 'free';
    }>();
    expectTypeOf<Heap['blocks']>().toEqualTypeOf<() => IterableIterator<HeapBlock>>();
    expectTypeOf<Heap['check']>().toEqualTypeOf<() => void>();
  });
});

describe('errors', () => {
  test('all extend LiteAllocError, which has a code', () => {
    expectTypeOf<LiteAllocError>().toExtend<Error>();
    expectTypeOf<LiteAllocError['code']>().toEqualTypeOf<ErrorCode>();
    expectTypeOf<ErrorCode>().toEqualTypeOf<
      | 'OUT_OF_MEMORY'
      | 'USE_AFTER_FREE'
      | 'INVALID_FREE'
      | 'DOUBLE_FREE'
      | 'HEAP_CORRUPTION'
      | 'WASM_LOAD'
    >();
    expectTypeOf<OutOfMemoryError>().toExtend<LiteAllocError>();
    expectTypeOf<UseAfterFreeError>().toExtend<LiteAllocError>();
    expectTypeOf<InvalidFreeError>().toExtend<LiteAllocError>();
    expectTypeOf<DoubleFreeError>().toExtend<LiteAllocError>();
    expectTypeOf<HeapCorruptionError>().toExtend<LiteAllocError>();
    expectTypeOf<WasmLoadError>().toExtend<LiteAllocError>();
  });

  test('carry what is known, read only', () => {
    expectTypeOf<
      Pick<OutOfMemoryError, 'requestedBytes' | 'memoryBytes' | 'maximumBytes'>
    >().toEqualTypeOf<{
      readonly requestedBytes: number;
      readonly memoryBytes: number;
      readonly maximumBytes: number;
    }>();
    expectTypeOf<Pick<InvalidFreeError, 'address'>>().toEqualTypeOf<{ readonly address: number }>();
    expectTypeOf<Pick<DoubleFreeError, 'address'>>().toEqualTypeOf<{ readonly address: number }>();
    expectTypeOf<Pick<HeapCorruptionError, 'address'>>().toEqualTypeOf<{
      readonly address: number;
    }>();
  });

  test('are told apart by instanceof', () => {
    const error: unknown = undefined;
    if (error instanceof OutOfMemoryError)
      expectTypeOf(error.requestedBytes).toEqualTypeOf<number>();
  });
});
