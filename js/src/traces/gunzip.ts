// SPDX-License-Identifier: MIT

import type { Bytes } from '../core/host-types.js';
import { type ByteInput, traceError } from './byte-input.js';
import { type Pieces, piecesOfStream } from './byte-sources.js';

/** Returns the decompressed pieces of an input in gzip. */
export function gunzip(input: ByteInput): Pieces {
  let sourceFailure: unknown;
  const compressed = new ReadableStream<Bytes>({
    pull: async (controller) => {
      try {
        const piece = await input.piece();
        if (piece === undefined) controller.close();
        else controller.enqueue(new Uint8Array(piece));
      } catch (failure) {
        sourceFailure = failure;
        throw failure;
      }
    },
  });
  const pieces = piecesOfStream(compressed.pipeThrough(new DecompressionStream('gzip')));
  let offset = 0;
  return {
    ...pieces,
    async next() {
      try {
        const piece = await pieces.next();
        offset += piece?.length ?? 0;
        return piece;
      } catch (cause) {
        if (sourceFailure !== undefined) throw sourceFailure;
        throw traceError(offset, 'its compression is corrupted', { cause });
      }
    },
  };
}
