// SPDX-License-Identifier: MIT

import { formatAddress } from './values.js';

/** The `code` of an error of this package. Codes stay the same across versions. */
export type ErrorCode =
  | 'OUT_OF_MEMORY'
  | 'USE_AFTER_FREE'
  | 'INVALID_FREE'
  | 'DOUBLE_FREE'
  | 'HEAP_CORRUPTION'
  | 'LEAK'
  | 'WASM_LOAD'
  | 'TRACE';

/** The base class of this package's errors. A wrong argument is a `RangeError` or `TypeError` instead. */
export class LiteAllocError extends Error {
  /** Names the kind of error. */
  declare readonly code: ErrorCode;

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    const { code } = this; // that of the prototype; consoles show own properties alone
    this.code = code;
  }
}

/** Memory cannot hold the requested bytes. The heap is unchanged. */
export class OutOfMemoryError extends LiteAllocError {
  /** The requested size, in bytes. */
  readonly requestedBytes: number;
  /** The size of the linear memory, or of the arena, in bytes. */
  readonly memoryBytes: number;
  /** The size up to which the linear memory can grow, or the size of the arena, in bytes. */
  readonly maximumBytes: number;

  constructor(
    requestedBytes: number,
    memoryBytes: number,
    maximumBytes: number,
    place = `memory has ${memoryBytes} bytes and can grow to ${maximumBytes}`,
  ) {
    super(`cannot allocate ${requestedBytes} bytes: ${place}`);
    this.requestedBytes = requestedBytes;
    this.memoryBytes = memoryBytes;
    this.maximumBytes = maximumBytes;
  }
}

/** A handle, arena, scope or heap was used after it was freed, reset, closed or disposed. */
export class UseAfterFreeError extends LiteAllocError {}

/**
 * The details of the block that an error is about, as far as a debug heap knows them. Stacks are text, one frame a
 * line.
 */
export interface BlockDetails {
  /** The requested size, in bytes. */
  readonly size?: number | undefined;
  /** Bytes from the start of the block to the address that the caller passed, or to the overwritten byte. */
  readonly offset?: number | undefined;
  /** The stack of the call that allocated the block. */
  readonly allocatedAt?: string | undefined;
  /**
   * The stack of the call that freed the block; undefined for a live block. Where an error is about a call
   * that must not free the block, the stack of that call.
   */
  readonly freedAt?: string | undefined;
}

/**
 * Reads the stack of an error. Until then the engine keeps the functions on the stack reachable, and with them
 * the memory that they use.
 */
export function readStack(error: Error): void {
  try {
    void error.stack;
  } catch {
    // The host's `Error.prepareStackTrace` threw.
  }
}

/** The base class of errors about an address. */
abstract class AddressError extends LiteAllocError implements BlockDetails {
  /** Bytes from the start of memory; 0 where the error is about no single address. */
  readonly address: number;
  readonly size: number | undefined;
  readonly offset: number | undefined;
  readonly allocatedAt: string | undefined;
  readonly freedAt: string | undefined;

  constructor(
    address: number,
    message: string,
    details: BlockDetails = {},
    options?: ErrorOptions,
  ) {
    super(message, options);
    readStack(this);
    // A caller may pass a view of the whole memory as an address. The error must not keep that reachable.
    this.address = typeof address === 'object' ? 0 : address;
    this.size = details.size;
    this.offset = details.offset;
    this.allocatedAt = details.allocatedAt;
    this.freedAt = details.freedAt;
  }
}

/** A call got an address that is not a live block of this heap. */
export class InvalidFreeError extends AddressError {}

/** A block was freed twice. */
export class DoubleFreeError extends AddressError {}

/**
 * Other code overwrote allocator metadata or, in a debug heap, bytes beside a block or bytes of a freed block.
 *
 * If that made the module trap, `cause` is the trap, and every later call of the heap throws such an error.
 * The caller can then still read the memory and dispose the heap. The `RangeError` that an engine throws for
 * an exhausted stack is not a trap: after it, `Heap.check` reports whether the heap is sound.
 */
export class HeapCorruptionError extends AddressError {}

/** A live block. */
export interface LiveBlock {
  /** Bytes from the start of memory. */
  readonly address: number;
  /** In a debug heap the requested size, in other heaps the usable size, in bytes. */
  readonly size: number;
  /** In a debug heap with stacks, the stack of the call that allocated the block, one frame a line. */
  readonly stack: string | undefined;
}

/** Blocks are live that should have been freed. */
export class LeakError extends LiteAllocError {
  /** All live blocks, in address order. */
  readonly leaks: readonly LiveBlock[];

  /** `list` describes the blocks, in lines that begin with a line break. */
  constructor(leaks: readonly LiveBlock[], list = listBlocks(leaks)) {
    super(`${countBlocks(leaks)} never freed${list}`);
    this.leaks = leaks;
  }
}

/**
 * The wasm file cannot be found, fetched, compiled or instantiated, or the host cannot import more code of the package.
 * The message says what to do; `cause` is the error of the host.
 */
export class WasmLoadError extends LiteAllocError {}

/** Bytes are not a valid trace: they are something else, are corrupted, or are of an unknown version. */
export class TraceError extends LiteAllocError {
  /** The place of the fault: bytes from the start of the trace, after decompression. */
  readonly offset: number;

  constructor(offset: number, message: string, options?: ErrorOptions) {
    super(message, options);
    this.offset = offset;
  }
}

// The names are written out because minifiers rename classes, and defined rather than assigned because a frozen
// `Error.prototype` refuses assignments. `OutOfMemoryError` has the code `OUT_OF_MEMORY`, and so on.
for (const [kind, { prototype }] of Object.entries({
  LiteAlloc: LiteAllocError,
  OutOfMemory: OutOfMemoryError,
  UseAfterFree: UseAfterFreeError,
  InvalidFree: InvalidFreeError,
  DoubleFree: DoubleFreeError,
  HeapCorruption: HeapCorruptionError,
  Leak: LeakError,
  WasmLoad: WasmLoadError,
  Trace: TraceError,
})) {
  const code = kind.replace(/\B[A-Z]/g, '_$&').toUpperCase();
  Object.defineProperties(prototype, {
    name: { value: `${kind}Error`, writable: true },
    code: { value: code, writable: true },
  });
}

/**
 * Returns the result of `action`, which may be a promise. What `action` throws, or its promise is rejected with,
 * becomes the cause of a `WasmLoadError`, unless it is one.
 */
export function wrapFailure<Result>(message: string, action: () => Result): Result {
  const fail = (cause: unknown): never => {
    throw cause instanceof WasmLoadError ? cause : new WasmLoadError(message, { cause });
  };
  try {
    const result = action();
    return result instanceof Promise ? (result.catch(fail) as Result) : result;
  } catch (cause) {
    return fail(cause);
  }
}

/** The number of addresses that a message lists. */
const mostAddresses = 5;

function countBlocks(blocks: readonly LiveBlock[]): string {
  const bytes = blocks.reduce((sum, { size }) => sum + size, 0);
  return `${blocks.length} ${blocks.length === 1 ? 'block' : 'blocks'} of ${bytes} bytes`;
}

/** Returns a line break and a line with the number of blocks and the addresses of the first ones. */
export function listBlocks(blocks: readonly LiveBlock[]): string {
  const addresses = blocks.slice(0, mostAddresses).map(({ address }) => formatAddress(address));
  if (blocks.length > mostAddresses) addresses.push('...');
  return `\n${countBlocks(blocks)} at ${addresses.join(', ')}`;
}

/** Returns the error about an address that is not a live block, or that `reason` rules out. */
export function invalidAddress(
  address: number,
  reason = `${formatAddress(address)} is not a live block of this heap`,
): InvalidFreeError {
  const cure = typeof address === 'number' ? '' : '; use free() or resize() of the handle';
  return new InvalidFreeError(address, reason + cure);
}
