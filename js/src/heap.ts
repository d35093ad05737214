// SPDX-License-Identifier: MIT
/// <reference lib="esnext.disposable" preserve="true" />

import {
  assertKind,
  type BlockOwner,
  disposeSymbol,
  HeapArray,
  kindOf,
  type TypedArray,
  type TypedArrayConstructor,
  type TypedArrays,
} from './blocks.js';
import {
  DoubleFreeError,
  formatAddress,
  HeapCorruptionError,
  InvalidFreeError,
  OutOfMemoryError,
  UseAfterFreeError,
} from './errors.js';
import { type HeapOptions, type HeapPlan, planHeap, type Strategy, strategies } from './options.js';
import { MemoryViews } from './views.js';
import {
  type HeapFunctions,
  type HeapLayer,
  instantiate,
  loadModule,
  loadModuleSync,
  type WasmSource,
} from './wasm-module.js';

/** What a heap tells of itself, in bytes and counts. */
export interface HeapStats {
  strategy: Strategy;
  liveBlocks: number;
  /** Handed out and not freed: rounding included, headers not. */
  liveBytes: number;
  peakLiveBytes: number;
  /** What the heap has and nobody uses, slack included. */
  freeBytes: number;
  /** The part of `freeBytes` behind the last block: what growth added ahead of need. */
  slackBytes: number;
  /** The largest free block, slack left out. */
  largestFreeBytes: number;
  /** The size of the linear memory. */
  memoryBytes: number;
  /** What the linear memory can grow to. */
  maximumBytes: number;
  /** Calls that gave a new block. */
  allocations: number;
  frees: number;
  /** Calls that found no memory. */
  failures: number;
  /** Times the heap grew its memory. */
  growths: number;
  /** The share of free bytes outside the largest free block, from 0 towards 1; slack left out. */
  fragmentation: number;
}

/** A stretch of the heap. */
export interface HeapBlock {
  /** Of a used block what its owner knows. */
  address: number;
  /** Bytes up to the next stretch, whose header, where it has one, is counted here. */
  size: number;
  state: 'used' | 'free';
}

export interface ArrayOptions {
  /** Of the first element, in bytes: a power of two up to 65 536. Default: 16. */
  alignment?: number;
  /** Whether all bytes are set to 0. Default: false. */
  zero?: boolean;
}

const defaultAlignment = 16;
const maximumAlignment = 65536;
const pageBytes = 65536;

/** More than any memory can hold, and still a number that the module takes. */
const tooLarge = 0xffffffff;

// `lite_alloc::FreeResult`
const freedResult = 0;
const alreadyFreeResult = 2;

// `lite_alloc::Corruption::Kind`, from 1
const corruptions = [
  'a link of the free list was overwritten',
  'two free blocks share bytes: one was freed twice, or with a wrong size',
  'the counters disagree with the blocks: one was freed with a wrong size',
  'the header of a block was overwritten',
];

/** A heap over its own linear memory. `createHeap` makes one. */
export class Heap {
  /** How blocks are found and kept. */
  readonly strategy: Strategy;

  readonly #module: HeapFunctions;
  /** What stands between the calls and the module, the lowest first. */
  readonly #layers: HeapLayer[] = [];
  /** The module's functions below all layers: what every call goes to. */
  #functions!: HeapFunctions;
  // The hottest two once more: the engine reads a field faster than one of a module's many properties.
  #malloc!: HeapFunctions['malloc'];
  #free!: HeapFunctions['free'];
  #isDisposed = false;
  readonly #maximumBytes: number;
  #views: MemoryViews;
  readonly #owner: { -readonly [Key in keyof BlockOwner]: BlockOwner[Key] };

  /** Use `createHeap`. */
  constructor(plan: HeapPlan, module: WebAssembly.Module) {
    const { memory, maximumPages } = createMemory(plan);
    this.strategy = plan.strategy;
    this.#module = instantiate(module, memory, strategies.indexOf(plan.strategy));
    this.#applyLayers();
    this.#maximumBytes = maximumPages * pageBytes;
    this.#owner = {
      epoch: 0,
      memory,
      realloc: (address, length, elementBytes) =>
        this.realloc(address, toByteLength('length', length, elementBytes)),
      free: (address) => this.free(address),
    };
    this.#views = new MemoryViews(this.#owner);
  }

  /** The linear memory. Whoever grows it, the heap and its views stay right. */
  get memory(): WebAssembly.Memory {
    return this.#owner.memory;
  }

  // Views of the whole memory, index 0 at address 0. Always current when read from here; do not keep
  // them across allocations.

  get u8(): Uint8Array {
    return this.#views.u8;
  }

  get i8(): Int8Array {
    return this.#views.i8;
  }

  get u16(): Uint16Array {
    return this.#views.u16;
  }

  get i16(): Int16Array {
    return this.#views.i16;
  }

  get u32(): Uint32Array {
    return this.#views.u32;
  }

  get i32(): Int32Array {
    return this.#views.i32;
  }

  get f32(): Float32Array {
    return this.#views.f32;
  }

  get f64(): Float64Array {
    return this.#views.f64;
  }

  get i64(): BigInt64Array {
    return this.#views.i64;
  }

  get u64(): BigUint64Array {
    return this.#views.u64;
  }

  /**
   * A block of `size` bytes, aligned to 16. A size of 0 gives a distinct live block.
   *
   * @throws RangeError where `size` is not a non-negative integer.
   * @throws OutOfMemoryError where memory cannot hold it.
   */
  malloc(size: number): number {
    return this.tryMalloc(size) || this.#failAllocation(size);
  }

  /**
   * The same, 0 where memory cannot hold it.
   *
   * @throws RangeError where `size` is not a non-negative integer.
   */
  tryMalloc(size: number): number {
    return this.#malloc(toSize('size', size));
  }

  /**
   * A block of `count` times `size` bytes, all 0.
   *
   * @throws RangeError where either is not a non-negative integer.
   * @throws OutOfMemoryError where memory cannot hold the product.
   */
  calloc(count: number, size: number): number {
    toSize('size', size);
    const bytes = toByteLength('count', count, size);
    return this.#functions.zeroed(toSize('size', bytes)) || this.#failAllocation(bytes);
  }

  /**
   * A block of `size` bytes at a multiple of `alignment`, a power of two up to 65 536; below 16 it
   * means 16.
   *
   * @throws RangeError where `size` is not a non-negative integer, or `alignment` no such power.
   * @throws OutOfMemoryError where memory cannot hold it.
   */
  memalign(alignment: number, size: number): number {
    assertAlignment(alignment);
    return this.#functions.memalign(alignment, toSize('size', size)) || this.#failAllocation(size);
  }

  /**
   * The block with `size` bytes, contents kept up to the smaller size: in place where it can, else
   * elsewhere, and `address` is dead. Keeps the block's alignment. An address of 0 is `malloc`.
   *
   * @throws RangeError where `size` is not a non-negative integer.
   * @throws OutOfMemoryError where memory cannot hold it; the block is as it was then.
   * @throws InvalidFreeError where `address` is not a live block of this heap.
   */
  realloc(address: number, size: number): number {
    const bytes = toSize('size', size);
    const moved = isAddress(address) ? this.#functions.realloc(address, bytes) : 0;
    if (moved === 0 && address !== 0) this.usableSize(address);
    return moved || this.#failAllocation(size);
  }

  /**
   * Frees a block; 0 is ignored.
   *
   * @throws DoubleFreeError where the block was freed before, as far as its bytes still tell.
   * @throws InvalidFreeError where `address` is not a live block of this heap.
   */
  free(address: number): void {
    const result = isAddress(address) ? this.#free(address) : -1;
    if (result !== freedResult) this.#failFree(address, result);
  }

  /**
   * The bytes that a block really has, at least what was asked for.
   *
   * @throws InvalidFreeError where `address` is not a live block of this heap.
   */
  usableSize(address: number): number {
    const size = isAddress(address) ? this.#functions.usableSize(address) : 0;
    if (size === 0)
      throw new InvalidFreeError(
        address,
        `${formatAddress(address)} is not a live block of this heap`,
      );
    return size;
  }

  /**
   * A block of the strategy itself: no header, `deallocate` and `reallocate` are told its size. Do not
   * give it to `free`.
   *
   * @throws RangeError where `size` is not a non-negative integer or `alignment` not a power of two.
   * @throws OutOfMemoryError where memory cannot hold it.
   */
  allocate(size: number, alignment = defaultAlignment): number {
    assertAlignment(alignment);
    return this.#functions.allocate(toSize('size', size), alignment) || this.#failAllocation(size);
  }

  /**
   * Frees what `allocate` gave, with the size and alignment it has now.
   *
   * @throws RangeError where `size` is not a non-negative integer or `alignment` not a power of two.
   * @throws InvalidFreeError where no such block can be at `address`; not every mistake shows.
   */
  deallocate(address: number, size: number, alignment = defaultAlignment): void {
    assertAlignment(alignment);
    const bytes = toSize('size', size);
    if (!isAddress(address) || !this.#functions.deallocate(address, bytes, alignment)) {
      this.#failSized(address, size, alignment);
    }
  }

  /**
   * What `allocate` gave, with `newSize` bytes, contents kept up to the smaller size, perhaps elsewhere.
   *
   * @throws RangeError where a size is not a non-negative integer or `alignment` not a power of two.
   * @throws OutOfMemoryError where memory cannot hold it; the block is as it was then.
   * @throws InvalidFreeError where no such block can be at `address`; not every mistake shows.
   */
  reallocate(
    address: number,
    oldSize: number,
    newSize: number,
    alignment = defaultAlignment,
  ): number {
    assertAlignment(alignment);
    const oldBytes = toSize('oldSize', oldSize);
    const bytes = toSize('newSize', newSize);
    if (!isAddress(address) || !this.#functions.mayBeSizedBlock(address, oldBytes, alignment)) {
      this.#failSized(address, oldSize, alignment);
    }
    return (
      this.#functions.reallocate(address, oldBytes, bytes, alignment) ||
      this.#failAllocation(newSize)
    );
  }

  /** Drops every block at once; handles are dead. Memory is kept for reuse. */
  reset(): void {
    this.#functions.reset();
    this.#owner.epoch++;
  }

  /**
   * An array of `length` elements in the heap, not cleared unless asked.
   *
   * @throws RangeError where `length` is not a non-negative integer.
   * @throws OutOfMemoryError where memory cannot hold it.
   */
  array<T extends TypedArray>(
    type: TypedArrayConstructor<T>,
    length: number,
    options: ArrayOptions = {},
  ): HeapArray<T> {
    assertKind(type);
    const bytes = toByteLength('length', length, type.BYTES_PER_ELEMENT);
    const address = this.memalign(options.alignment ?? defaultAlignment, bytes);
    if (options.zero === true) this.u8.fill(0, address, address + bytes);
    return new HeapArray(this.#owner, type, address, length);
  }

  /**
   * A copy of a typed array in the heap, of the same kind. The source may lie in this heap too.
   *
   * @throws OutOfMemoryError where memory cannot hold it.
   */
  from<T extends TypedArray>(
    source: T,
    options: ArrayOptions = {},
  ): HeapArray<TypedArrays[T[typeof Symbol.toStringTag]]> {
    const type = kindOf(source);
    const { byteOffset, byteLength, length } = source;
    const isInHeap = source.buffer === this.memory.buffer;
    const copy = this.array(type, length, options);
    // The allocation may have grown memory, and detached a source that lies in it.
    const bytes = new Uint8Array(
      isInHeap ? this.memory.buffer : source.buffer,
      byteOffset,
      byteLength,
    );
    this.u8.set(bytes, copy.address);
    return copy;
  }

  /** Counters and figures. Constant time, but for a look through the free blocks where the largest was used since. */
  stats(): HeapStats {
    const heap = this.#functions;
    return {
      strategy: this.strategy,
      liveBlocks: heap.liveBlocks(),
      liveBytes: heap.liveBytes(),
      peakLiveBytes: heap.peakLiveBytes(),
      freeBytes: heap.freeBytes(),
      slackBytes: heap.slackBytes(),
      largestFreeBytes: heap.largestFreeBytes(),
      memoryBytes: this.memory.buffer.byteLength,
      maximumBytes: this.#maximumBytes,
      allocations: heap.allocations(),
      frees: heap.frees(),
      failures: heap.failures(),
      growths: heap.growths(),
      fragmentation: heap.fragmentation(),
    };
  }

  /**
   * The blocks and free stretches in address order, as they are now: each ends where the next begins,
   * but where somebody else's pages lie in between. Blocks of `allocate` that lie side by side have
   * nothing between them and show as one.
   *
   * @throws HeapCorruptionError where the heap is damaged.
   */
  blocks(): IterableIterator<HeapBlock> {
    this.check();
    return iterateBlocks(takeSnapshot(this.#functions));
  }

  /**
   * Looks through the whole heap for what cannot be.
   *
   * @throws HeapCorruptionError where it finds something.
   */
  check(): void {
    const kind = this.#functions.check();
    if (kind === 0) return;
    const address = this.#functions.corruptAddress();
    const place = address === 0 ? '' : ` at ${formatAddress(address)}`;
    throw new HeapCorruptionError(address, `the heap is damaged${place}: ${corruptions[kind - 1]}`);
  }

  /** Drops the heap and its memory: everything in it is dead, and every call throws `UseAfterFreeError`. */
  [disposeSymbol](): void {
    if (this.#isDisposed) return;
    this.#isDisposed = true;
    this.#use(disposedFunctions(this.#module));
    this.#views = new MemoryViews(this.#owner);
    Object.defineProperty(this.#owner, 'memory', { get: failDisposed });
    this.#owner.epoch++;
  }

  /** Makes all calls go through the layers there are now. */
  #applyLayers(): void {
    this.#use(this.#layers.reduce((below, layer) => layer(below), this.#module));
  }

  #use(functions: HeapFunctions): void {
    this.#functions = functions;
    this.#malloc = functions.malloc;
    this.#free = functions.free;
  }

  #failAllocation(bytes: number): never {
    throw new OutOfMemoryError(bytes, this.memory.buffer.byteLength, this.#maximumBytes);
  }

  #failFree(address: number, result: number): never {
    const place = formatAddress(address);
    throw result === alreadyFreeResult
      ? new DoubleFreeError(address, `the block at ${place} was freed before`)
      : new InvalidFreeError(address, `${place} is not a live block of this heap`);
  }

  #failSized(address: number, size: number, alignment: number): never {
    throw new InvalidFreeError(
      address,
      `no block of ${size} bytes aligned to ${alignment} can be at ${formatAddress(address)}`,
    );
  }
}

/** A heap from the wasm that `options` name, else from what `packagedWasm` gives. */
export async function makeHeap(
  options: HeapOptions | undefined,
  packagedWasm: () => WasmSource | Promise<WasmSource>,
): Promise<Heap> {
  const plan = planHeap(options);
  return new Heap(
    plan,
    await loadModule(await (plan.wasm === undefined ? packagedWasm() : plan.wasm)),
  );
}

/** The same without a promise. */
export function makeHeapSync(
  options: HeapOptions | undefined,
  packagedWasm: () => WasmSource,
): Heap {
  const plan = planHeap(options);
  if (plan.wasm !== undefined && 'then' in Object(plan.wasm)) {
    throw new TypeError('wasm: a promise cannot be waited for here; use createHeap');
  }
  const wasm = plan.wasm as WasmSource | undefined;
  return new Heap(plan, loadModuleSync(wasm === undefined ? packagedWasm() : wasm));
}

/** The largest maximum that the platform grants: some refuse to reserve gigabytes. */
function createMemory({ initialPages, maximumPages: wantedPages }: HeapPlan): {
  memory: WebAssembly.Memory;
  maximumPages: number;
} {
  for (let maximum = wantedPages; ; maximum = Math.max(Math.floor(maximum / 2), initialPages)) {
    try {
      return {
        memory: new WebAssembly.Memory({ initial: initialPages, maximum }),
        maximumPages: maximum,
      };
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      if (maximum === initialPages) {
        throw new OutOfMemoryError(initialPages * pageBytes, 0, wantedPages * pageBytes);
      }
    }
  }
}

/** Integers of 32 bits pass; larger ones become one that memory cannot hold. */
function toSize(name: string, size: number): number {
  if (isAddress(size)) return size;
  if (Number.isInteger(size) && size >= 0) return tooLarge;
  throw new RangeError(`${name} must be a non-negative integer, got ${String(size)}`);
}

/** Bytes of `count` elements: an integer also where the product is out of all bounds. */
function toByteLength(name: string, count: number, elementBytes: number): number {
  toSize(name, count);
  return Math.min(count * elementBytes, Number.MAX_SAFE_INTEGER);
}

function assertAlignment(alignment: number): void {
  const isPowerOfTwo = alignment > 0 && (alignment & (alignment - 1)) === 0;
  if (!isPowerOfTwo || alignment > maximumAlignment || !Number.isInteger(alignment)) {
    throw new RangeError(
      `alignment must be a power of two up to ${maximumAlignment}, got ${String(alignment)}`,
    );
  }
}

/** Whether a value is an integer of 32 bits, whatever its type says. */
function isAddress(value: number): boolean {
  return typeof value === 'number' && value >>> 0 === value;
}

/** Address, size and whether it is used, of one stretch after the other. */
function takeSnapshot(heap: HeapFunctions): number[] {
  const stretches: number[] = [];
  heap.walkStart();
  for (let address = heap.walkNext(); address !== 0; address = heap.walkNext()) {
    stretches.push(address, heap.walkSize(), Number(heap.walkIsUsed()));
  }
  return stretches;
}

function* iterateBlocks(stretches: readonly number[]): Generator<HeapBlock, undefined> {
  for (let index = 0; index < stretches.length; index += 3) {
    const [address = 0, size = 0, isUsed] = stretches.slice(index, index + 3);
    yield { address, size, state: isUsed === 1 ? 'used' : 'free' };
  }
}

/** Functions that all throw, in place of those of a dropped instance. */
function disposedFunctions(functions: HeapFunctions): HeapFunctions {
  const failing = Object.keys(functions).map((name) => [name, failDisposed]);
  return Object.fromEntries(failing) as unknown as HeapFunctions;
}

function failDisposed(): never {
  throw new UseAfterFreeError('the heap was disposed');
}
