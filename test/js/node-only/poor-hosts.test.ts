// SPDX-License-Identifier: MIT
//
// Hosts that lack globals, freeze built-ins, or pass objects of another realm. Each test runs in its own process.

import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { runNode } from '../../support/consumer.js';
import { repository } from '../../support/sources.js';

const entries = ['index.node.js', 'index.js', 'inline.js'];

/** Runs `before`, imports the package and runs `code`, all in a new process; returns the reported values. */
function run(entry: string, before: string, code: string, ...flags: string[]): unknown[] {
  const program = `
    ${before}
    const { createHeap, createHeapSync, DoubleFreeError, strategies } = await import(${JSON.stringify(join(repository, 'dist', entry))});
    const reported = [];
    const report = (value) => reported.push(value);
    ${code}
    process.stdout.write(JSON.stringify(reported));
  `;
  const output = runNode(repository, ...flags, '--input-type=module', '--eval', program);
  return JSON.parse(output) as unknown[];
}

const useAll = `
  for (const strategy of strategies) for (const debug of [false, true]) {
    const heap = await createHeap({ strategy, debug });
    const array = heap.from(Float32Array.of(1, 2, 3));
    array.resize(1000);
    const text = heap.string('text é €').toString();
    heap.scope((scope) => scope.arena({ bytes: 100 }).array(Uint8Array, 10));
    const recorder = heap.record();
    const address = heap.malloc(8);
    heap.free(address);
    let error;
    try { heap.free(address); } catch (caught) { error = caught; }
    recorder.stop();
    heap.check();
    report([array.view.subarray(0, 3).join(), text, error instanceof DoubleFreeError, error.name, String(error).split(':', 1)[0]].join(' '));
  }
`;
const allUsed = new Array(8).fill('1,2,3 text é € true DoubleFreeError DoubleFreeError');

describe.each(entries)('%s', (entry) => {
  test.each([
    ['Error.prototype', 'Object.freeze(Error.prototype);'],
    ['Error', 'Object.freeze(Error);'],
    ['Object.prototype', 'Object.freeze(Object.prototype);'],
    [
      'all prototypes',
      'for (const { value } of Object.values(Object.getOwnPropertyDescriptors(globalThis))) if (typeof value === "function" && value.prototype) { Object.freeze(value.prototype); Object.freeze(value); }',
    ],
  ])('works when %s is frozen', (_, freeze) => {
    expect(run(entry, freeze, useAll)).toEqual(allUsed);
  });

  test('works with --frozen-intrinsics', () => {
    const flags = ['--frozen-intrinsics', '--no-warnings'];
    expect(run(entry, '', useAll, ...flags)).toEqual(allUsed);
  });

  test.each([
    ['returns call sites', '(_, sites) => sites'],
    ['returns undefined', '() => undefined'],
    ['returns a number', '() => 5'],
    ['returns an object without a prototype', '() => Object.create(null)'],
    ['throws', '() => { throw new Error("hook"); }'],
  ])('works when Error.prepareStackTrace %s', (_, hook) => {
    const reported = run(
      entry,
      '',
      `
        Error.prepareStackTrace = ${hook};
        const heap = await createHeap({ debug: true });
        function freeTwice() {
          const address = heap.malloc(8);
          heap.free(address);
          heap.free(address);
        }
        try { freeTwice(); } catch (error) { report([error instanceof DoubleFreeError, error.message, error.allocatedAt]); }
        await null;
        heap.malloc(5);
        await null;
        report(heap.leaks().length);
        Error.prepareStackTrace = undefined;
      `,
    );
    const [[isDouble, message, allocatedAt], leaks] = reported as [
      [boolean, string, string],
      number,
    ];
    expect(isDouble).toBe(true);
    expect(message).toContain('is freed again');
    expect(leaks).toBe(1);
    if (hook.includes('=> sites')) expect(allocatedAt).toContain('freeTwice');
  });

  test('accepts typed arrays and constructors of another realm', () => {
    const reported = run(
      entry,
      "import { runInNewContext } from 'node:vm';",
      `
        const names = ['Int8Array', 'Uint8Array', 'Uint8ClampedArray', 'Int16Array', 'Uint16Array', 'Int32Array',
          'Uint32Array', 'Float32Array', 'Float64Array', 'BigInt64Array', 'BigUint64Array'];
        const heap = await createHeap();
        for (const name of names) {
          const values = name.startsWith('Big') ? '1n, 2n' : '1, 2';
          const Foreign = runInNewContext(name);
          const source = runInNewContext(name + '.of(' + values + ')');
          const shortened = runInNewContext('class Shortened extends ' + name + ' { get length() { return 1; } }; Shortened.of(' + values + ')');
          const array = heap.array(Foreign, 2);
          array.view.set(source);
          report([name, heap.from(source).view, heap.from(shortened).view, array.view, heap.from(Foreign, source).view].map((view) => view.toString()).join(' '));
          report(array.view instanceof Foreign);
        }
        heap.check();
      `,
    );
    expect(reported).toEqual(
      [
        'Int8Array',
        'Uint8Array',
        'Uint8ClampedArray',
        'Int16Array',
        'Uint16Array',
        'Int32Array',
        'Uint32Array',
        'Float32Array',
        'Float64Array',
        'BigInt64Array',
        'BigUint64Array',
      ].flatMap((name) => [`${name} 1,2 1,2 1,2 1,2`, true]),
    );
  });

  test('accepts Float16Array if the host has it, and throws a TypeError otherwise', () => {
    const [isThere, text] = run(
      entry,
      '',
      `
        const isThere = typeof Float16Array === 'function';
        report(isThere);
        const heap = await createHeap();
        if (isThere) {
          const array = heap.from(Float16Array.of(0.5, 1));
          array.resize(3);
          array.view[2] = 2;
          report([array.type.name, array.byteLength, array.view.join(), heap.array(Float16Array, 4, { zero: true }).view.join(), heap.from(Float16Array, [1]).length].join(' '));
        } else {
          try { heap.array(globalThis.Float16Array, 3); } catch (error) { report(error.message); }
        }
      `,
    );
    expect(text).toBe(
      isThere === true
        ? 'Float16Array 6 0.5,1,2 0,0,0,0 1'
        : 'type must be a typed array constructor, got undefined',
    );
  });

  test('stores strings without TextEncoder and TextDecoder, or names the entry to import', () => {
    const reported = run(
      entry,
      'delete globalThis.TextEncoder; delete globalThis.TextDecoder;',
      `
        const heap = entry === 'inline.js' ? await createHeap() : createHeapSync();
        try { report(heap.string('é€😀\\ud800a').toString()); } catch (error) { report(error.name + ': ' + error.message); }
        try { report(heap.readString(heap.from(Uint8Array.of(0xe2, 0x82, 65)).address, 3)); } catch (error) { report(error.name + ': ' + error.message); }
        heap.check();
      `.replace('entry', JSON.stringify(entry)),
    );
    const message =
      'TypeError: this host has no TextEncoder and TextDecoder; import lite-alloc/inline, which needs none';
    expect(reported).toEqual(
      entry === 'index.js' ? [message, message] : ['é€😀\ufffda', '\ufffdA'],
    );
  });
});

describe('strings without TextEncoder and TextDecoder', () => {
  test('are encoded and decoded as by TextEncoder and TextDecoder', () => {
    const reported = run(
      'index.node.js',
      `
        const encoder = new TextEncoder(), decoder = new TextDecoder('utf-8', { ignoreBOM: true });
        delete globalThis.TextEncoder; delete globalThis.TextDecoder;
      `,
      `
        let state = 12345;
        const below = (limit) => { state = (Math.imul(state, 1103515245) + 12345) >>> 0; return (state >>> 8) % limit; };
        const units = [0, 0x41, 0x7f, 0x80, 0x7ff, 0x800, 0xd7ff, 0xd800, 0xdbff, 0xdc00, 0xdfff, 0xe000, 0xfeff, 0xfffd, 0xffff];
        const marks = [0, 0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xed, 0xef, 0xf0, 0xf1, 0xf4, 0xf5, 0xff];
        const heap = createHeapSync();
        const differences = [];
        for (let round = 0; round < 20000; round++) {
          const length = below(12);
          const text = String.fromCharCode(...Array.from({ length }, () => below(4) ? units[below(units.length)] : below(65536)));
          const string = heap.string(text);
          const expected = encoder.encode(text);
          if (heap.u8.slice(string.address, string.address + string.byteLength).join() !== expected.join()) differences.push(['encode', text]);
          if (string.toString() !== decoder.decode(expected)) differences.push(['decode', text]);
          string.free();
          const bytes = Uint8Array.from({ length }, () => below(4) ? marks[below(marks.length)] : below(256));
          const block = heap.from(bytes);
          if (heap.readString(block.address, length) !== decoder.decode(bytes)) differences.push(['bytes', bytes.join()]);
          block.free();
        }
        for (const text of ['x'.repeat(100000), '😀'.repeat(50000), 'ab€'.repeat(30000)]) {
          const string = heap.string(text);
          if (string.toString() !== text || string.byteLength !== encoder.encode(text).length) differences.push(['long', text.slice(0, 5)]);
        }
        const arena = heap.arena({ bytes: 100 });
        try { arena.string('é'.repeat(80)); } catch (error) { report(error.code + ' ' + arena.usedBytes); }
        heap.check();
        report(differences.slice(0, 5));
      `,
    );
    expect(reported).toEqual(['OUT_OF_MEMORY 0', []]);
  });
});
