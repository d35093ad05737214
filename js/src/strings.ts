// SPDX-License-Identifier: MIT
/// <reference lib="esnext.disposable" preserve="true" />

import { defaultAlignment } from './arguments.js';
import { type BlockOwner, HeapHandle } from './blocks.js';
import { uncloneable } from './values.js';

const utf8 = { name: 'string', BYTES_PER_ELEMENT: 1, uncloneable };

interface Codec {
  readonly encoder: Pick<TextEncoder, 'encode' | 'encodeInto'>;
  readonly decoder: Pick<TextDecoder, 'decode'>;
}

// Made at first use: some worklets have neither.
let encoder: Codec['encoder'] | undefined;
let decoder: Codec['decoder'] | undefined;
/** At most one: of our own, for hosts that lack an encoder or decoder. */
export const codecs: Codec[] = [];

function getCodec(): Codec {
  const [codec] = codecs;
  if (codec !== undefined) return codec;
  throw new TypeError(
    'this host has no TextEncoder and TextDecoder; import lite-alloc/inline, which needs none',
  );
}

/** A text that lives in a heap as UTF-8: an owning handle of one block. */
export class HeapString extends HeapHandle {
  /**
   * Takes over the block at `address`: `string` of a heap, scope or arena makes handles.
   *
   * @internal
   */
  constructor(owner: BlockOwner, address: number, byteLength: number) {
    super(owner, utf8, address, byteLength);
  }

  /**
   * A string of `owner` with the text in UTF-8, half a surrogate pair as U+FFFD.
   *
   * The platform writes ASCII into memory in a fiftieth of the time that it takes to count the bytes of a
   * text first: so the block is made for ASCII, and made larger where there is more.
   *
   * @internal
   */
  static store(owner: BlockOwner, text: string): HeapString {
    encoder ??= typeof TextEncoder === 'function' ? new TextEncoder() : getCodec().encoder;
    // Arenas give nothing back, and some memories the platform's encoder does not write to.
    if (owner.watchView !== undefined || !isPlain(owner.memory.buffer)) {
      const bytes = encoder.encode(text);
      const address = owner.memalign(defaultAlignment, bytes.length);
      owner.views.u8.set(bytes, address);
      return new HeapString(owner, address, bytes.length);
    }
    const address = owner.memalign(defaultAlignment, text.length);
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
   * The text that the bytes are now.
   *
   * @throws UseAfterFreeError where the block was freed.
   */
  override toString(): string {
    this.assertAlive('toString');
    return decodeUtf8(bytesAt(this.owner, this.address, this.byteLength));
  }
}

/** The text that bytes in a memory are; what is no UTF-8 becomes U+FFFD. */
export function decodeUtf8(bytes: Uint8Array): string {
  // A byte order mark is a character like any other.
  decoder ??=
    typeof TextDecoder === 'function'
      ? new TextDecoder('utf-8', { ignoreBOM: true })
      : getCodec().decoder;
  return decoder.decode(isPlain(bytes.buffer) ? bytes : bytes.slice());
}

/** Whether the platform's encoder and decoder take it: they refuse what can change beneath them. */
function isPlain(buffer: ArrayBufferLike): boolean {
  return (
    buffer[Symbol.toStringTag] === 'ArrayBuffer' &&
    (buffer as { resizable?: boolean }).resizable !== true
  );
}

function bytesAt({ views }: BlockOwner, address: number, byteLength: number): Uint8Array {
  return views.u8.subarray(address, address + byteLength);
}
