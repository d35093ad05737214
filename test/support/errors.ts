// SPDX-License-Identifier: MIT

import { expect } from 'vitest';

/** Runs `action` and returns the error that it throws; fails unless that is an instance of the class. */
export function catchError<E extends Error>(
  ErrorClass: abstract new (...args: never[]) => E,
  action: () => unknown,
): E {
  try {
    action();
  } catch (error) {
    expect(error).toBeInstanceOf(ErrorClass);
    return error as E;
  }
  return expect.fail(`threw no ${ErrorClass.name}`);
}
