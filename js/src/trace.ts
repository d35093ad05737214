// SPDX-License-Identifier: MIT

import { TraceError } from './errors.js';
import type { Operations, TraceSource } from './operations.js';
import { bytesOf, classOf, kindNameOf, show } from './values.js';

/** Allocation calls in the order in which they were made, without contents. It does not change. */
export class AllocationTrace {
  /**
   * Reads what `write` wrote, through gzip or not, or plain pairs of 32-bit integers; docs/trace-format.md
   * tells of both. Memory beyond the trace itself: 1 MiB, and 100 bytes or so a live block.
   *
   * @throws TypeError where `source` holds no bytes.
   * @throws TraceError where they are no trace, damaged, or of a later version.
   */
  static async read(source: TraceSource): Promise<AllocationTrace> {
    const { readTrace } = await import('./trace-format.js');
    return new AllocationTrace(
      await readTrace(source, TraceError, { bytesOf, classOf, kindNameOf, show }),
    );
  }

  /** How many calls were recorded. */
  readonly operations: number;
  /** Whether calls that followed were left out, since the recorder had no room for them. */
  readonly truncated: boolean;
  /** @internal */
  readonly chunks: readonly Uint32Array[];

  /** `Recorder.stop` and `AllocationTrace.read` make traces. */
  constructor({ operations, truncated, chunks }: Operations) {
    this.operations = operations;
    this.truncated = truncated;
    this.chunks = chunks;
  }

  /**
   * The trace in its compact binary form: one to four bytes a call, made piece by piece while the stream is
   * read. With `gzip` the stream is compressed.
   */
  write({ gzip = false }: { gzip?: boolean } = {}): ReadableStream<Uint8Array<ArrayBuffer>> {
    const { readable, writable } = gzip
      ? new CompressionStream('gzip')
      : new TransformStream<BufferSource, Uint8Array<ArrayBuffer>>();
    import('./trace-format.js')
      .then(({ writeTrace }) => writeTrace(this, writable))
      .catch((failure: unknown) => writable.abort(failure));
    return readable;
  }
}
