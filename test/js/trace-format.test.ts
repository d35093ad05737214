// SPDX-License-Identifier: MIT

import { crc32 } from '@foxglove/crc';
import { AllocationTrace, LiteAllocError, TraceError, type TraceSource } from 'lite-alloc';
import { beforeAll, describe, expect, inject, test, vi } from 'vitest';
import { Random, runSteps } from '../support/random.js';
import { inPieces, makeRandomCalls, record, refusalOf, toBytes } from '../support/traces.js';

const headerBytes = 5;

let trace: AllocationTrace;
let bytes: Uint8Array<ArrayBuffer>;
beforeAll(async () => {
  trace = await record((heap) => makeRandomCalls(heap, inject('seed'), 20_000));
  bytes = await toBytes(trace);
});

async function expectSame(source: TraceSource): Promise<void> {
  const read = await AllocationTrace.read(source);
  expect([read.operations, read.truncated]).toEqual([trace.operations, false]);
  const written = await toBytes(read);
  expect(written.length).toBe(bytes.length);
  expect(written.findIndex((byte, index) => byte !== bytes[index])).toBe(-1);
}

/** A file with one frame that has this payload and a valid checksum. */
function fileOf(operations: number, payload: readonly number[], total = operations): Uint8Array {
  const frames = [
    [operations, payload.length, ...payload],
    [0, 0, total],
  ].map((frame) => [...frame, ...checksumOf(frame)]);
  return Uint8Array.of(...bytes.subarray(0, headerBytes), ...frames.flat());
}

function checksumOf(frame: readonly number[]): number[] {
  return [...new Uint8Array(Uint32Array.of(crc32(Uint8Array.from(frame))).buffer)];
}

/** The file with one byte changed and its checksums unchanged. */
function changed(index: number, change: (byte: number) => number): Uint8Array {
  const copy = bytes.slice();
  copy[index] = change(copy[index] as number);
  return copy;
}

function pairs(...integers: number[]): Uint8Array {
  return new Uint8Array(Uint32Array.from(integers).buffer);
}

describe('a trace is read', () => {
  test('from bytes, a buffer, a view, a blob and a stream', async () => {
    const inside = new Uint8Array(bytes.length + 10);
    inside.set(bytes, 7);
    await expectSame(bytes);
    await expectSame(bytes.buffer);
    await expectSame(inside.subarray(7, 7 + bytes.length));
    await expectSame(new DataView(inside.buffer, 7, bytes.length));
    await expectSame(new Blob([bytes]));
    await expectSame(trace.write());
  });

  test.each([1, 7, 4096])('from pieces of %i bytes', async (length) => {
    await expectSame(inPieces(bytes, length));
  });

  test('from pieces that arrive later, some of them empty', async () => {
    async function* later() {
      for (const piece of inPieces(bytes, 997)) {
        yield new Uint8Array();
        await Promise.resolve();
        yield piece;
      }
    }
    await expectSame(later());
  });

  test('through gzip, in one piece and in many', async () => {
    const compressed = await toBytes(trace, { gzip: true });
    expect(compressed.length).toBeLessThan(bytes.length);
    await expectSame(compressed);
    await expectSame(inPieces(compressed, 97));
    await expectSame(trace.write({ gzip: true }));
  });

  test('if it is empty', async () => {
    const empty = await record(() => undefined);
    expect((await AllocationTrace.read(await toBytes(empty))).operations).toBe(0);
  });

  test('from plain pairs of integers', async () => {
    const expected = await record((heap) => {
      const [first, second] = [heap.malloc(10), heap.malloc(20)];
      heap.free(first);
      const third = heap.malloc(10);
      heap.realloc(second, 2 ** 20);
      heap.free(third);
    });
    const plain = pairs(0, 10, 4, 20, 1, 0, 8, 10, 4 + 2, 2 ** 20, 8 + 1, 0);
    for (const source of [plain, inPieces(plain, 1)]) {
      expect(await toBytes(await AllocationTrace.read(source))).toEqual(await toBytes(expected));
    }
    const compressed = new Blob([new Uint8Array(plain)])
      .stream()
      .pipeThrough(new CompressionStream('gzip'));
    expect((await AllocationTrace.read(compressed)).operations).toBe(6);
  });
});

describe('a trace is written', () => {
  test('in pieces, each when the reader asks for it', async () => {
    const reader = trace.write().getReader();
    const lengths: number[] = [];
    for (let next = await reader.read(); !next.done; next = await reader.read()) {
      lengths.push(next.value.length);
    }
    expect(lengths[0]).toBe(headerBytes);
    expect(lengths.length).toBe(1 + Math.ceil(20_000 / 8192) + 1);
  });

  test('until its reader cancels, compressed or not', async () => {
    for (const gzip of [false, true]) {
      const reader = trace.write({ gzip }).getReader();
      expect((await reader.read()).done).toBe(false);
      await reader.cancel('enough');
      expect((await reader.read()).done).toBe(true);
    }
    // An unhandled rejection would fail the run.
    await new Promise((resolve) => setTimeout(resolve, 20));
  });

  test('in about one byte per call if sizes and lifetimes repeat', async () => {
    const regular = await record((heap) => {
      for (let round = 0; round < 1000; round++) {
        const blocks = [24, 48, 1000, 24].map((size) => heap.malloc(size));
        for (const block of blocks) heap.free(block);
      }
    });
    expect((await toBytes(regular)).length / regular.operations).toBeLessThan(1.01);
  });
});

describe('a corrupted file is refused with the place and the reason', () => {
  test('as an error of this package', async () => {
    const error = await refusalOf(Uint8Array.of(1, 2, 3, 4, 5));
    expect(error).toBeInstanceOf(LiteAllocError);
    expect([error.name, error.code, error.offset]).toEqual(['TraceError', 'TRACE', 0]);
    expect(error.message).toBe(
      'the trace cannot be read at byte 0: it is not a trace of allocations',
    );
  });

  test.each([
    ['empty', new Uint8Array()],
    ['too short for a signature', Uint8Array.of(0x89, 0x4c)],
    ['text', new TextEncoder().encode('{"operations": []}')],
  ])('if it is %s', async (_, file) => {
    expect((await refusalOf(file)).message).toContain('it is not a trace of allocations');
  });

  test('if it has a later version', async () => {
    const error = await refusalOf(changed(4, () => 2));
    expect(error.offset).toBe(4);
    expect(error.message).toContain('it is of version 2; this package reads version 1');
  });

  test('if it was cut, at any length', async () => {
    const small = await toBytes(await record((heap) => makeRandomCalls(heap, 1, 300)));
    for (let length = 0; length < small.length; length++) {
      const error = await refusalOf(small.subarray(0, length));
      expect(error.offset).toBeLessThanOrEqual(length);
    }
    const error = await refusalOf(small.subarray(0, small.length - 1));
    expect(error.message).toContain('it ends where a checksum should be');
  });

  test('if any bit is wrong', async () => {
    const small = await toBytes(await record((heap) => makeRandomCalls(heap, 2, 60)));
    for (let bit = 0; bit < small.length * 8; bit++) {
      const copy = small.slice();
      copy[bit >> 3] = (copy[bit >> 3] as number) ^ (1 << (bit & 7));
      await refusalOf(copy);
    }
  });

  test('if a checksum is wrong', async () => {
    const error = await refusalOf(changed(40, (byte) => byte ^ 1));
    expect(error.offset).toBe(headerBytes);
    expect(error.message).toContain('the checksum of the frame that begins here is wrong');
  });

  test('if bytes follow its end', async () => {
    const error = await refusalOf(Uint8Array.of(...bytes, 0));
    expect(error.offset).toBe(bytes.length);
    expect(error.message).toContain('bytes follow its end');
  });

  // In a payload an allocation is size * 4, a recent size rank * 4 + 1, a free step * 8 + 2.
  test.each<[string, number, readonly number[], number, string]>([
    ['a block is freed twice', 3, [16 * 4, 2, 2], 2, 'block 0 was freed before'],
    ['a block is freed before it is allocated', 2, [16 * 4, 8 + 2], 1, 'block 1 was not allocated'],
    ['a block before the first one is freed', 2, [16 * 4, 4 + 2], 1, 'block -1 was not allocated'],
    ['a freed block is resized', 3, [64, 2, 3, 9], 2, 'block 0 was freed before'],
    ['a block is freed after a reset', 3, [64, 0x81, 1, 2], 3, 'block 0 was'],
    ['a size is out of range', 1, [0x80, 0x80, 0x80, 0x80, 0x40], 0, 'the size 4294967296 is'],
    ['a recent size does not exist', 1, [5 * 4 + 1], 0, 'there is no recent size 5 yet'],
    ['an operation is unknown', 1, [0x81, 0x7f], 0, 'is not known'],
    ['a number is too long', 1, [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1], 0, 'too large'],
    ['a frame ends within an operation', 1, [0x80], 0, 'a frame ends within an operation'],
    ['a frame has more bytes than operations', 1, [64, 64], 1, 'more than its operations'],
  ])('if %s', async (_, count, payload, position, reason) => {
    const file = fileOf(count, payload);
    const error = await refusalOf(file);
    expect(error.message).toContain(reason);
    expect(error.offset).toBe(headerBytes + 2 + position);
  });

  test('if the number of operations is wrong', async () => {
    const error = await refusalOf(fileOf(1, [64], 2));
    expect(error.message).toContain('its end says that it has 2 operations, but it has 1');
  });

  test('if a frame is too large, before memory is allocated for it', async () => {
    const file = Uint8Array.of(...bytes.subarray(0, headerBytes), 1, 0xff, 0xff, 0xff, 0xff, 0x7f);
    expect((await refusalOf(file)).message).toContain('a frame cannot have 1 operations in');
  });

  test('if its compression is corrupted or cut', async () => {
    const compressed = await toBytes(trace, { gzip: true });
    const middle = compressed.length >> 1;
    const wrong = compressed.slice();
    // The first byte behind the gzip header of ten bytes: a block type that does not exist.
    wrong[10] = 0xff;
    expect((await refusalOf(wrong)).message).toContain('its compression is corrupted');
    expect((await refusalOf(compressed.subarray(0, middle))).message).toContain(
      'its compression is corrupted',
    );
  });

  test.each<[string, number[], number, string]>([
    ['of an unknown kind', [0, 1, 3, 0], 8, 'the operation is of an unknown kind'],
    ['out of order', [0, 1, 8, 1], 8, 'block 2 is allocated where 1 is the next'],
    ['about a dead block', [0, 1, 1, 0, 1, 0], 16, 'block 0 was freed before'],
    ['a free with a size', [0, 1, 1, 5], 8, 'block 0 is freed with a size of 5'],
  ])('if a plain pair is %s', async (_, integers, offset, reason) => {
    const error = await refusalOf(pairs(...integers));
    expect([error.offset, error.message]).toEqual([offset, expect.stringContaining(reason)]);
  });

  test('if plain pairs are cut', async () => {
    const error = await refusalOf(pairs(0, 1, 1, 0).subarray(0, 13));
    expect(error.message).toContain('it ends within an operation');
  });

  test('or is a valid trace after random changes', async () => {
    const seed = inject('seed');
    const random = new Random(seed);
    const small = await toBytes(await record((heap) => makeRandomCalls(heap, 3, 400)));
    console.log(`random changes with LITE_ALLOC_SEED=${seed}`);
    let refused = 0;
    for (let round = 0; round < 2000; round++) {
      const copy = mutate(small, random);
      const read = await AllocationTrace.read(copy).catch((error: unknown) => error);
      if (read instanceof AllocationTrace) continue;
      refused++;
      expect(read, `round ${round} with LITE_ALLOC_SEED=${seed}`).toMatchObject({ code: 'TRACE' });
    }
    expect(refused).toBeGreaterThan(1900);
  });

  test('or is a valid trace if a frame with a valid checksum has a random payload', async () => {
    const seed = inject('seed');
    const random = new Random(seed);
    const read: Promise<unknown>[] = [];
    runSteps(seed, 3000, () => {
      const payload = Array.from(
        { length: 1 + random.below(60) },
        () => random.below(256) >> random.below(6),
      );
      const count = Math.max(1, payload.filter((byte) => byte < 128).length - random.below(3));
      read.push(
        AllocationTrace.read(fileOf(count & 127, payload)).catch((error: unknown) => error),
      );
    });
    const results = await Promise.all(read);
    const traces = results.filter((result) => result instanceof AllocationTrace);
    expect(traces.length).toBeGreaterThan(10);
    for (const result of results) {
      if (!(result instanceof AllocationTrace)) expect(result).toMatchObject({ code: 'TRACE' });
      else expect((await AllocationTrace.read(result.write())).operations).toBe(result.operations);
    }
  });
});

/** Changes, removes or inserts a few random bytes, or cuts the end. */
function mutate(original: Uint8Array, random: Random): Uint8Array {
  const copy = [...original];
  for (let count = 1 + random.below(3); count > 0; count--) {
    const index = random.below(copy.length);
    const some = Array.from({ length: random.below(4) }, () => random.below(256));
    if (random.oneIn(8)) copy.length = index + 1;
    else copy.splice(index, random.below(4), ...some);
  }
  return Uint8Array.from(copy);
}

describe('an invalid source', () => {
  test.each([
    undefined,
    null,
    5,
    'path.trace',
    {},
    [1, 2],
    [[1]],
  ] as unknown as TraceSource[])('is refused: %s', async (source) => {
    await expect(AllocationTrace.read(source)).rejects.toThrow(/^source must/);
    await expect(AllocationTrace.read(source)).rejects.toThrow(TypeError);
  });

  test('makes read reject with its own error and is closed, compressed or not', async () => {
    const compressed = await toBytes(trace, { gzip: true });
    for (const start of [bytes, compressed]) {
      let isClosed = false;
      async function* failing() {
        try {
          yield start.subarray(0, 1000);
          throw new Error('the disk is gone');
        } finally {
          isClosed = true;
        }
      }
      await expect(AllocationTrace.read(failing())).rejects.toThrow('the disk is gone');
      expect(isClosed).toBe(true);
    }
  });

  test('is cancelled when its bytes are refused', async () => {
    let isCancelled = false;
    const stream = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(Uint8Array.of(1, 2, 3, 4, 5)),
      cancel: () => {
        isCancelled = true;
      },
    });
    await expect(AllocationTrace.read(stream)).rejects.toThrow('not a trace');
    expect(isCancelled).toBe(true);
  });
});

describe('the limit of operations', () => {
  const refusal = (source: TraceSource, maximumOperations?: number) =>
    AllocationTrace.read(source, maximumOperations === undefined ? {} : { maximumOperations }).then(
      () => expect.fail('was read'),
      (error: unknown) => error as TraceError,
    );

  /** Yields frames of 65 536 equal operations without end. */
  function* endless(operation: readonly number[], first = operation): Generator<Uint8Array> {
    const payload = [...first, ...new Array(65_535).fill(operation).flat()];
    yield bytes.subarray(0, headerBytes);
    yield frameOf(payload);
    const later = frameOf([...operation, ...payload.slice(first.length)]);
    for (;;) yield later;
  }

  function frameOf(payload: readonly number[]): Uint8Array {
    const frame = [...number(65_536), ...number(payload.length), ...payload];
    return Uint8Array.from([...frame, ...checksumOf(frame)]);
  }

  function number(value: number): number[] {
    return value < 128 ? [value] : [(value % 128) | 128, ...number(Math.floor(value / 128))];
  }

  test('accepts a trace with exactly that number, and refuses one with more', async () => {
    const { operations } = trace;
    const read = await AllocationTrace.read(bytes, { maximumOperations: operations });
    expect(read.operations).toBe(operations);
    const error = await refusal(bytes, operations - 1);
    expect(error).toBeInstanceOf(TraceError);
    expect(error.message).toContain(`more than ${operations - 1} operations`);
    expect(error.offset).toBeGreaterThan(0);
    expect(error.offset).toBeLessThan(bytes.length);
  });

  test('applies to gzip and to plain pairs, too', async () => {
    const gzip = await toBytes(trace, { gzip: true });
    expect(await refusal(gzip, 100)).toBeInstanceOf(TraceError);
    const plain = pairs(0, 1, 4, 2, 5, 0);
    expect((await AllocationTrace.read(plain, { maximumOperations: 3 })).operations).toBe(3);
    expect(await refusal(plain, 2)).toMatchObject({ code: 'TRACE', offset: 16 });
  });

  test('stops reading an endless source before the payload that exceeds it', async () => {
    let frames = 0;
    const counted = (function* () {
      for (const piece of endless([129, 1])) {
        frames++;
        yield piece;
      }
    })();
    const error = await refusal(counted, 200_000);
    expect(error).toMatchObject({ code: 'TRACE' });
    expect(frames).toBe(1 + Math.floor(200_000 / 65_536) + 1);
  });

  test('is 16 million by default', async () => {
    const error = await refusal(endless([129, 1]));
    expect(error.message).toContain('more than 16000000 operations');
  });

  test('is accompanied by a limit of live blocks', async () => {
    // One block of 16 bytes, then blocks of the same size forever.
    const error = await refusal(endless([1], [64]), 1e9);
    expect(error).toBeInstanceOf(TraceError);
    expect(error.message).toContain('more than 8388608 blocks are live');
  });

  test('is refused if it is not a non-negative integer', async () => {
    for (const maximumOperations of [-1, 1.5, Number.NaN, '9' as unknown as number]) {
      await expect(AllocationTrace.read(bytes, { maximumOperations })).rejects.toThrow(
        /^maximumOperations must be a non-negative integer, got /,
      );
    }
    const options = { maxOperations: 5 } as object;
    await expect(AllocationTrace.read(bytes, options)).rejects.toThrow(/unknown option maxOp/);
    await expect(AllocationTrace.read(bytes, null as never)).rejects.toThrow(TypeError);
  });

  test('lets the event loop run while a trace is read', async () => {
    // A clock that jumps makes a break due at each look, however fast the machine is.
    let time = 0;
    const clock = vi.spyOn(performance, 'now').mockImplementation(() => (time += 1000));
    let turns = 0;
    let timer = setTimeout(function turn() {
      turns++;
      timer = setTimeout(turn);
    });
    await refusal(endless([129, 1]), 1_000_000);
    clearTimeout(timer);
    clock.mockRestore();
    expect(turns).toBeGreaterThan(2);
  });
});

describe('a source that never answers again', () => {
  test('does not delay the refusal of its bytes, compressed or not', async () => {
    const random = new Random(5);
    const noise = Uint8Array.from({ length: 200_000 }, () => random.below(256));
    const compressed = new Uint8Array(
      await new Response(
        new Blob([noise]).stream().pipeThrough(new CompressionStream('gzip')),
      ).arrayBuffer(),
    ).subarray(0, 150_000);
    for (const piece of [Uint8Array.of(1, 2, 3, 4), compressed]) {
      let isCancelled = false;
      const stream = new ReadableStream<Uint8Array>({
        start: (controller) => controller.enqueue(piece),
        pull: () => new Promise(() => {}),
        cancel: () => {
          isCancelled = true;
          return new Promise(() => {});
        },
      });
      await expect(AllocationTrace.read(stream)).rejects.toThrow('not a trace');
      expect(isCancelled).toBe(true);
    }
  });
});
