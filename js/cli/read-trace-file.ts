// SPDX-License-Identifier: MIT

import { open } from 'node:fs/promises';
import { AllocationTrace, TraceError } from 'lite-alloc';

/** Reads a trace from a file, or from the standard input for the path `-`. Errors name the file. */
export async function readTraceFile(
  path: string,
  maximumOperations: number,
): Promise<AllocationTrace> {
  const name = path === '-' ? 'the standard input' : path;
  try {
    const file = path === '-' ? process.stdin : (await open(path)).createReadStream();
    return await AllocationTrace.read(file, { maximumOperations });
  } catch (cause) {
    throw new Error(`${name}: ${reasonOf(cause)}`, { cause });
  }
}

function reasonOf(cause: unknown): string {
  if (cause instanceof TraceError) return cause.message;
  switch ((cause as NodeJS.ErrnoException).code) {
    case 'ENOENT':
      return 'there is no such file';
    case 'EISDIR':
      return 'it is a folder';
    case 'EACCES':
      return 'it may not be read';
    default:
      return String(cause);
  }
}
