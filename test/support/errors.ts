// SPDX-License-Identifier: MIT

import type { LiteAllocError } from 'lite-alloc';
import { expect } from 'vitest';

/** What `action` throws, which must be of the class. */
export function catchError<E extends Error>(ErrorClass: abstract new (...args: never[]) => E, action: () => unknown): E {
  try {
    action();
  } catch (error) {
    expect(error).toBeInstanceOf(ErrorClass);
    return error as E;
  }
  return expect.fail(`threw no ${ErrorClass.name}`);
}

/** Sizes that are no sizes, as callers in plain JavaScript may pass them. */
export const badSizes = [-1, 1.5, -0.5, Number.NaN, Number.POSITIVE_INFINITY, -(2 ** 32), 'x', '16', null, undefined, {}] as unknown as readonly number[];

/** Sizes that are sizes, but more than any memory can hold. */
export const hugeSizes = [2 ** 32 - 1, 2 ** 32, 2 ** 32 + 16, 2 ** 33, 2 ** 53];

export const badAlignments = [0, 3, 24, 2 ** 17, 2 ** 32, 2 ** 32 + 16, -16, 1.5, Number.NaN, Number.POSITIVE_INFINITY, '16', null] as unknown as readonly number[];

export const powersOfTwo = Array.from({ length: 17 }, (_, exponent) => 2 ** exponent);

/** The members that tell what an error is. */
export function identityOf({ name, code }: LiteAllocError): { name: string; code: string } {
  return { name, code };
}
