// SPDX-License-Identifier: MIT

/** The `code` of every error of this package: stable across versions. */
export type ErrorCode =
  | 'OUT_OF_MEMORY'
  | 'USE_AFTER_FREE'
  | 'INVALID_FREE'
  | 'DOUBLE_FREE'
  | 'HEAP_CORRUPTION'
  | 'WASM_LOAD';

/** What all errors of this package extend. Wrong arguments are `RangeError` and `TypeError` instead. */
export class LiteAllocError extends Error {
  static {
    LiteAllocError.prototype.name = 'LiteAllocError';
  }

  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** Memory cannot hold what was asked for. The heap is as it was before. */
export class OutOfMemoryError extends LiteAllocError {
  static {
    OutOfMemoryError.prototype.name = 'OutOfMemoryError';
  }

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
  static {
    UseAfterFreeError.prototype.name = 'UseAfterFreeError';
  }

  constructor(message: string) {
    super('USE_AFTER_FREE', message);
  }
}

/** What the errors have in common that name a place in memory. */
abstract class AddressError extends LiteAllocError {
  /** Bytes from the start of memory; 0 where no single place shows. */
  readonly address: number;

  constructor(code: ErrorCode, address: number, message: string) {
    super(code, message);
    this.address = address;
  }
}

/** An address was given back, resized or asked about that is not a live block of this heap. */
export class InvalidFreeError extends AddressError {
  static {
    InvalidFreeError.prototype.name = 'InvalidFreeError';
  }

  constructor(address: number, message: string) {
    super('INVALID_FREE', address, message);
  }
}

/** A block was freed twice. */
export class DoubleFreeError extends AddressError {
  static {
    DoubleFreeError.prototype.name = 'DoubleFreeError';
  }

  constructor(address: number, message: string) {
    super('DOUBLE_FREE', address, message);
  }
}

/** Something wrote where it must not: the heap's own structure is damaged. */
export class HeapCorruptionError extends AddressError {
  static {
    HeapCorruptionError.prototype.name = 'HeapCorruptionError';
  }

  constructor(address: number, message: string) {
    super('HEAP_CORRUPTION', address, message);
  }
}

/** The wasm file cannot be fetched, compiled or instantiated; `cause` says why. */
export class WasmLoadError extends LiteAllocError {
  static {
    WasmLoadError.prototype.name = 'WasmLoadError';
  }

  constructor(message: string, options?: ErrorOptions) {
    super('WASM_LOAD', message, options);
  }
}

/** An address as messages show it. */
export function formatAddress(address: number): string {
  return Number.isInteger(address) && address >= 0 ? `0x${address.toString(16)}` : String(address);
}
