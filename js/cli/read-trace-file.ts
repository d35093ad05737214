// SPDX-License-Identifier: MIT

import { open } from 'node:fs/promises';
import { constants, gunzipSync } from 'node:zlib';
import { AllocationTrace, TraceError } from 'lite-alloc';

/** A trace, and what only its file says. */
export interface TraceFile {
  readonly trace: AllocationTrace;
  /** The length of the file in bytes. */
  readonly bytes: number;
  readonly gzip: boolean;
  /** The version of the format; undefined for plain pairs, which have none. */
  readonly version: number | undefined;
}

/** Bytes at the start of a file that are enough to decompress the signature and the version. */
const startBytes = 65_536;

/** Reads a trace from a file, or from the standard input for the path `-`. Errors name the file. */
export async function readTraceFile(path: string, maximumOperations: number): Promise<TraceFile> {
  const name = path === '-' ? 'the standard input' : path;
  try {
    const file = path === '-' ? process.stdin : (await open(path)).createReadStream();
    const start: Buffer[] = [];
    let bytes = 0;
    const pieces = async function* (): AsyncGenerator<Uint8Array> {
      for await (const piece of file as AsyncIterable<Buffer>) {
        if (bytes < startBytes) start.push(piece);
        bytes += piece.length;
        yield piece;
      }
    };
    const trace = await AllocationTrace.read(pieces(), { maximumOperations });
    return { trace, bytes, ...readStart(Buffer.concat(start)) };
  } catch (cause) {
    throw new Error(`${name}: ${reasonOf(cause)}`, { cause });
  }
}

/** Reads the version from the start of a file that is a valid trace. */
function readStart(bytes: Buffer): { gzip: boolean; version: number | undefined } {
  const gzip = bytes[0] === 0x1f;
  const start = gzip ? gunzipSync(bytes, { finishFlush: constants.Z_SYNC_FLUSH }) : bytes;
  return { gzip, version: start[0] === 0 ? undefined : start[4] };
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
