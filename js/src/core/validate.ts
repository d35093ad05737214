// SPDX-License-Identifier: MIT
//
// Checks of the arguments that callers pass. A bad argument is a `RangeError` or `TypeError` that names the
// argument, its value and the rule.

import type { HostAbortSignal } from './host-types.js';
import { granuleBytes, largestSize, pageBytes } from './units.js';
import { cut, show } from './values.js';

/** Alignments by name, in bytes: of a SIMD vector, a cache line, WebGPU's buffer offsets, a page. */
const alignmentPresets = { simd: granuleBytes, cache: 64, gpu: 256, page: pageBytes } as const;

/**
 * The alignment of the first element, in bytes: a power of two up to 65 536, or by name `'simd'` (16),
 * `'cache'` (64), `'gpu'` (256), `'page'` (65 536).
 */
export type Alignment = number | keyof typeof alignmentPresets;

/** The options for the allocation of an array. */
export interface ArrayOptions {
  /** The address of the first element is a multiple of this. Default: 16. */
  alignment?: Alignment;
  /** Whether all bytes are set to 0. Default: false. */
  zero?: boolean;
}

/** Returns the message about a wrong value. */
export function describeMismatch(name: string, expected: string, value: unknown): string {
  return `${name} must be ${expected}, got ${show(value)}`;
}

/** Throws a `TypeError` unless `value` is of the type. */
export function assertType(
  name: string,
  value: unknown,
  type: 'boolean' | 'function' | 'number' | 'string',
): void {
  if (typeof value !== type) throw new TypeError(describeMismatch(name, `a ${type}`, value));
}

/** Throws a `TypeError` unless `signal` is undefined or an `AbortSignal`, of any realm. */
export function assertSignal(signal: HostAbortSignal | undefined): void {
  // A signal of another realm has another class, so this checks a property.
  if (signal !== undefined && typeof Object(signal).aborted !== 'boolean') {
    throw new TypeError(describeMismatch('signal', 'an AbortSignal', signal));
  }
}

/** Throws unless `bytes` is an integer from `least` to `most`. */
export function assertBytes(name: string, bytes: number, least: number, most: number): void {
  assertType(name, bytes, 'number');
  if (!Number.isInteger(bytes) || bytes < least || bytes > most) {
    throw new RangeError(describeMismatch(name, `an integer from ${least} to ${most}`, bytes));
  }
}

/** Returns whether a value is an integer of 32 bits, whatever its static type says. */
export function isUint32(value: number): boolean {
  return typeof value === 'number' && value >>> 0 === value;
}

/**
 * Returns the size to pass to the module: an integer of 32 bits as it is, a larger one as `largestSize`.
 * Throws a `RangeError` for everything else.
 */
export function clampSize(name: string, size: number): number {
  if (isUint32(size)) return size;
  if (Number.isInteger(size) && size >= 0) return largestSize;
  const cure = 'string, bigint'.includes(typeof size) ? '; convert it with Number()' : '';
  throw new RangeError(describeMismatch(name, 'a non-negative integer', size) + cure);
}

/** Returns the bytes of `count` elements: a safe integer, even where the product is larger than that. */
export function toByteLength(name: string, count: number, elementBytes: number): number {
  clampSize(name, count);
  return Math.min(count * elementBytes, 2 ** 53 - 1);
}

/** Throws a `RangeError` unless `alignment` is a power of two up to 65 536. */
export function assertAlignment(alignment: number): void {
  const isPowerOfTwo = isUint32(alignment) && alignment > 0 && (alignment & (alignment - 1)) === 0;
  if (!isPowerOfTwo || alignment > pageBytes) {
    throw new RangeError(
      describeMismatch('alignment', `a power of two up to ${pageBytes}`, alignment),
    );
  }
}

/**
 * Throws a `TypeError` unless `options` is an object whose properties are all in `known`. For options inside
 * another option, `prefix` is that option's name and a dot.
 */
export function assertOptions(options: object, known: readonly string[], prefix = ''): void {
  if (typeof options !== 'object' || options === null) {
    throw new TypeError(describeMismatch('options', 'an object', options));
  }
  for (const name of Object.keys(options)) {
    if (!known.includes(name)) {
      throw new TypeError(
        `unknown option ${prefix}${cut(name)}; the options are ${known.join(', ')}`,
      );
    }
  }
}

interface ArrayPlan {
  readonly alignment: number;
  readonly zero: boolean;
}

const defaultArray: ArrayPlan = { alignment: granuleBytes, zero: false };

/** Returns checked options with the defaults filled in. */
export function planArray(options: ArrayOptions | undefined): ArrayPlan {
  if (options === undefined) return defaultArray;
  assertOptions(options, ['alignment', 'zero']);
  const { alignment = granuleBytes, zero = false } = options;
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
