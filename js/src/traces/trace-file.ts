// SPDX-License-Identifier: MIT
//
// Reads and writes traces in the binary form that docs/trace-format.md describes. Loaded when it is first needed.

import { crc32 } from '@foxglove/crc';
import { EventLoopBreaks } from '../core/event-loop.js';
import type { Bytes } from '../core/host-types.js';
import { assertOptions, clampSize } from '../core/validate.js';
import { ByteInput } from './byte-input.js';
import { ByteOutput } from './byte-output.js';
import { type Pieces, piecesOf } from './byte-sources.js';
import { Decoder } from './decoder.js';
import { Encoder } from './encoder.js';
import {
  mostFrameBytes,
  mostFrameOperations,
  mostOperationBytes,
  operationsPerFrame,
  signature,
  version,
} from './format.js';
import { gunzip } from './gunzip.js';
import type { Operations, ReadOptions, TraceSource } from './operations.js';
import { failTooMany, readPairs } from './plain-pairs.js';

const defaultMaximumOperations = 16_000_000;

/** Writes a trace in its binary form. It makes each piece when the stream asks for one. */
export async function writeTrace(
  trace: Operations,
  file: WritableStream<BufferSource>,
): Promise<void> {
  const writer = file.getWriter();
  try {
    for (const piece of makePieces(trace)) await writer.write(piece);
    await writer.close();
  } finally {
    // The caller may abort the stream with the failure.
    writer.releaseLock();
  }
}

function* makePieces({ chunks, operations, truncated }: Operations): Generator<Bytes, undefined> {
  yield Uint8Array.of(...signature, version);
  const encoder = new Encoder();
  let left = operations * 3;
  for (const chunk of chunks) {
    for (let begin = 0; begin < chunk.length && left > 0; begin += operationsPerFrame * 3) {
      const words = chunk.subarray(begin, begin + Math.min(operationsPerFrame * 3, left));
      left -= words.length;
      const payload = encoder.encode(words);
      yield frame([words.length / 3, payload.length], payload);
    }
  }
  yield frame([0, Number(truncated), operations], new Uint8Array());
  return undefined;
}

function frame(numbers: readonly number[], payload: Bytes): Bytes {
  const output = new ByteOutput(payload.length + 32);
  for (const number of numbers) output.number(number);
  output.bytes(payload);
  const checksum = crc32(output.written());
  for (let shift = 0; shift < 32; shift += 8) output.byte(checksum >>> shift);
  return output.written();
}

/** Reads a trace in its binary form or as plain pairs, compressed by gzip or not. */
export async function readTrace(source: TraceSource, options: ReadOptions): Promise<Operations> {
  const maximumOperations = checkOptions(options);
  const opened = [piecesOf(source)];
  try {
    const raw = new ByteInput(opened[0] as Pieces);
    const isGzip = (await raw.peek(2)).join() === '31,139';
    if (isGzip) opened.unshift(gunzip(raw));
    const input = isGzip ? new ByteInput(opened[0] as Pieces) : raw;
    const start = await input.peek(signature.length);
    if (start.join() === signature.join()) return await readFrames(input, maximumOperations);
    if (start.join() === '0,0,0,0') return await readPairs(input, maximumOperations);
    return input.fail(0, 'it is not a trace of allocations');
  } finally {
    for (const pieces of opened) pieces.cancel();
  }
}

function checkOptions(options: ReadOptions): number {
  assertOptions(options, ['maximumOperations']);
  return clampSize('maximumOperations', options.maximumOperations ?? defaultMaximumOperations);
}

async function readFrames(input: ByteInput, maximumOperations: number): Promise<Operations> {
  await input.take(signature.length, 'the signature');
  const found = await input.byte('the version');
  if (found !== version) {
    input.fail(
      signature.length,
      `it is of version ${found}; this package reads version ${version}`,
    );
  }
  const breaks = new EventLoopBreaks();
  const decoder = new Decoder(input);
  const chunks: Uint32Array[] = [];
  let operations = 0;
  for (;;) {
    const begin = input.offset;
    const header = new ByteOutput(32);
    const count = await input.number('the operations of a frame', header);
    if (count === 0) {
      const flags = await input.number('the flags at the end', header);
      const total = await input.number('the number of operations', header);
      await input.checksum(header.written(), begin);
      if (flags > 1) input.fail(begin, `the flags ${flags} are unknown`);
      if (total !== operations) {
        input.fail(begin, `its end says that it has ${total} operations, but it has ${operations}`);
      }
      await input.end();
      return { chunks, operations, truncated: flags === 1 };
    }
    const length = await input.number('the length of a frame', header);
    if (
      count > mostFrameOperations ||
      length > mostFrameBytes ||
      length < count ||
      length > count * mostOperationBytes
    ) {
      input.fail(begin, `a frame cannot have ${count} operations in ${length} bytes`);
    }
    if (operations + count > maximumOperations) failTooMany(input, begin, maximumOperations);
    const payloadOffset = input.offset;
    const payload = await input.take(length, 'a frame');
    await input.checksum(header.written(), begin, payload);
    chunks.push(decoder.decode(payload, count, payloadOffset));
    operations += count;
    await breaks.takeIfDue();
  }
}
