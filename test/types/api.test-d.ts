// SPDX-License-Identifier: MIT

import {
  type Advice,
  type AdviseOptions,
  type Alignment,
  AllocationTrace,
  type Allocator,
  type Arena,
  type ArenaOptions,
  type ArrayOptions,
  advise,
  type BlockDetails,
  createHeap,
  createHeapSync,
  type DebugOptions,
  type DoubleFreeError,
  type Elements,
  type ErrorCode,
  type GrowthListener,
  type GrowthOptions,
  type Heap,
  type HeapArray,
  type HeapBlock,
  type HeapCorruptionError,
  type HeapDiff,
  type HeapHandle,
  type HeapOptions,
  type HeapSnapshot,
  type HeapStats,
  type HeapString,
  type InvalidFreeError,
  type LeakError,
  type LeakedHandle,
  type LiteAllocError,
  type LiveBlock,
  OutOfMemoryError,
  type ReadOptions,
  type Recorder,
  type RecordOptions,
  type ReplayOptions,
  type ReplayResult,
  replay,
  type Scope,
  type Strategy,
  type Subscription,
  strategies,
  type TraceError,
  type TraceSource,
  type TypedArray,
  type TypedArrayConstructor,
  type UseAfterFreeError,
  type WasmLoadError,
  type WasmSource,
} from 'lite-alloc';
import { describe, expectTypeOf, test } from 'vitest';

declare const heap: Heap;

describe('loading', () => {
  test('createHeap returns a promise of a heap, createHeapSync a heap', () => {
    expectTypeOf(createHeap).toEqualTypeOf<(options?: HeapOptions) => Promise<Heap>>();
    expectTypeOf(createHeapSync).toEqualTypeOf<(options?: HeapOptions) => Heap>();
  });

  test('the entries with more parts have the types of their base', () => {
    type Base = typeof import('lite-alloc');
    expectTypeOf<typeof import('lite-alloc/debug')>().toEqualTypeOf<Base>();
    expectTypeOf<typeof import('lite-alloc/region')>().toEqualTypeOf<Base>();
    expectTypeOf<typeof import('lite-alloc/traces')>().toEqualTypeOf<Base>();
    expectTypeOf<typeof import('lite-alloc/inline')>().toEqualTypeOf<Base>();
    expectTypeOf<typeof import('lite-alloc/inline/debug')>().toEqualTypeOf<Base>();
    expectTypeOf<typeof import('lite-alloc/inline/region')>().toEqualTypeOf<Base>();
    expectTypeOf<typeof import('lite-alloc/inline/traces')>().toEqualTypeOf<Base>();
  });

  test('options are all optional and exact', () => {
    expectTypeOf<HeapOptions>().toEqualTypeOf<{
      strategy?: Strategy;
      initialBytes?: number;
      maximumBytes?: number;
      wasm?: WasmSource | PromiseLike<WasmSource>;
      memory?: WebAssembly.Memory;
      start?: number;
      end?: number;
      stableViews?: boolean;
      onLeak?: (leak: LeakedHandle) => void;
      debug?: boolean | DebugOptions;
    }>();
    expectTypeOf<DebugOptions>().toEqualTypeOf<{
      quarantineBytes?: number;
      canaryBytes?: number;
      stacks?: boolean;
    }>();
    expectTypeOf<LeakedHandle>().toEqualTypeOf<{
      kind: string;
      length: number;
      byteLength: number;
      address: number;
    }>();
    expectTypeOf<WasmSource>().toEqualTypeOf<
      WebAssembly.Module | BufferSource | URL | string | Response
    >();
  });

  test('strategies is a readonly tuple, and Strategy is its union type', () => {
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

  test('have sized calls, whose alignment may be left out', () => {
    expectTypeOf<Heap['allocate']>().toEqualTypeOf<(size: number, alignment?: number) => number>();
    expectTypeOf<Heap['deallocate']>().toEqualTypeOf<
      (address: number, size: number, alignment?: number) => void
    >();
    expectTypeOf<Heap['reallocate']>().toEqualTypeOf<
      (address: number, oldSize: number, newSize: number, alignment?: number) => number
    >();
  });

  test('are not allocated or freed with arguments of other types', () => {
    // @ts-expect-error: a size is a number
    heap.malloc('16');
    // @ts-expect-error: a size is not a big integer
    heap.malloc(16n);
    // @ts-expect-error: both arguments are needed
    heap.calloc(4);
    // @ts-expect-error: free takes an address, not a handle
    heap.free(heap.array(Uint8Array, 1));
  });
});

describe('typed arrays', () => {
  test('array returns a handle of its type', () => {
    expectTypeOf(heap.array(Float32Array, 3)).toEqualTypeOf<HeapArray<Float32Array>>();
    expectTypeOf(heap.array(Uint8ClampedArray, 3)).toEqualTypeOf<HeapArray<Uint8ClampedArray>>();
    expectTypeOf(heap.array(BigUint64Array, 3)).toEqualTypeOf<HeapArray<BigUint64Array>>();
    expectTypeOf(heap.array(Int8Array, 3, { alignment: 64, zero: true })).toEqualTypeOf<
      HeapArray<Int8Array>
    >();
    expectTypeOf<ArrayOptions>().toEqualTypeOf<{ alignment?: Alignment; zero?: boolean }>();
    expectTypeOf<Alignment>().toEqualTypeOf<number | 'simd' | 'cache' | 'gpu' | 'page'>();
  });

  test('from returns a handle of the built-in type, for subclasses too', () => {
    expectTypeOf(heap.from(new Float64Array(3))).toEqualTypeOf<HeapArray<Float64Array>>();
    expectTypeOf(heap.from(new BigInt64Array(3))).toEqualTypeOf<HeapArray<BigInt64Array>>();
    expectTypeOf(heap.from(Buffer.from('abc'))).toEqualTypeOf<HeapArray<Uint8Array>>();
    class Samples extends Int16Array {}
    expectTypeOf(heap.from(new Samples(3))).toEqualTypeOf<HeapArray<Int16Array>>();
    expectTypeOf(heap.from(heap.array(Uint32Array, 2).view)).toEqualTypeOf<
      HeapArray<Uint32Array>
    >();
  });

  test('from accepts iterables and array-likes of the element type', () => {
    expectTypeOf(heap.from(Float32Array, [1, 2])).toEqualTypeOf<HeapArray<Float32Array>>();
    expectTypeOf(heap.from(BigInt64Array, new Set([1n]))).toEqualTypeOf<HeapArray<BigInt64Array>>();
    expectTypeOf(heap.from(Int8Array, { length: 2, 0: 1, 1: 2 })).toEqualTypeOf<
      HeapArray<Int8Array>
    >();
    expectTypeOf(heap.from(Uint8Array, new Float32Array(2), { alignment: 'gpu' })).toEqualTypeOf<
      HeapArray<Uint8Array>
    >();
    expectTypeOf<Elements<Uint8Array>>().toEqualTypeOf<Iterable<number> | ArrayLike<number>>();
    // @ts-expect-error: big integers for numbers
    heap.from(Float32Array, [1n]);
    // @ts-expect-error: numbers for big integers
    heap.from(BigUint64Array, [1]);
    // @ts-expect-error: the elements are missing
    heap.from(Float32Array);
    // @ts-expect-error: a length is not an iterable
    heap.from(Float32Array, 3);
    // @ts-expect-error: no such preset
    heap.array(Float32Array, 3, { alignment: 'avx' });
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
    expectTypeOf<Floats['type']>().toEqualTypeOf<TypedArrayConstructor<Float32Array>>();
    expectTypeOf<HeapHandle['toJSON']>().toEqualTypeOf<() => string>();
    expectTypeOf<HeapHandle['toString']>().toEqualTypeOf<() => string>();
    expectTypeOf<Floats>().toExtend<Disposable>();
    expectTypeOf(heap).toExtend<Disposable>();
  });

  test('other types are refused', () => {
    // @ts-expect-error: not a typed array
    heap.array(Array, 3);
    // @ts-expect-error: a view without elements
    heap.array(DataView, 3);
    // @ts-expect-error: the length is missing
    heap.array(Float32Array);
    // @ts-expect-error: no such option
    heap.array(Float32Array, 3, { align: 64 });
    // @ts-expect-error: a plain array has no element type
    heap.from([1, 2, 3]);
    // @ts-expect-error: a buffer has no element type
    heap.from(new ArrayBuffer(8));
    // @ts-expect-error: elements are numbers
    heap.array(Float32Array, 1).view[0] = 1n;
    // @ts-expect-error: elements are big integers
    heap.array(BigInt64Array, 1).view[0] = 1;
    // @ts-expect-error: the view is read-only
    heap.array(Float32Array, 1).view = new Float32Array(1);
  });

  test('views of the whole heap have their types and are read-only', () => {
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

describe('strings', () => {
  test('are handles of text', () => {
    expectTypeOf<Heap['string']>().toEqualTypeOf<(text: string) => HeapString>();
    expectTypeOf<Heap['readString']>().toEqualTypeOf<
      (address: number, byteLength: number) => string
    >();
    expectTypeOf<Pick<HeapString, 'address' | 'byteLength' | 'alive'>>().toEqualTypeOf<{
      readonly address: number;
      readonly byteLength: number;
      readonly alive: boolean;
    }>();
    expectTypeOf<HeapString['toString']>().toEqualTypeOf<() => string>();
    expectTypeOf<HeapString['free']>().toEqualTypeOf<() => void>();
    expectTypeOf<HeapString>().toExtend<Disposable>();
    // @ts-expect-error: text only
    heap.string(5);
  });
});

describe('lifetimes', () => {
  test('a scope returns the result of its function', () => {
    expectTypeOf(heap.scope((scope) => scope.array(Float32Array, 1))).toEqualTypeOf<
      HeapArray<Float32Array>
    >();
    expectTypeOf(heap.scope(() => {})).toEqualTypeOf<void>();
    expectTypeOf(heap.scopeAsync(async (scope) => [scope.string('')])).toEqualTypeOf<
      Promise<HeapString[]>
    >();
    expectTypeOf(heap.scopeAsync((scope) => scope.malloc(1))).toEqualTypeOf<Promise<number>>();
    expectTypeOf(heap.openScope).toEqualTypeOf<() => Scope>();
    expectTypeOf<Scope>().toExtend<Disposable>();
    expectTypeOf<Scope['close']>().toEqualTypeOf<() => void>();
    expectTypeOf<Heap['dispose']>().toEqualTypeOf<() => void>();
  });

  test('onGrow returns a subscription, and takes a signal', () => {
    expectTypeOf<Heap['onGrow']>().toEqualTypeOf<
      (listener: GrowthListener, options?: GrowthOptions) => Subscription
    >();
    expectTypeOf<GrowthOptions>().toEqualTypeOf<{ signal?: AbortSignal }>();
    expectTypeOf<Subscription['remove']>().toEqualTypeOf<() => void>();
    expectTypeOf<Subscription>().toExtend<Disposable>();
    // @ts-expect-error: a signal, not its controller
    heap.onGrow(() => {}, { signal: new AbortController() });
  });

  test('keep returns a value of the type of its argument', () => {
    const scope = heap.openScope();
    const kept = { positions: scope.array(Float32Array, 1), name: scope.string('') };
    expectTypeOf(scope.keep(kept)).toEqualTypeOf(kept);
  });

  test('an arena has a size', () => {
    expectTypeOf<Heap['arena']>().toEqualTypeOf<(options: ArenaOptions) => Arena>();
    expectTypeOf<Scope['arena']>().toEqualTypeOf<(options: ArenaOptions) => Arena>();
    expectTypeOf<ArenaOptions>().toEqualTypeOf<{ bytes: number }>();
    expectTypeOf<Pick<Arena, 'bytes' | 'usedBytes' | 'alive'>>().toEqualTypeOf<{
      readonly bytes: number;
      readonly usedBytes: number;
      readonly alive: boolean;
    }>();
    expectTypeOf<Arena>().toExtend<Disposable>();
    // @ts-expect-error: the size is missing
    heap.arena();
  });

  test('heaps, scopes and arenas are allocators, and arrays and strings are handles', () => {
    expectTypeOf<Heap>().toExtend<Allocator>();
    expectTypeOf<Scope>().toExtend<Allocator>();
    expectTypeOf<Arena>().toExtend<Allocator>();
    type Common = 'malloc' | 'calloc' | 'memalign' | 'array' | 'from' | 'string';
    expectTypeOf<keyof Allocator>().toEqualTypeOf<Common>();
    expectTypeOf<HeapArray<Uint8Array>>().toExtend<HeapHandle>();
    expectTypeOf<HeapString>().toExtend<HeapHandle>();
  });
});

describe('introspection', () => {
  test('stats returns numbers by name', () => {
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

  test('blocks iterates over used and free ranges', () => {
    expectTypeOf<HeapBlock>().toEqualTypeOf<{
      address: number;
      size: number;
      state: 'used' | 'free';
    }>();
    expectTypeOf<Heap['blocks']>().toEqualTypeOf<() => IterableIterator<HeapBlock>>();
    expectTypeOf<Heap['check']>().toEqualTypeOf<() => void>();
  });

  test('leaks lists live blocks', () => {
    expectTypeOf<LiveBlock>().toEqualTypeOf<{
      readonly address: number;
      readonly size: number;
      readonly stack: string | undefined;
    }>();
    expectTypeOf<Heap['leaks']>().toEqualTypeOf<() => LiveBlock[]>();
    expectTypeOf<Heap['assertNoLeaks']>().toEqualTypeOf<() => void>();
  });
});

describe('traces', () => {
  test('record returns a recorder, whose stop returns a trace', () => {
    expectTypeOf<Heap['record']>().toEqualTypeOf<(options?: RecordOptions) => Recorder>();
    expectTypeOf<RecordOptions>().toEqualTypeOf<{ maximumOperations?: number }>();
    expectTypeOf<Recorder['stop']>().toEqualTypeOf<() => AllocationTrace>();
    expectTypeOf<Pick<Recorder, 'operations'>>().toEqualTypeOf<{ readonly operations: number }>();
    expectTypeOf<Recorder>().toExtend<Disposable>();
  });

  test('a trace is read and written as bytes', () => {
    expectTypeOf(AllocationTrace.read).toEqualTypeOf<
      (source: TraceSource, options?: ReadOptions) => Promise<AllocationTrace>
    >();
    expectTypeOf<ReturnType<AllocationTrace['write']>>().toEqualTypeOf<
      ReadableStream<Uint8Array<ArrayBuffer>>
    >();
    expectTypeOf<keyof AllocationTrace>().toEqualTypeOf<'operations' | 'truncated' | 'write'>();
    expectTypeOf<ReadableStream<Uint8Array>>().toExtend<TraceSource>();
    // @ts-expect-error: a path is not a source
    void AllocationTrace.read('file.trace');
  });

  test('replay and advise return results', () => {
    expectTypeOf(replay).toEqualTypeOf<
      (trace: AllocationTrace, options?: ReplayOptions) => Promise<ReplayResult>
    >();
    expectTypeOf(advise).toEqualTypeOf<
      (trace: AllocationTrace, options?: AdviseOptions) => Promise<Advice[]>
    >();
    expectTypeOf<ReplayOptions>().toExtend<AdviseOptions>();
    expectTypeOf<Advice>().toEqualTypeOf<{
      strategy: Strategy;
      score: number;
      reason: string;
      result: ReplayResult;
    }>();
    expectTypeOf<ReplayResult>().toEqualTypeOf<{
      strategy: Strategy;
      operations: number;
      rounds: number;
      nanosecondsPerOperation: { minimum: number; median: number };
      peakLiveBytes: number;
      peakMemoryBytes: number;
      memoryOverPeakLive: number;
      fragmentation: { atPeak: number; atEnd: number };
      growths: number;
      failures: number;
      timedOut: boolean;
    }>();
  });
});

describe('snapshots', () => {
  test('have blocks, statistics and differences', () => {
    expectTypeOf<Heap['snapshot']>().toEqualTypeOf<() => HeapSnapshot>();
    expectTypeOf<HeapSnapshot['blocks']>().toEqualTypeOf<readonly LiveBlock[]>();
    expectTypeOf<HeapSnapshot['stats']>().toEqualTypeOf<Readonly<HeapStats>>();
    expectTypeOf<HeapSnapshot['diff']>().toEqualTypeOf<(later: HeapSnapshot) => HeapDiff>();
    expectTypeOf<
      Pick<HeapDiff, 'added' | 'removed' | 'liveBlocks' | 'liveBytes' | 'memoryBytes'>
    >().toEqualTypeOf<{
      readonly added: readonly LiveBlock[];
      readonly removed: readonly LiveBlock[];
      readonly liveBlocks: number;
      readonly liveBytes: number;
      readonly memoryBytes: number;
    }>();
    expectTypeOf<HeapDiff['toString']>().toEqualTypeOf<() => string>();
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
      | 'LEAK'
      | 'WASM_LOAD'
      | 'TRACE'
    >();
    expectTypeOf<OutOfMemoryError>().toExtend<LiteAllocError>();
    expectTypeOf<UseAfterFreeError>().toExtend<LiteAllocError>();
    expectTypeOf<InvalidFreeError>().toExtend<LiteAllocError>();
    expectTypeOf<DoubleFreeError>().toExtend<LiteAllocError>();
    expectTypeOf<HeapCorruptionError>().toExtend<LiteAllocError>();
    expectTypeOf<LeakError>().toExtend<LiteAllocError>();
    expectTypeOf<WasmLoadError>().toExtend<LiteAllocError>();
    expectTypeOf<TraceError>().toExtend<LiteAllocError>();
    expectTypeOf<TraceError['offset']>().toEqualTypeOf<number>();
  });

  test('carry read-only details', () => {
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
    type Facts = 'size' | 'offset' | 'allocatedAt' | 'freedAt';
    expectTypeOf<
      Pick<InvalidFreeError | DoubleFreeError | HeapCorruptionError, Facts>
    >().toEqualTypeOf<Readonly<Required<BlockDetails>>>();
    expectTypeOf<LeakError['leaks']>().toEqualTypeOf<readonly LiveBlock[]>();
  });

  test('are narrowed by instanceof', () => {
    const error: unknown = undefined;
    if (error instanceof OutOfMemoryError)
      expectTypeOf(error.requestedBytes).toEqualTypeOf<number>();
  });
});
