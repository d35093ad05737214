// SPDX-License-Identifier: MIT

import { describeMismatch } from '../core/validate.js';
import { bytesOf, classOf, kindNameOf, show } from '../core/values.js';
import type { TraceSource } from './operations.js';

/** A source that gives bytes in pieces of any length. */
export interface Pieces {
  /** Returns the next piece; undefined at the end. */
  next(): Promise<Uint8Array | undefined>;
  /** Cancels the source, even while `next` waits for it. It returns at once, since the source may never answer. */
  cancel(): void;
}

/**
 * Returns the pieces of a source. It looks at the source's methods, not at its class: a frame or a context of a
 * test runner has its own classes, and some hosts lack one.
 */
export function piecesOf(source: TraceSource): Pieces {
  const bytes = ArrayBuffer.isView(source)
    ? bytesOf(source)
    : classOf(source) === 'ArrayBuffer'
      ? new Uint8Array(source as ArrayBuffer)
      : undefined;
  if (bytes !== undefined) return piecesOfIterator([bytes].values());
  const { getReader, stream, ...iterable } = methodsOf(source);
  if (getReader !== undefined) return piecesOfStream(source as ReadableStream<Uint8Array>);
  if (stream !== undefined) return piecesOfStream((source as Blob).stream());
  const iterate = iterable.asyncIterator ?? iterable.iterator;
  if (iterate !== undefined && typeof source !== 'string') {
    return piecesOfIterator(iterate.call(source) as Iterator<Uint8Array>);
  }
  throw new TypeError(describeMismatch('source', 'bytes, a blob, a stream or an iterable', source));
}

type Method = (() => unknown) | undefined;

function methodsOf(
  source: unknown,
): Record<'getReader' | 'stream' | 'asyncIterator' | 'iterator', Method> {
  const properties = Object(source) as Record<PropertyKey, unknown>;
  const method = (name: PropertyKey): Method => {
    const value = properties[name];
    return typeof value === 'function' ? (value as Method) : undefined;
  };
  return {
    getReader: method('getReader'),
    stream: method('stream'),
    asyncIterator: method(Symbol.asyncIterator),
    iterator: method(Symbol.iterator),
  };
}

function piecesOfIterator(iterator: Iterator<Uint8Array> | AsyncIterator<Uint8Array>): Pieces {
  let isDone = false;
  return {
    async next() {
      const next = await iterator.next();
      if (next.done === true) {
        isDone = true;
        return undefined;
      }
      const value: unknown = next.value;
      if (kindNameOf(value) !== 'Uint8Array') {
        throw new TypeError(`source must give pieces of type Uint8Array, got ${show(value)}`);
      }
      return bytesOf(value as Uint8Array);
    },
    cancel() {
      if (!isDone) ignoreFailure(() => iterator.return?.());
    },
  };
}

/** Returns the pieces of a stream. */
export function piecesOfStream(stream: ReadableStream<Uint8Array>): Pieces {
  const reader = stream.getReader();
  const pieces = piecesOfIterator({
    next: () => reader.read() as Promise<IteratorResult<Uint8Array>>,
  });
  return { next: () => pieces.next(), cancel: () => ignoreFailure(() => reader.cancel()) };
}

/** Calls a function whose failure does not matter, because another failure is being reported. */
function ignoreFailure(call: () => unknown): void {
  new Promise((resolve) => resolve(call())).catch(() => {});
}
