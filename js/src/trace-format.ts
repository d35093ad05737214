// SPDX-License-Identifier: MIT
//
// The binary forms of a trace: docs/trace-format.md describes them. Loaded lazily, with nothing imported
// from the entry, which would otherwise be split in two: it has copies of the functions that it imports.

import { crc32 } from '@foxglove/crc';
import { AddressMap } from './address-map.js';
import type { OperationCodes, Operations, ReadOptions, TraceSource } from './operations.js';
import { bytesOf, classOf, kindNameOf, show } from './values.js';

type Bytes = Uint8Array<ArrayBuffer>;
type Failure = new (offset: number, message: string, options?: ErrorOptions) => Error;

const codes: OperationCodes = {
  malloc: 1,
  zeroed: 2,
  memalign: 3,
  allocate: 4,
  realloc: 5,
  reallocate: 6,
  free: 7,
  deallocate: 8,
  reset: 9,
};

const signature = [0x89, 0x4c, 0x41, 0x54];
const version = 1;
const operationsPerFrame = 8192;
const mostFrameOperations = 65536;
const mostFrameBytes = 1 << 20;
/** Two numbers of six bytes. */
const mostOperationBytes = 12;
const defaultMaximumOperations = 16_000_000;
/** Half of what a `Map` of the engine holds. */
const mostLiveBlocks = 1 << 23;
/** Between turns of the event loop. */
const turnMilliseconds = 50;
const checksumBytes = 4;
const mostSize = 0xffffffff;

/** Kinds of operations in the file: the lowest two bits of their first number. */
const kinds = { allocate: 0, special: 1, free: 2, reallocate: 3 } as const;

// What a special operation's value says: the rank of a recent size, or one of these.
const recentSizes = 32;
const resetValue = recentSizes;
const olderFreeValue = recentSizes + 1;
const firstBirth = recentSizes + 2;

/**
 * How a block was born, other than by `malloc` of its size: zeroed, by `memalign` with an exponent from 1
 * to 12, or by `allocate` with one from 0 to 12.
 */
const zeroedBirth = 0;
const sizedBirth = 13;
const plainBirth = 26;

/** The sizes allocated last, the newest first: programs ask for the same ones again. */
class RecentSizes {
  readonly #sizes: number[] = [];

  rankOf(size: number): number {
    return this.#sizes.indexOf(size);
  }

  /** Undefined where there is no such rank. */
  use(rank: number): number | undefined {
    const [size] = this.#sizes.splice(rank, 1);
    if (size !== undefined) this.#sizes.unshift(size);
    return size;
  }

  add(size: number): void {
    this.#sizes.unshift(size);
    if (this.#sizes.length > recentSizes) this.#sizes.pop();
  }
}

/** Writes a file, each piece when it is asked for. */
export async function writeTrace(
  trace: Operations,
  file: WritableStream<BufferSource>,
): Promise<void> {
  const writer = file.getWriter();
  try {
    for (const piece of makePieces(trace)) await writer.write(piece);
    await writer.close();
  } finally {
    // Whoever sees the failure may end the stream with it.
    writer.releaseLock();
  }
}

function* makePieces({ chunks, operations, truncated }: Operations): Generator<Bytes, undefined> {
  yield Uint8Array.of(...signature, version);
  const encoder = new Encoder();
  let left = operations * 3;
  for (const chunk of chunks) {
    for (let begin = 0; begin < chunk.length && left > 0; begin += operationsPerFrame * 3) {
      const words = chunk.subarray(begin, begin + Math.min(operationsPerFrame * 3, left));
      left -= words.length;
      const payload = encoder.encode(words);
      yield frame([words.length / 3, payload.length], payload);
    }
  }
  yield frame([0, Number(truncated), operations], new Uint8Array());
  return undefined;
}

function frame(numbers: readonly number[], payload: Bytes): Bytes {
  const output = new Output(payload.length + 32);
  for (const number of numbers) output.number(number);
  output.bytes(payload);
  const checksum = crc32(output.written());
  for (let shift = 0; shift < 32; shift += 8) output.byte(checksum >>> shift);
  return output.written();
}

/** Bytes that are being written. */
class Output {
  readonly #bytes: Bytes;
  #length = 0;

  constructor(capacity: number) {
    this.#bytes = new Uint8Array(capacity);
  }

  byte(value: number): void {
    this.#bytes[this.#length++] = value;
  }

  bytes(bytes: Bytes): void {
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  /** Seven bits a byte, the lowest first; all but the last byte have the highest bit set. */
  number(value: number): void {
    let rest = value;
    for (; rest >= 128; rest = Math.floor(rest / 128)) this.byte((rest % 128) | 128);
    this.byte(rest);
  }

  written(): Bytes {
    return this.#bytes.subarray(0, this.#length);
  }
}

class Encoder {
  readonly #recent = new RecentSizes();
  /** Numbers of live blocks by their address: blocks are numbered in the order of their birth. */
  readonly #numbers = new AddressMap<number>();
  #born = 0;
  /** The block that was freed or resized last. */
  #last = 0;

  encode(words: Uint32Array): Bytes {
    const output = new Output(words.length * 6);
    for (let index = 0; index < words.length; index += 3) {
      const key = words[index] as number;
      const size = words[index + 1] as number;
      const detail = words[index + 2] as number;
      this.#encodeOperation(output, key & 15, key - (key & 15), size, detail);
    }
    return output.written();
  }

  #encodeOperation(
    output: Output,
    code: number,
    address: number,
    size: number,
    detail: number,
  ): void {
    const exponent = detail & 15;
    switch (code) {
      case codes.malloc:
        this.#allocate(output, address, size, plainBirth);
        break;
      case codes.zeroed:
        this.#allocate(output, address, size, zeroedBirth);
        break;
      case codes.memalign:
        this.#allocate(output, address, size, exponent === 0 ? plainBirth : exponent);
        break;
      case codes.allocate:
        this.#allocate(output, address, size, sizedBirth + exponent);
        break;
      case codes.realloc:
        this.#reallocate(output, address, size, detail, plainBirth);
        break;
      case codes.reallocate:
        this.#reallocate(output, address, size, detail - exponent, sizedBirth + exponent);
        break;
      case codes.reset:
        this.#numbers.clear();
        output.number(resetValue * 4 + kinds.special);
        break;
      default:
        this.#free(output, address);
    }
  }

  #allocate(output: Output, address: number, size: number, birth: number): void {
    this.#numbers.set(address, this.#born++);
    if (birth !== plainBirth) {
      output.number((firstBirth + birth) * 4 + kinds.special);
      output.number(size);
      return;
    }
    const rank = this.#recent.rankOf(size);
    if (rank === -1) {
      output.number(size * 4 + kinds.allocate);
      this.#recent.add(size);
    } else {
      output.number(rank * 4 + kinds.special);
      this.#recent.use(rank);
    }
  }

  #free(output: Output, address: number): void {
    const number = this.#numbers.get(address);
    if (number === undefined) {
      output.number(olderFreeValue * 4 + kinds.special);
    } else {
      this.#numbers.delete(address);
      this.#reference(output, number, kinds.free);
    }
  }

  /** A block from before is born here, as far as the file tells. */
  #reallocate(
    output: Output,
    address: number,
    size: number,
    newAddress: number,
    birth: number,
  ): void {
    const number = this.#numbers.get(address);
    if (number === undefined) {
      this.#allocate(output, newAddress, size, birth);
      return;
    }
    this.#numbers.delete(address);
    this.#numbers.set(newAddress, number);
    this.#reference(output, number, kinds.reallocate);
    output.number(size);
  }

  #reference(output: Output, number: number, kind: number): void {
    const step = number - this.#last;
    output.number((step >= 0 ? step * 2 : -step * 2 - 1) * 4 + kind);
    this.#last = number;
  }
}

/** Reads either form, compressed or not. */
export async function readTrace(
  source: TraceSource,
  options: ReadOptions,
  TraceError: Failure,
): Promise<Operations> {
  const maximumOperations = checkOptions(options);
  const opened = [piecesOf(source)];
  try {
    const raw = new Input(opened[0] as Pieces, TraceError);
    const isGzip = (await raw.peek(2)).join() === '31,139';
    if (isGzip) opened.unshift(gunzip(raw, TraceError));
    const input = isGzip ? new Input(opened[0] as Pieces, TraceError) : raw;
    const start = await input.peek(signature.length);
    if (start.join() === signature.join()) return await readFrames(input, maximumOperations);
    if (start.join() === '0,0,0,0') return await readPairs(input, maximumOperations);
    return input.fail(0, 'it is not a trace of allocations');
  } finally {
    for (const pieces of opened) pieces.cancel();
  }
}

function checkOptions(options: ReadOptions): number {
  if (typeof options !== 'object' || options === null) {
    throw new TypeError(`options must be an object, got ${show(options)}`);
  }
  for (const name of Object.keys(options)) {
    if (name === 'maximumOperations') continue;
    throw new TypeError(`unknown option ${name}; there are maximumOperations`);
  }
  const { maximumOperations = defaultMaximumOperations } = options;
  if (Number.isInteger(maximumOperations) && maximumOperations >= 0) return maximumOperations;
  throw new RangeError(
    `maximumOperations must be a non-negative integer, got ${show(maximumOperations)}`,
  );
}

async function readFrames(input: Input, maximumOperations: number): Promise<Operations> {
  await input.take(signature.length, 'the signature');
  const found = await input.byte('the version');
  if (found !== version) {
    input.fail(signature.length, `it is of version ${found}, and this reads version ${version}`);
  }
  const turns = new Turns();
  const decoder = new Decoder(input);
  const chunks: Uint32Array[] = [];
  let operations = 0;
  for (;;) {
    const begin = input.offset;
    const header = new Output(32);
    const count = await input.number('the operations of a frame', header);
    if (count === 0) {
      const flags = await input.number('the flags at the end', header);
      const total = await input.number('the number of operations', header);
      await input.checksum(header.written(), begin);
      if (flags > 1) input.fail(begin, `the flags ${flags} are not known`);
      if (total !== operations) {
        input.fail(begin, `it should hold ${total} operations, and holds ${operations}`);
      }
      await input.end();
      return { chunks, operations, truncated: flags === 1 };
    }
    const length = await input.number('the length of a frame', header);
    if (
      count > mostFrameOperations ||
      length > mostFrameBytes ||
      length < count ||
      length > count * mostOperationBytes
    ) {
      input.fail(begin, `a frame cannot have ${count} operations in ${length} bytes`);
    }
    if (operations + count > maximumOperations) failTooMany(input, begin, maximumOperations);
    const payloadOffset = input.offset;
    const payload = await input.take(length, 'a frame');
    await input.checksum(header.written(), begin, payload);
    chunks.push(decoder.decode(payload, count, payloadOffset));
    operations += count;
    await turns.give();
  }
}

function failTooMany(input: Input, offset: number, maximumOperations: number): never {
  return input.fail(
    offset,
    `it has more than ${maximumOperations} operations; the option maximumOperations sets the limit`,
  );
}

/** Pairs of 32-bit integers, the lowest byte first: the block's number * 4 + kind, and the size. */
async function readPairs(input: Input, maximumOperations: number): Promise<Operations> {
  const turns = new Turns();
  const blocks = new LiveBlocks(input);
  const chunks: Uint32Array[] = [];
  let operations = 0;
  for (;;) {
    const begin = input.offset;
    const bytes = await input.takeUpTo(operationsPerFrame * 8);
    if (bytes.length % 8 !== 0) input.fail(input.offset, 'it ends within an operation');
    if (bytes.length === 0) return { chunks, operations, truncated: false };
    const most = (maximumOperations - operations) * 8;
    if (bytes.length > most) failTooMany(input, begin + most, maximumOperations);
    const pairs = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const words = new Uint32Array((bytes.length / 8) * 3);
    for (let index = 0; index < bytes.length; index += 8) {
      const key = pairs.getUint32(index, true);
      const size = pairs.getUint32(index + 4, true);
      const offset = begin + index;
      const number = key >>> 2;
      const place = (index / 8) * 3;
      switch (key & 3) {
        case 0:
          if (number !== blocks.born) {
            input.fail(offset, `block ${number} is allocated where ${blocks.born} is the next`);
          }
          words[place] = blocks.add(plainBirth, offset) + codes.malloc;
          break;
        case 1:
          if (size !== 0) input.fail(offset, `block ${number} is freed with a size of ${size}`);
          words[place] = blocks.addressOf(number, offset) + codes.free;
          blocks.remove(number);
          break;
        case 2:
          words[place] = blocks.addressOf(number, offset) + codes.realloc;
          words[place + 2] = blocks.addressOf(number, offset);
          break;
        default:
          input.fail(offset, 'the kind of the operation is not known');
      }
      words[place + 1] = size;
    }
    chunks.push(words);
    operations += words.length / 3;
    await turns.give();
  }
}

/** The event loop's. */
class Turns {
  #last = performance.now();

  async give(): Promise<void> {
    if (performance.now() - this.#last < turnMilliseconds) return;
    await new Promise((resolve) => setTimeout(resolve));
    this.#last = performance.now();
  }
}

/** Decodes frames one after the other. */
class Decoder {
  readonly #input: Input;
  readonly #recent = new RecentSizes();
  readonly #blocks: LiveBlocks;
  #last = 0;
  #payload: Bytes = new Uint8Array();
  #payloadOffset = 0;
  #position = 0;

  constructor(input: Input) {
    this.#input = input;
    this.#blocks = new LiveBlocks(input);
  }

  decode(payload: Bytes, count: number, payloadOffset: number): Uint32Array {
    this.#payload = payload;
    this.#payloadOffset = payloadOffset;
    this.#position = 0;
    const words = new Uint32Array(count * 3);
    for (let index = 0; index < words.length; index += 3) this.#decodeOperation(words, index);
    if (this.#position !== payload.length) this.#fail('a frame holds more than its operations');
    return words;
  }

  #decodeOperation(words: Uint32Array, index: number): void {
    const offset = this.#offset();
    const first = this.#number();
    const kind = first % 4;
    const value = Math.floor(first / 4);
    if (kind === kinds.allocate) {
      this.#recent.add(this.#assertSize(value, offset));
      this.#setAllocation(words, index, plainBirth, value, offset);
    } else if (kind === kinds.special) {
      this.#decodeSpecial(words, index, value, offset);
    } else {
      this.#last += value % 2 === 0 ? value / 2 : -(value + 1) / 2;
      const address = this.#blocks.addressOf(this.#last, offset);
      const isSized = this.#blocks.isSized(this.#last);
      if (kind === kinds.free) {
        words[index] = address + (isSized ? codes.deallocate : codes.free);
        this.#blocks.remove(this.#last);
      } else {
        words[index] = address + (isSized ? codes.reallocate : codes.realloc);
        words[index + 1] = this.#assertSize(this.#number(), offset);
        words[index + 2] = address + this.#blocks.exponentOf(this.#last);
      }
    }
  }

  #decodeSpecial(words: Uint32Array, index: number, value: number, offset: number): void {
    if (value < recentSizes) {
      const size = this.#recent.use(value);
      if (size === undefined) this.#fail(`there is no recent size ${value} yet`, offset);
      this.#setAllocation(words, index, plainBirth, size, offset);
    } else if (value === resetValue) {
      this.#blocks.clear();
      words[index] = codes.reset;
    } else if (value === olderFreeValue) {
      words[index] = LiveBlocks.olderAddress + codes.free;
    } else if (value - firstBirth < plainBirth) {
      const size = this.#assertSize(this.#number(), offset);
      this.#setAllocation(words, index, value - firstBirth, size, offset);
    } else {
      this.#fail(`the operation ${value} is not known`, offset);
    }
  }

  #setAllocation(
    words: Uint32Array,
    index: number,
    birth: number,
    size: number,
    offset: number,
  ): void {
    words[index] = this.#blocks.add(birth, offset) + codeOf(birth);
    words[index + 1] = size;
    words[index + 2] = exponentOf(birth);
  }

  #number(): number {
    const offset = this.#offset();
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = this.#payload[this.#position++];
      if (byte === undefined) this.#fail('a frame ends within an operation', offset);
      value += (byte & 127) * scale;
      if (byte < 128) return value;
      if (scale > mostNumberScale) this.#fail('a number is too large', offset);
    }
  }

  #assertSize(size: number, offset: number): number {
    return size <= mostSize ? size : this.#fail(`the size ${size} is more than 4 GiB`, offset);
  }

  #offset(): number {
    return this.#payloadOffset + this.#position;
  }

  #fail(reason: string, offset = this.#offset()): never {
    return this.#input.fail(offset, reason);
  }
}

/** Six bytes hold all numbers that there can be. */
const mostNumberScale = 128 ** 4;

function codeOf(birth: number): number {
  if (birth === plainBirth) return codes.malloc;
  if (birth >= sizedBirth) return codes.allocate;
  return birth === zeroedBirth ? codes.zeroed : codes.memalign;
}

function exponentOf(birth: number): number {
  if (birth === plainBirth) return 0;
  return birth >= sizedBirth ? birth - sizedBirth : birth;
}

/** The live blocks of a file by number, at made-up addresses: places of freed blocks are used again. */
class LiveBlocks {
  /** Never that of a live block. */
  static readonly olderAddress = 0xfffffff0;

  born = 0;
  readonly #input: Input;
  /** Place * 32 + birth. */
  readonly #blocks = new Map<number, number>();
  #freePlaces: number[] = [];
  #places = 0;

  constructor(input: Input) {
    this.#input = input;
  }

  add(birth: number, offset: number): number {
    if (this.#blocks.size === mostLiveBlocks) {
      this.#input.fail(offset, `more than ${mostLiveBlocks} blocks are live at a time`);
    }
    const place = this.#freePlaces.pop() ?? ++this.#places;
    this.#blocks.set(this.born++, place * 32 + birth);
    return place * 16;
  }

  addressOf(number: number, offset: number): number {
    const block = this.#blocks.get(number);
    if (block !== undefined) return Math.floor(block / 32) * 16;
    const state = number >= this.born || number < 0 ? 'was not allocated' : 'was freed before';
    return this.#input.fail(offset, `block ${number} ${state}`);
  }

  isSized(number: number): boolean {
    const birth = this.#birthOf(number);
    return birth >= sizedBirth && birth !== plainBirth;
  }

  exponentOf(number: number): number {
    return this.isSized(number) ? exponentOf(this.#birthOf(number)) : 0;
  }

  remove(number: number): void {
    this.#freePlaces.push(Math.floor((this.#blocks.get(number) ?? 0) / 32));
    this.#blocks.delete(number);
  }

  clear(): void {
    this.#blocks.clear();
    this.#freePlaces = [];
    this.#places = 0;
  }

  #birthOf(number: number): number {
    return (this.#blocks.get(number) ?? 0) % 32;
  }
}

/** Bytes that come in pieces, and how far they were read. */
class Input {
  offset = 0;
  readonly #pieces: Pieces;
  readonly #TraceError: Failure;
  #piece: Uint8Array = new Uint8Array();

  constructor(pieces: Pieces, TraceError: Failure) {
    this.#pieces = pieces;
    this.#TraceError = TraceError;
  }

  fail(offset: number, reason: string): never {
    throw new this.#TraceError(offset, messageOf(offset, reason));
  }

  /** Fewer bytes at the end only. */
  async takeUpTo(length: number): Promise<Bytes> {
    const taken = new Uint8Array(length);
    let filled = 0;
    while (filled < length && (await this.#hasMore())) {
      const part = this.#piece.subarray(0, length - filled);
      taken.set(part, filled);
      filled += part.length;
      this.#piece = this.#piece.subarray(part.length);
    }
    this.offset += filled;
    return taken.subarray(0, filled);
  }

  /** What comes next, which stays there. */
  async peek(length: number): Promise<Bytes> {
    const { offset } = this;
    const bytes = await this.takeUpTo(length);
    this.offset = offset;
    const rest = this.#piece;
    this.#piece = new Uint8Array(bytes.length + rest.length);
    this.#piece.set(bytes);
    this.#piece.set(rest, bytes.length);
    return bytes;
  }

  async take(length: number, name: string): Promise<Bytes> {
    const bytes = await this.takeUpTo(length);
    if (bytes.length < length) this.fail(this.offset, `it ends where ${name} should be`);
    return bytes;
  }

  async byte(name: string): Promise<number> {
    const [byte = 0] = await this.take(1, name);
    return byte;
  }

  /** A number outside of a frame's payload; its bytes go to `copy`, too. */
  async number(name: string, copy: Output): Promise<number> {
    const begin = this.offset;
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = await this.byte(name);
      copy.byte(byte);
      value += (byte & 127) * scale;
      if (byte < 128) return value;
      if (scale > mostNumberScale) this.fail(begin, `${name}: a number is too large`);
    }
  }

  async checksum(header: Bytes, begin: number, payload: Bytes = new Uint8Array()): Promise<void> {
    const stored = await this.take(checksumBytes, 'a checksum');
    const covered = new Output(header.length + payload.length);
    covered.bytes(header);
    covered.bytes(payload);
    const expected = new DataView(stored.buffer, stored.byteOffset).getUint32(0, true);
    if (crc32(covered.written()) !== expected) {
      this.fail(begin, 'it is damaged: the checksum of what begins here is wrong');
    }
  }

  async end(): Promise<void> {
    if (await this.#hasMore()) this.fail(this.offset, 'there is more after its end');
  }

  /** The next piece as it comes; undefined at the end. */
  async piece(): Promise<Uint8Array | undefined> {
    if (!(await this.#hasMore())) return undefined;
    const piece = this.#piece;
    this.#piece = new Uint8Array();
    return piece;
  }

  async #hasMore(): Promise<boolean> {
    while (this.#piece.length === 0) {
      const piece = await this.#pieces.next();
      if (piece === undefined) return false;
      this.#piece = piece;
    }
    return true;
  }
}

function messageOf(offset: number, reason: string): string {
  return `the trace cannot be read at byte ${offset}: ${reason}`;
}

/** A source of bytes. */
interface Pieces {
  /** The next piece; undefined at the end. */
  next(): Promise<Uint8Array | undefined>;
  /** Lets go of the source, also while it is waited for. Nobody waits for this: the source may never answer. */
  cancel(): void;
}

// Sources are known by what they have, not by their classes: a frame or a context that a test runner made has
// its own, and some hosts lack one.

function piecesOf(source: TraceSource): Pieces {
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
  throw new TypeError(`source must be bytes, a blob, a stream or an iterable, got ${show(source)}`);
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

function piecesOfStream(stream: ReadableStream<Uint8Array>): Pieces {
  const reader = stream.getReader();
  const pieces = piecesOfIterator({
    next: () => reader.read() as Promise<IteratorResult<Uint8Array>>,
  });
  return { next: () => pieces.next(), cancel: () => ignoreFailure(() => reader.cancel()) };
}

/** Of what is called off, since something else failed before. */
function ignoreFailure(call: () => unknown): void {
  new Promise((resolve) => resolve(call())).catch(() => {});
}

function gunzip(input: Input, TraceError: Failure): Pieces {
  let sourceFailure: unknown;
  const compressed = new ReadableStream<Bytes>({
    pull: async (controller) => {
      try {
        const piece = await input.piece();
        if (piece === undefined) controller.close();
        else controller.enqueue(new Uint8Array(piece));
      } catch (failure) {
        sourceFailure = failure;
        throw failure;
      }
    },
  });
  const pieces = piecesOfStream(compressed.pipeThrough(new DecompressionStream('gzip')));
  let offset = 0;
  return {
    ...pieces,
    async next() {
      try {
        const piece = await pieces.next();
        offset += piece?.length ?? 0;
        return piece;
      } catch (cause) {
        if (sourceFailure !== undefined) throw sourceFailure;
        throw new TraceError(offset, messageOf(offset, 'its compression is damaged'), {
          cause,
        });
      }
    },
  };
}
