// SPDX-License-Identifier: MIT

import { open } from 'node:fs/promises';
import { AllocationTrace, TraceError } from 'lite-alloc';

/** The trace in a file, or on the standard input where the path is `-`. What fails names the file. */
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
