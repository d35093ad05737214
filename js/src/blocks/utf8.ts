// SPDX-License-Identifier: MIT
//
// UTF-8 for hosts without `TextEncoder` and `TextDecoder`, such as audio worklets and some test environments.
// Only the Node entry and `lite-alloc/inline` contain it, so that it does not make pages larger. The results are
// those of the Encoding standard (https://encoding.spec.whatwg.org).

import { codecs } from './heap-string.js';

/** Code units per call of `String.fromCharCode`: engines limit the number of arguments. */
const pieceUnits = 8192;

const replacement = 0xfffd;

/** Replaces a `TextEncoder`. */
const encoder = {
  /** Encodes a text. Half a surrogate pair becomes U+FFFD. */
  encode(text: string): Uint8Array<ArrayBuffer> {
    // A code unit takes at most three bytes; the two units of a pair take four.
    const bytes = new Uint8Array(text.length * 3);
    let end = 0;
    for (let index = 0; index < text.length; index++) {
      let point = text.codePointAt(index) as number;
      if (point > 0xffff) index++;
      else if (point >= 0xd800 && point < 0xe000) point = replacement;
      if (point < 0x80) {
        bytes[end++] = point;
      } else {
        if (point < 0x800) {
          bytes[end++] = 0xc0 | (point >> 6);
        } else {
          if (point > 0xffff) {
            bytes[end++] = 0xf0 | (point >> 18);
            bytes[end++] = 0x80 | ((point >> 12) & 63);
          } else {
            bytes[end++] = 0xe0 | (point >> 12);
          }
          bytes[end++] = 0x80 | ((point >> 6) & 63);
        }
        bytes[end++] = 0x80 | (point & 63);
      }
    }
    return bytes.subarray(0, end);
  },

  /** Writes nothing. The caller then encodes the whole text. */
  encodeInto(): { read: number; written: number } {
    return { read: 0, written: 0 };
  },
};

/** Replaces a `TextDecoder` that keeps byte order marks. */
const decoder = {
  /** Decodes bytes. The longest valid start of each invalid sequence becomes one U+FFFD. */
  decode(bytes: Uint8Array): string {
    let text = '';
    let units: number[] = [];
    let point = 0;
    let missing = 0;
    // The range of the next byte of a sequence. For the second byte it excludes overlong forms, surrogates and
    // code points above U+10FFFF.
    let lowest = 0x80;
    let highest = 0xbf;
    const add = (added: number): void => {
      if (added > 0xffff) units.push(0xd7c0 + (added >> 10), 0xdc00 + (added & 0x3ff));
      else units.push(added);
      if (units.length < pieceUnits) return;
      text += String.fromCharCode(...units);
      units = [];
    };
    for (const byte of bytes) {
      if (missing > 0) {
        const fits = byte >= lowest && byte <= highest;
        lowest = 0x80;
        highest = 0xbf;
        if (fits) {
          point = (point << 6) | (byte & 63);
          if (--missing === 0) add(point);
          continue;
        }
        missing = 0;
        add(replacement);
      }
      if (byte < 0x80) {
        add(byte);
      } else if (byte < 0xc2 || byte > 0xf4) {
        add(replacement);
      } else {
        missing = byte < 0xe0 ? 1 : byte < 0xf0 ? 2 : 3;
        point = byte & (0x3f >> missing);
        if (byte === 0xe0) lowest = 0xa0;
        if (byte === 0xed) highest = 0x9f;
        if (byte === 0xf0) lowest = 0x90;
        if (byte === 0xf4) highest = 0x8f;
      }
    }
    if (missing > 0) add(replacement);
    return text + String.fromCharCode(...units);
  },
};

/** Lets strings use this encoder and decoder where the host lacks its own. */
export function provideCodec(): void {
  const { TextEncoder, TextDecoder } = globalThis as Partial<typeof globalThis>;
  if (TextEncoder === undefined || TextDecoder === undefined) codecs[0] = { encoder, decoder };
}
