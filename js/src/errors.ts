// SPDX-License-Identifier: MIT

import { formatAddress } from './values.js';

/** The `code` of every error of this package: stable across versions. */
export type ErrorCode =
  | 'OUT_OF_MEMORY'
  | 'USE_AFTER_FREE'
  | 'INVALID_FREE'
  | 'DOUBLE_FREE'
  | 'HEAP_CORRUPTION'
  | 'LEAK'
  | 'WASM_LOAD'
  | 'TRACE';

/** What all errors of this package extend. Wrong arguments are `RangeError` and `TypeError` instead. */
export class LiteAllocError extends Error {
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** Memory cannot hold what was asked for. The heap is as it was before. */
export class OutOfMemoryError extends LiteAllocError {
  /** What was asked for, in bytes. */
  readonly requestedBytes: number;
  /** The size of the linear memory, in bytes; of an arena, its size. */
  readonly memoryBytes: number;
  /** What the linear memory can grow to, in bytes; of an arena, its size. */
  readonly maximumBytes: number;

  constructor(
    requestedBytes: number,
    memoryBytes: number,
    maximumBytes: number,
    place = `memory has ${memoryBytes} bytes and can grow to ${maximumBytes}`,
  ) {
    super('OUT_OF_MEMORY', `cannot allocate ${requestedBytes} bytes: ${place}`);
    this.requestedBytes = requestedBytes;
    this.memoryBytes = memoryBytes;
    this.maximumBytes = maximumBytes;
  }
}

/** A handle or a heap was used after it was freed, reset or disposed. */
export class UseAfterFreeError extends LiteAllocError {
  constructor(message: string) {
    super('USE_AFTER_FREE', message);
  }
}

/** What a debug heap knows of the block that an error is about. Stacks are text, one frame a line. */
export interface BlockFacts {
  /** What was asked for, in bytes. */
  readonly size?: number | undefined;
  /** From the start of the block to the address that was given, or to the byte that was overwritten. */
  readonly offset?: number | undefined;
  readonly allocatedAt?: string | undefined;
  /** Undefined of a live block, but where an error is about a call that must not free it: that call. */
  readonly freedAt?: string | undefined;
}

/** Engines keep the functions of a stack that nobody has read, and so the memory that these use. */
export function readStack(error: Error): void {
  try {
    void error.stack;
  } catch {
    // The host's `Error.prepareStackTrace` threw.
  }
}

/** What the errors have in common that name a place in memory. */
abstract class AddressError extends LiteAllocError implements BlockFacts {
  /** Bytes from the start of memory; 0 where no single place shows. */
  readonly address: number;
  readonly size: number | undefined;
  readonly offset: number | undefined;
  readonly allocatedAt: string | undefined;
  readonly freedAt: string | undefined;

  constructor(
    code: ErrorCode,
    address: number,
    message: string,
    facts: BlockFacts = {},
    options?: ErrorOptions,
  ) {
    super(code, message, options);
    readStack(this);
    // A caller may pass a view of the whole memory as an address: an error must not keep that.
    this.address = typeof address === 'object' ? 0 : address;
    this.size = facts.size;
    this.offset = facts.offset;
    this.allocatedAt = facts.allocatedAt;
    this.freedAt = facts.freedAt;
  }
}

/** An address was given back, resized or asked about that is not a live block of this heap. */
export class InvalidFreeError extends AddressError {
  constructor(address: number, message: string, facts?: BlockFacts) {
    super('INVALID_FREE', address, message, facts);
  }
}

/** A block was freed twice. */
export class DoubleFreeError extends AddressError {
  constructor(address: number, message: string, facts?: BlockFacts) {
    super('DOUBLE_FREE', address, message, facts);
  }
}

/**
 * Something wrote where it must not: into the heap's own structure, or in a debug heap beside a block or into
 * a freed one. Where that made the module trap, `cause` is the trap, and every later call of the heap throws
 * such an error; its memory can still be read, and the heap disposed. A `RangeError` of an exhausted stack
 * is no trap: after a call of the heap threw one, `Heap.check` reports whether the heap is sound.
 */
export class HeapCorruptionError extends AddressError {
  constructor(address: number, message: string, facts?: BlockFacts, options?: ErrorOptions) {
    super('HEAP_CORRUPTION', address, message, facts, options);
  }
}

/** A block that is live. */
export interface LiveBlock {
  readonly address: number;
  /** In a debug heap what was asked for, else what the block really has, in bytes. */
  readonly size: number;
  /** In a debug heap with stacks the call that allocated it, one frame a line. */
  readonly stack: string | undefined;
}

/** Blocks live where none should. */
export class LeakError extends LiteAllocError {
  /** All of them, in address order. */
  readonly leaks: readonly LiveBlock[];

  /** `list` says where they lie, in lines that begin with a line break. */
  constructor(leaks: readonly LiveBlock[], list = listBlocks(leaks)) {
    super('LEAK', `${countBlocks(leaks)} never freed${list}`);
    this.leaks = leaks;
  }
}

/** The wasm file cannot be fetched, compiled or instantiated; `cause` says why. */
export class WasmLoadError extends LiteAllocError {
  constructor(message: string, options?: ErrorOptions) {
    super('WASM_LOAD', message, options);
  }
}

/** Bytes that were to be a trace are none, are damaged, or are of a version that is not known. */
export class TraceError extends LiteAllocError {
  /** Where it shows: bytes from the start of the trace, after decompression. */
  readonly offset: number;

  constructor(offset: number, message: string, options?: ErrorOptions) {
    super('TRACE', message, options);
    this.offset = offset;
  }
}

// Written out, since minifiers rename classes; defined, since a frozen `Error.prototype` refuses assignments.
for (const [name, { prototype }] of Object.entries({
  LiteAllocError,
  OutOfMemoryError,
  UseAfterFreeError,
  InvalidFreeError,
  DoubleFreeError,
  HeapCorruptionError,
  LeakError,
  WasmLoadError,
  TraceError,
})) {
  Object.defineProperty(prototype, 'name', { value: name, writable: true });
}

/** What `action` gives; what it throws becomes the cause of a `WasmLoadError`. */
export function wrapFailure<Result>(message: string, action: () => Result): Result {
  try {
    return action();
  } catch (cause) {
    throw new WasmLoadError(message, { cause });
  }
}

/** The same for what gives a promise. */
export async function wrapRejection<Result>(
  message: string,
  action: () => Promise<Result>,
): Promise<Result> {
  try {
    return await action();
  } catch (cause) {
    throw new WasmLoadError(message, { cause });
  }
}

/** Addresses of a list that a message shows. */
const mostAddresses = 5;

function countBlocks(blocks: readonly LiveBlock[]): string {
  const bytes = blocks.reduce((sum, { size }) => sum + size, 0);
  return `${blocks.length} ${blocks.length === 1 ? 'block' : 'blocks'} of ${bytes} bytes`;
}

/** A line that says how many blocks there are, and where the first ones lie. */
export function listBlocks(blocks: readonly LiveBlock[]): string {
  const addresses = blocks.slice(0, mostAddresses).map(({ address }) => formatAddress(address));
  if (blocks.length > mostAddresses) addresses.push('...');
  return `\n${countBlocks(blocks)} at ${addresses.join(', ')}`;
}

/** The error about an address that is not a live block, for that or another reason. */
export function invalidAddress(
  address: number,
  reason = `${formatAddress(address)} is not a live block of this heap`,
): InvalidFreeError {
  const cure = typeof address === 'number' ? '' : '; use free() or resize() of the handle';
  return new InvalidFreeError(address, reason + cure);
}
