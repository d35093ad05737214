// SPDX-License-Identifier: MIT

import { createHeap, type Heap, OutOfMemoryError, UseAfterFreeError } from 'lite-alloc';
import { beforeEach, describe, expect, test } from 'vitest';
import { catchError } from '../support/errors.js';
import { badSizes } from '../support/sizes.js';
import { describeStrategies } from '../support/strategies.js';

const encoder = new TextEncoder();

const texts = [
  ['no characters', ''],
  ['ASCII', 'hello, heap'],
  ['two bytes a character', 'äöüß ñ'],
  ['three bytes a character', '€ 漢字'],
  ['four bytes a character', '😀 𝔘𝔫𝔦'],
  ['ASCII followed by other characters', `${'x'.repeat(1000)}é€😀`],
  ['other characters followed by ASCII', `é€😀${'x'.repeat(1000)}`],
  ['NULs', '\0a\0\0b\0'],
  ['byte order marks', '\uFEFFa\uFEFF'],
  ['much text', 'ab€'.repeat(100_000)],
] as const;

describeStrategies((strategy) => {
  let heap: Heap;
  beforeEach(async () => {
    heap = await createHeap({ strategy });
  });

  describe('a string', () => {
    test.each(texts)('of %s is stored as UTF-8 and read again', (_, text) => {
      const string = heap.string(text);
      const bytes = encoder.encode(text);
      expect(string).toMatchObject({ byteLength: bytes.length, alive: true });
      const stored = heap.u8.subarray(string.address, string.address + string.byteLength);
      expect(stored.findIndex((byte, index) => byte !== bytes[index])).toBe(-1);
      expect(string.toString()).toBe(text);
      expect(`${string}`).toBe(text);
      expect(heap.readString(string.address, string.byteLength)).toBe(text);
      heap.check();
    });

    test.each([
      ['at the end', 'a\uD800', 'a\uFFFD'],
      ['alone', '\uDC00', '\uFFFD'],
      ['in the wrong order', '\uDC00\uD800!', '\uFFFD\uFFFD!'],
      ['between other characters', 'é\uD83Dé', 'é\uFFFDé'],
    ])('has U+FFFD for a lone surrogate %s', (_, text, stored) => {
      const string = heap.string(text);
      expect(string.toString()).toBe(stored);
      expect(string.byteLength).toBe(encoder.encode(stored).length);
    });

    test('is one live block, aligned to 16 bytes', () => {
      const strings = texts.map(([, text]) => heap.string(text));
      expect(heap.stats().liveBlocks).toBe(texts.length);
      expect(new Set(strings.map(({ address }) => address)).size).toBe(texts.length);
      expect(strings.every(({ address }) => address % 16 === 0)).toBe(true);
      for (const string of strings) string.free();
      expect(heap.stats().liveBlocks).toBe(0);
      heap.check();
    });

    test('writes no byte outside of its block', () => {
      const before = heap.from(new Uint8Array(64).fill(0xaa));
      const string = heap.string('é€😀'.repeat(20));
      const after = heap.from(new Uint8Array(64).fill(0xbb));
      expect(heap.usableSize(string.address)).toBeGreaterThanOrEqual(string.byteLength);
      expect(before.view.every((byte) => byte === 0xaa)).toBe(true);
      expect(after.view.every((byte) => byte === 0xbb)).toBe(true);
      heap.check();
    });

    test('shows later changes of its bytes', () => {
      const string = heap.string('cat');
      heap.u8[string.address] = 'h'.charCodeAt(0);
      expect(string.toString()).toBe('hat');
      heap.u8[string.address] = 0xff;
      expect(string.toString()).toBe('\uFFFDat');
    });

    test('keeps its text after memory has grown', () => {
      const string = heap.string('stays: é');
      heap.malloc(heap.memory.buffer.byteLength);
      heap.memory.grow(1);
      expect(string.toString()).toBe('stays: é');
    });

    test('may make memory grow', () => {
      const text = '€'.repeat(heap.memory.buffer.byteLength);
      expect(heap.string(text).toString()).toBe(text);
      heap.check();
    });

    test('is dead after free', () => {
      const string = heap.string('text');
      string.free();
      string.free();
      string[Symbol.dispose]();
      expect(string).toMatchObject({ alive: false, byteLength: 4 });
      expect(heap.stats().liveBlocks).toBe(0);
      const error = catchError(UseAfterFreeError, () => string.toString());
      expect(error.message).toContain('string(4)');
    });

    test('is freed at the end of a `using` block, and dead after a reset', () => {
      {
        using string = heap.string('text');
        expect(string.alive).toBe(true);
      }
      expect(heap.stats().liveBlocks).toBe(0);
      const string = heap.string('text');
      heap.reset();
      expect(string.alive).toBe(false);
      expect(() => string.toString()).toThrow(UseAfterFreeError);
    });

    test.each([
      ['a number', 5],
      ['undefined', undefined],
      ['null', null],
      ['a String object', Object('text')],
      ['bytes', new Uint8Array(3)],
      ['a symbol', Symbol('text')],
    ])('is not made from %s', (_, text) => {
      expect(catchError(TypeError, () => heap.string(text as string)).message).toMatch(/^text /);
      expect(heap.stats().liveBlocks).toBe(0);
    });

    test.each([
      ['ASCII', 'x'],
      ['other characters', '€'],
    ])('of %s that does not fit throws OutOfMemoryError and leaves nothing allocated', async (_, character) => {
      heap = await createHeap({ strategy, initialBytes: 1 << 17, maximumBytes: 1 << 17 });
      expect(() => heap.string(character.repeat(60_000) + character.repeat(80_000))).toThrow(
        OutOfMemoryError,
      );
      expect(heap.stats().liveBlocks).toBe(0);
      heap.check();
      expect(heap.string('fits').toString()).toBe('fits');
    });

    test('whose bytes do not fit, though one byte per character would, leaves nothing allocated', async () => {
      heap = await createHeap({ strategy, initialBytes: 1 << 17, maximumBytes: 1 << 17 });
      expect(() => heap.string('€'.repeat(60_000))).toThrow(OutOfMemoryError);
      expect(heap.stats().liveBlocks).toBe(0);
      heap.check();
    });
  });

  describe('readString', () => {
    test('reads any bytes of memory', () => {
      const bytes = heap.from(encoder.encode('one, zwölf'));
      expect(heap.readString(bytes.address, 3)).toBe('one');
      expect(heap.readString(bytes.address + 5, bytes.length - 5)).toBe('zwölf');
      expect(heap.readString(bytes.address, 0)).toBe('');
    });

    test('reads to the very end of memory, and not beyond', () => {
      const { byteLength } = heap.memory.buffer;
      const last = heap.u8.slice(-4);
      const text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(last);
      expect(heap.readString(byteLength - 4, 4)).toBe(text);
      expect(heap.readString(byteLength, 0)).toBe('');
      for (const [address, length] of [
        [byteLength - 4, 5],
        [byteLength, 1],
        [byteLength + 1, 0],
        [16, 2 ** 32 - 1],
        [2 ** 53, 2 ** 53],
      ] as const) {
        const error = catchError(RangeError, () => heap.readString(address, length));
        expect(error.message).toContain('byteLength');
      }
    });

    test.each(badSizes)('refuses %s as address and as byteLength', (value) => {
      expect(catchError(RangeError, () => heap.readString(value, 1)).message).toMatch(/^address /);
      expect(catchError(RangeError, () => heap.readString(16, value)).message).toMatch(
        /^byteLength /,
      );
    });
  });
});
