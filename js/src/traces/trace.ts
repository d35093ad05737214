// SPDX-License-Identifier: MIT

import type { Bytes, HostByteStream } from '../core/host-types.js';
import { type LazyPart, loadPart } from '../core/lazy-part.js';
import type { Operations, ReadOptions, TraceSource } from './operations.js';

/**
 * The part that reads and writes traces.
 *
 * @internal
 */
export const traceFilePart: LazyPart<typeof import('./trace-file.js')> = {
  entry: 'traces',
  import: () => import('./trace-file.js'),
};

/** An immutable record of allocation calls in order, without the contents of blocks. */
export class AllocationTrace {
  /**
   * Reads a trace that `write` wrote, or plain pairs of 32-bit integers; docs/trace-format.md describes both. Either
   * may be compressed by gzip. A trace takes 12 bytes of memory per call; reading it takes 1 MiB more, and about 100
   * bytes per live block. If reading fails, a source that is a stream or an iterator is cancelled.
   *
   * @throws TypeError where `source` does not give bytes; TypeError or RangeError where an option is wrong.
   * @throws TraceError where the bytes are not a trace, are corrupted or of a later version, or have more than
   * `maximumOperations` calls or 8 388 608 live blocks. It is thrown before memory is allocated for more.
   * @throws WasmLoadError where the host cannot import more code by now, and no `lite-alloc/traces` contains it.
   *
   * @example
   * ```ts
   * const recorder = heap.record();
   * heap.free(heap.malloc(64));
   * const file = await new Response(recorder.stop().write()).blob();
   * const trace = await AllocationTrace.read(file);
   * console.log(trace.operations, trace.truncated); // 2 false
   * ```
   */
  static async read(source: TraceSource, options: ReadOptions = {}): Promise<AllocationTrace> {
    const { readTrace } = await loadPart(traceFilePart);
    return new AllocationTrace(await readTrace(source, options));
  }

  /** The number of recorded calls. */
  readonly operations: number;
  /** Whether the recorder had no room for later calls. */
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
   * Returns the trace as a stream in its binary form, which takes one to four bytes per call. The stream is made
   * piece by piece while it is read. The option `gzip` compresses it. If writing fails, reading the stream fails: with
   * `WasmLoadError` where the host cannot import more code by now, and no `lite-alloc/traces` contains it.
   *
   * @throws ReferenceError with `gzip` where the host has no `CompressionStream`.
   *
   * @example
   * ```ts
   * const recorder = heap.record();
   * heap.free(heap.malloc(64));
   * const file = await new Response(recorder.stop().write({ gzip: true })).blob();
   * console.log(file.size < 100); // true
   * ```
   */
  write({ gzip = false }: { gzip?: boolean } = {}): HostByteStream {
    const { readable, writable } = gzip
      ? new CompressionStream('gzip')
      : new TransformStream<BufferSource, Bytes>();
    loadPart(traceFilePart)
      .then(({ writeTrace }) => writeTrace(this, writable))
      .catch((failure: unknown) => writable.abort(failure));
    return readable;
  }
}
