// SPDX-License-Identifier: MIT
//
// Which interfaces of pages refuse the views of a heap with `stableViews`: the table in docs/limits.md.

import { createHeap, type HeapArray } from 'lite-alloc';
import { beforeAll, describe, expect, test } from 'vitest';
import { commands } from 'vitest/browser';

type Use = (bytes: Uint8Array<ArrayBuffer>) => unknown;

const channel = (): AudioBuffer => new AudioBuffer({ length: 4, sampleRate: 48_000 });
const floats = (bytes: Uint8Array<ArrayBuffer>): Float32Array<ArrayBuffer> =>
  new Float32Array(bytes.buffer, bytes.byteOffset, 4);

/** Calls of the interfaces that refuse a stable view before they look at its contents. */
const refusing: Readonly<Record<string, Use>> = {
  'TextDecoder.decode': (bytes) => new TextDecoder().decode(bytes),
  'TextEncoder.encodeInto': (bytes) => new TextEncoder().encodeInto('abc', bytes),
  'crypto.getRandomValues': (bytes) => crypto.getRandomValues(bytes),
  'crypto.subtle': (bytes) => crypto.subtle.digest('SHA-256', bytes),
  Blob: (bytes) => new Blob([bytes]),
  File: (bytes) => new File([bytes], 'name'),
  Response: (bytes) => new Response(bytes),
  Request: (bytes) => new Request('/', { method: 'POST', body: bytes }),
  fetch: (bytes) => fetch('/', { method: 'POST', body: bytes }),
  'XMLHttpRequest.send': (bytes) => {
    const request = new XMLHttpRequest();
    request.open('POST', '/');
    request.send(bytes);
  },
  'navigator.sendBeacon': (bytes) => navigator.sendBeacon('/', bytes),
  ImageData: ({ buffer, byteOffset }) =>
    new ImageData(new Uint8ClampedArray(buffer, byteOffset, 16), 2, 2),
  FontFace: (bytes) => new FontFace('name', bytes),
  'AudioBuffer.copyToChannel': (bytes) => channel().copyToChannel(floats(bytes), 0),
  'AudioBuffer.copyFromChannel': (bytes) => channel().copyFromChannel(floats(bytes), 0),
};

/** Calls of the interfaces that take every view. */
const accepting: Readonly<Record<string, Use>> = {
  structuredClone: (bytes) => structuredClone(bytes),
  postMessage: (bytes) => new MessageChannel().port1.postMessage(bytes),
  DataView: ({ buffer }) => new DataView(buffer).getInt8(0),
  Atomics: (bytes) => Atomics.load(bytes, 0),
  'typed arrays': (bytes) => new Uint8Array(16).set(bytes.slice()),
  'WebAssembly.compile': (bytes) => WebAssembly.compile(bytes.subarray(0, 8)),
};

/** The smallest WebAssembly module, and bytes behind it. */
const contents = Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0, ...new Uint8Array(8));

const isPossible = 'toResizableBuffer' in WebAssembly.Memory.prototype;

function refuseStableViews(): void {
  test('cannot be had in this browser', async () => {
    await expect(createHeap({ stableViews: true })).rejects.toThrow('toResizableBuffer');
  });
}

function passStableViews(): void {
  let array: HeapArray<Uint8Array>;
  let table: string;

  beforeAll(async () => {
    array = (await createHeap({ stableViews: true })).from(contents);
    const document = await commands.readFile('docs/limits.md');
    table = /### Stable views\n([\s\S]*?)\n## /.exec(document)?.[1] ?? '';
  });

  const view = (): Uint8Array<ArrayBuffer> => array.view as Uint8Array<ArrayBuffer>;
  /** The row of the table that names an interface. */
  const rowOf = (name: string): string | undefined =>
    table.split('\n').find((row) => row.startsWith('|') && row.includes(name.split('.')[0] ?? ''));

  test.each(Object.entries(refusing))('is refused by %s, which takes a copy', async (name, use) => {
    await expect((async () => use(view()))()).rejects.toThrow(TypeError);
    await use(array.slice() as typeof contents);
    expect(rowOf(name)).toContain('| refuse |');
  });

  test.each(Object.entries(accepting))('is accepted by %s', async (name, use) => {
    await use(view());
    expect(rowOf(name)).toContain('| accept |');
  });

  /** Null in a browser without a graphics processor, for example. */
  const gl = document.createElement('canvas').getContext('webgl2');
  if (gl === null) return;

  test('is refused by WebGL', () => {
    gl.bindBuffer(gl.ARRAY_BUFFER, gl.createBuffer());
    expect(() => gl.bufferData(gl.ARRAY_BUFFER, view(), gl.STATIC_DRAW)).toThrow(TypeError);
    gl.bufferData(gl.ARRAY_BUFFER, array.slice(), gl.STATIC_DRAW);
    expect(rowOf('WebGL')).toContain('| refuse |');
  });
}

describe('a stable view', isPossible ? passStableViews : refuseStableViews);
