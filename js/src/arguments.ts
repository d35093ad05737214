// SPDX-License-Identifier: MIT
//
// Checks of what callers pass: bad input is a `RangeError` or `TypeError` that names it and its value.

import { cut, show } from './values.js';

/** The alignment of every block, in bytes. */
export const defaultAlignment = 16;
const maximumAlignment = 65536;

/** More than any memory can hold, and still a number that the module takes. */
const tooLarge = 0xffffffff;

/** Bytes by name: of a SIMD vector, of cache lines, of WebGPU's buffer offsets, of a WebAssembly page. */
const alignmentPresets = { simd: 16, cache: 64, gpu: 256, page: 65536 } as const;

/**
 * Of the first element, in bytes: a power of two up to 65 536, or by name `'simd'` (16), `'cache'` (64),
 * `'gpu'` (256), `'page'` (65 536).
 */
export type Alignment = number | keyof typeof alignmentPresets;

export interface ArrayOptions {
  /** Where the first element lies. Default: 16. */
  alignment?: Alignment;
  /** Whether all bytes are set to 0. Default: false. */
  zero?: boolean;
}

/** What an error says of a wrong value. */
export function mustBe(name: string, expected: string, value: unknown): string {
  return `${name} must be ${expected}, got ${show(value)}`;
}

export function assertType(
  name: string,
  value: unknown,
  type: 'boolean' | 'function' | 'number' | 'string',
): void {
  if (typeof value !== type) throw new TypeError(mustBe(name, `a ${type}`, value));
}

export function assertBytes(name: string, bytes: number, least: number, most: number): void {
  assertType(name, bytes, 'number');
  if (!Number.isInteger(bytes) || bytes < least || bytes > most) {
    throw new RangeError(mustBe(name, `an integer from ${least} to ${most}`, bytes));
  }
}

/** Whether a value is an integer of 32 bits, whatever its type says. */
export function isAddress(value: number): boolean {
  return typeof value === 'number' && value >>> 0 === value;
}

/** Integers of 32 bits pass; larger ones become one that memory cannot hold. */
export function toSize(name: string, size: number): number {
  if (isAddress(size)) return size;
  if (Number.isInteger(size) && size >= 0) return tooLarge;
  const cure = 'string, bigint'.includes(typeof size) ? '; convert it with Number()' : '';
  throw new RangeError(mustBe(name, 'a non-negative integer', size) + cure);
}

/** Bytes of `count` elements: an integer also where the product is out of all bounds. */
export function toByteLength(name: string, count: number, elementBytes: number): number {
  toSize(name, count);
  return Math.min(count * elementBytes, Number.MAX_SAFE_INTEGER);
}

export function assertAlignment(alignment: number): void {
  const isPowerOfTwo = isAddress(alignment) && alignment > 0 && (alignment & (alignment - 1)) === 0;
  if (!isPowerOfTwo || alignment > maximumAlignment) {
    throw new RangeError(
      mustBe('alignment', `a power of two up to ${maximumAlignment}`, alignment),
    );
  }
}

/** Of an option that holds others, `prefix` is its name with a dot. */
export function assertOptions(options: object, known: readonly string[], prefix = ''): void {
  if (typeof options !== 'object' || options === null) {
    throw new TypeError(mustBe('options', 'an object', options));
  }
  for (const name of Object.keys(options)) {
    if (!known.includes(name)) {
      throw new TypeError(`unknown option ${prefix}${cut(name)}; there are ${known.join(', ')}`);
    }
  }
}

interface ArrayPlan {
  readonly alignment: number;
  readonly zero: boolean;
}

const defaultArray: ArrayPlan = { alignment: defaultAlignment, zero: false };

/** What the options say, defaults filled in. */
export function planArray(options: ArrayOptions | undefined): ArrayPlan {
  if (options === undefined) return defaultArray;
  assertOptions(options, ['alignment', 'zero']);
  const { alignment = defaultAlignment, zero = false } = options;
  assertType('zero', zero, 'boolean');
  return { alignment: toAlignment(alignment), zero };
}

function toAlignment(alignment: Alignment): number {
  if (typeof alignment !== 'string' || !Object.hasOwn(alignmentPresets, alignment)) {
    assertAlignment(alignment as number);
    return alignment as number;
  }
  return alignmentPresets[alignment];
}
