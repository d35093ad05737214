// SPDX-License-Identifier: MIT
/// <reference lib="esnext.disposable" preserve="true" />

import { granuleBytes } from '../core/units.js';
import { HeapHandle } from './handle.js';
import type { BlockOwner } from './owner.js';

const utf8 = { name: 'string', BYTES_PER_ELEMENT: 1 };

interface Codec {
  readonly encoder: Pick<TextEncoder, 'encode' | 'encodeInto'>;
  readonly decoder: Pick<TextDecoder, 'decode'>;
}

/**
 * The encoder and decoder, once they were needed. Entries that contain utf8.ts set it at the start on hosts without
 * `TextEncoder` and `TextDecoder`.
 */
export const codecs: Codec[] = [];

function getCodec(): Codec {
  try {
    codecs[0] ??= {
      encoder: new TextEncoder(),
      // The decoder returns a byte order mark like any other character.
      decoder: new TextDecoder('utf-8', { ignoreBOM: true }),
    };
    return codecs[0];
  } catch {
    throw new TypeError(
      'this host has no TextEncoder and TextDecoder; import lite-alloc/inline, which needs none',
    );
  }
}

/** A text in a heap, as UTF-8: a handle that owns one block. */
export class HeapString extends HeapHandle {
  /**
   * Use `string` of a heap, scope or arena.
   *
   * @internal
   */
  constructor(owner: BlockOwner, address: number, byteLength: number) {
    super(owner, utf8, address, byteLength);
  }

  /**
   * Stores a text as UTF-8 in a new block of `owner`. Half a surrogate pair becomes U+FFFD.
   *
   * Counting the bytes of a text first would take 50 times as long as the platform takes to write ASCII. So
   * the block is allocated as for ASCII, and resized where the text needs more bytes.
   *
   * @internal
   */
  static store(owner: BlockOwner, text: string): HeapString {
    const { encoder } = getCodec();
    // An arena cannot free the difference, and the platform's encoder does not write to every memory.
    if (owner.watchView !== undefined || !isPlain(owner.memory.buffer)) {
      const bytes = encoder.encode(text);
      const address = owner.memalign(granuleBytes, bytes.length);
      owner.views.u8.set(bytes, address);
      return new HeapString(owner, address, bytes.length);
    }
    const address = owner.memalign(granuleBytes, text.length);
    const string = new HeapString(owner, address, text.length);
    const { read, written } = encoder.encodeInto(text, bytesAt(owner, address, text.length));
    if (read === text.length) return string;
    const rest = encoder.encode(text.slice(read));
    try {
      string.resizeBlock(written + rest.length);
    } catch (error) {
      string.free();
      throw error;
    }
    owner.views.u8.set(rest, string.address + written);
    return string;
  }

  /**
   * Decodes the bytes as they are now.
   *
   * @throws UseAfterFreeError where the block was freed.
   */
  override toString(): string {
    this.assertAlive('toString');
    return decodeUtf8(bytesAt(this.owner, this.address, this.byteLength));
  }
}

/** Decodes UTF-8. Invalid sequences become U+FFFD. */
export function decodeUtf8(bytes: Uint8Array): string {
  return getCodec().decoder.decode(isPlain(bytes.buffer) ? bytes : bytes.slice());
}

/** Returns whether the platform's encoder and decoder accept the buffer: they refuse shared and resizable ones. */
function isPlain(buffer: ArrayBufferLike): boolean {
  return (
    buffer[Symbol.toStringTag] === 'ArrayBuffer' &&
    (buffer as { resizable?: boolean }).resizable !== true
  );
}

function bytesAt({ views }: BlockOwner, address: number, byteLength: number): Uint8Array {
  return views.u8.subarray(address, address + byteLength);
}
