// SPDX-License-Identifier: MIT

import { TraceError } from './errors.js';
import type { Operations, ReadOptions, TraceSource } from './operations.js';

/** Allocation calls in the order in which they were made, without contents. It does not change. */
export class AllocationTrace {
  /**
   * Reads what `write` wrote, through gzip or not, or plain pairs of 32-bit integers, as docs/trace-format.md
   * describes them. It takes 12 bytes of memory a call, and while it reads 1 MiB and about 100 bytes a live
   * block. A source that is a stream or an iterator is cancelled where reading fails.
   *
   * @throws TypeError where `source` holds no bytes, TypeError or RangeError where an option is wrong.
   * @throws TraceError where the bytes are not a trace, are corrupted or of a later version, or have more than
   * `maximumOperations` calls or 8 388 608 live blocks: before memory is taken for what is beyond.
   */
  static async read(source: TraceSource, options: ReadOptions = {}): Promise<AllocationTrace> {
    const { readTrace } = await import('./trace-format.js');
    return new AllocationTrace(await readTrace(source, options, TraceError));
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
