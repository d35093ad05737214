// SPDX-License-Identifier: MIT
//
// npm run soak [-- --minutes N] [--seed N]
//
// Calls the whole public interface of the built package at random, for ten minutes by default. It creates
// heaps of every strategy, with debug and without, in their own memory and in regions, and grows, resets,
// disposes and drops them. It checks the contents of every live block, lets the heaps check themselves, and
// requires that the resident memory of the process stays flat. Prints a line every 20 seconds, and exits
// with status 1 at the first fault.

import assert from 'node:assert/strict';
import { parseArgs } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import {
  AllocationTrace,
  createHeap,
  OutOfMemoryError,
  replay,
  strategies,
} from '../dist/index.node.js';
import { seededIntegers } from './lib/random.mjs';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    seed: { type: 'string', default: String(Date.now() % 1e6) },
  },
});
setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc');

/** Every kind of typed array that this engine has. */
const TypedArray = Object.getPrototypeOf(Uint8Array);
const kinds = Object.getOwnPropertyNames(globalThis)
  .map((name) => globalThis[name])
  .filter((value) => typeof value === 'function' && Object.getPrototypeOf(value) === TypedArray);

const below = seededIntegers(Number(values.seed));
const pick = (list) => list[below(list.length)];
const sizeOf = () => below(1 << pick([4, 6, 8, 9, 10, 12, 14, 17]));

/** A heap, and the contents that its blocks must have: each is filled with its own byte. */
class Session {
  blocks = [];
  handles = [];
  strings = [];
  growths = 0;
  fill = 0;

  constructor(heap) {
    this.heap = heap;
    this.subscription = heap.onGrow(() => this.growths++);
  }

  keep(list, block) {
    this.fill = (this.fill + 1) % 255;
    const byte = this.fill;
    this.paint(block, byte);
    list.push({ ...block, byte });
  }

  paint({ handle, address = handle.address, size }, byte) {
    this.heap.u8.fill(byte, address, address + size);
  }

  verify({ handle, address = handle.address, size, byte }, length = size) {
    const bytes = this.heap.u8.subarray(address, address + Math.min(length, size));
    const wrong = bytes.findIndex((value) => value !== byte);
    assert.equal(wrong, -1, `byte ${wrong} of the block of ${size} bytes at ${address}`);
  }

  /** Takes one random action; a heap without memory is emptied. */
  step() {
    try {
      pick(actions)(this);
    } catch (error) {
      if (!(error instanceof OutOfMemoryError)) throw error;
      this.freeAll();
    }
  }

  take(list) {
    if (list.length === 0) return undefined;
    const [block] = list.splice(below(list.length), 1);
    this.verify(block);
    return block;
  }

  freeAll() {
    for (const block of this.blocks.splice(0)) this.freeRaw(block);
    for (const { handle } of this.handles.splice(0)) handle.free();
    for (const { handle } of this.strings.splice(0)) handle.free();
  }

  freeRaw({ address, size, alignment }) {
    if (alignment === undefined) this.heap.free(address);
    else this.heap.deallocate(address, size, alignment);
  }

  forget() {
    this.blocks = [];
    this.handles = [];
    this.strings = [];
  }
}

const actions = [
  (s) => {
    const size = sizeOf();
    s.keep(s.blocks, { address: s.heap.malloc(size), size });
  },
  (s) => {
    const size = sizeOf();
    const address = s.heap.calloc(1, size);
    assert(s.heap.u8.subarray(address, address + size).every((byte) => byte === 0));
    s.keep(s.blocks, { address, size });
  },
  (s) => {
    const [alignment, size] = [1 << below(13), sizeOf()];
    const address = s.heap.memalign(alignment, size);
    assert.equal(address % alignment, 0);
    s.keep(s.blocks, { address, size });
  },
  (s) => {
    const [alignment, size] = [16 << below(6), sizeOf()];
    s.keep(s.blocks, { address: s.heap.allocate(size, alignment), size, alignment });
  },
  ...Array.from({ length: 4 }, () => (s) => {
    const block = s.take(s.blocks);
    if (block !== undefined) s.freeRaw(block);
  }),
  (s) => {
    const block = s.take(s.blocks);
    if (block === undefined) return;
    const size = sizeOf();
    const { heap } = s;
    let moved;
    try {
      moved =
        block.alignment === undefined
          ? heap.realloc(block.address, size)
          : heap.reallocate(block.address, block.size, size, block.alignment);
    } catch (error) {
      s.blocks.push(block);
      throw error;
    }
    s.verify({ ...block, address: moved }, size);
    s.keep(s.blocks, { ...block, address: moved, size });
  },
  ...Array.from({ length: 2 }, () => (s) => {
    const type = pick(kinds);
    const handle = s.heap.array(type, below(2000), { zero: below(2) === 0 });
    s.keep(s.handles, { handle, size: handle.byteLength });
  }),
  (s) => {
    const type = pick([Uint8Array, Float32Array, Float64Array]);
    const source = Array.from({ length: below(50) }, (_, index) => index);
    const handle = below(2) === 0 ? s.heap.from(type, source) : s.heap.from(new type(source));
    assert.deepEqual([...handle.view], source);
    s.keep(s.handles, { handle, size: handle.byteLength });
  },
  ...Array.from({ length: 3 }, () => (s) => {
    s.take(s.handles)?.handle.free();
  }),
  (s) => {
    const block = s.take(s.handles);
    if (block === undefined) return;
    const { handle } = block;
    try {
      handle.resize(below(3000));
    } catch (error) {
      s.handles.push(block);
      throw error;
    }
    s.verify(block, handle.byteLength);
    assert.equal(handle.view.length, handle.length);
    s.keep(s.handles, { handle, size: handle.byteLength });
  },
  (s) => {
    const text = pick(['', 'plain', 'Grüße', '日本語', '👩‍🚀 astronaut', 'x'.repeat(below(3000))]);
    const handle = s.heap.string(text);
    assert.equal(handle.toString(), text);
    assert.equal(s.heap.readString(handle.address, handle.byteLength), text);
    s.strings.push({ handle, text });
  },
  (s) => {
    const [string] = s.strings.splice(below(Math.max(s.strings.length, 1)), 1);
    if (string === undefined) return;
    assert.equal(string.handle.toString(), string.text);
    string.handle.free();
  },
  (s) => {
    const kept = s.heap.scope((scope) => {
      for (let count = below(30); count > 0; count--) scope.array(pick(kinds), below(100));
      scope.malloc(sizeOf());
      scope.string('of the scope');
      const arena = scope.arena({ bytes: 4096 });
      arena.array(Float32Array, 100).view.fill(1);
      arena.reset();
      return scope.array(Uint16Array, 50);
    });
    s.keep(s.handles, { handle: kept, size: kept.byteLength });
  },
  (s) => {
    const arena = s.heap.arena({ bytes: 8192 });
    const one = arena.from(Float64Array, [1, 2, 3]);
    const other = arena.string('in the arena');
    one.resize(20);
    assert.deepEqual([...one.view.subarray(0, 3)], [1, 2, 3]);
    assert.equal(other.toString(), 'in the arena');
    arena.free();
    assert(!one.alive);
  },
  (s) => {
    if (below(20) === 0) s.heap.check();
    const { liveBlocks, liveBytes } = s.heap.stats();
    assert.equal(liveBlocks, s.blocks.length + s.handles.length + s.strings.length);
    assert(liveBytes >= s.blocks.reduce((sum, { size }) => sum + size, 0));
  },
  (s) => {
    if (below(30) !== 0) return;
    const used = s.heap.leaks().length;
    assert.equal(used >= 1 || s.heap.stats().liveBlocks === 0, true);
    const before = s.heap.snapshot();
    const handle = s.heap.array(Uint8Array, 1000);
    before.diff(s.heap.snapshot());
    handle.free();
    String(s.heap);
  },
  (s) => {
    if (below(100) !== 0) return;
    s.heap.reset();
    for (const { handle } of s.handles) assert(!handle.alive);
    s.forget();
  },
];

async function makeSession(number) {
  const strategy = strategies[number % strategies.length];
  const debug = number % 3 === 2 && { stacks: number % 2 === 0 };
  const own = { strategy, debug, initialBytes: 65536, maximumBytes: 32 << 20, onLeak() {} };
  if (number % 5 !== 4) return new Session(await createHeap(own));
  const memory = new WebAssembly.Memory({ initial: 64 });
  const region = { strategy, debug, memory, start: 1000, end: 3 << 20, onLeak() {} };
  return new Session(await createHeap(region));
}

/** Records the calls of a heap, then writes, reads and replays the trace. */
async function useTrace(session) {
  const recorder = session.heap.record();
  for (let count = 0; count < 500; count++) session.step();
  const recorded = recorder.stop();
  const trace = await AllocationTrace.read(recorded.write({ gzip: true }));
  assert.equal(trace.operations, recorded.operations);
  await replay(trace, { rounds: 1, strategy: pick(strategies) });
}

const end = performance.now() + Number(values.minutes) * 60_000;
const resident = [];
let [steps, sessions, growths, nextLine] = [0, 0, 0, 0];
console.log(`seed ${values.seed}`);
while (performance.now() < end) {
  const session = await makeSession(sessions++);
  for (let count = 0; count < 5000; count++, steps++) session.step();
  if (sessions % 7 === 0) await useTrace(session);
  for (const block of [...session.blocks, ...session.handles]) session.verify(block);
  session.heap.check();
  growths += session.growths;
  // Half of the heaps are disposed; the garbage collector takes the other half.
  if (sessions % 2 === 0) session.heap.dispose();
  if (performance.now() < nextLine) continue;
  nextLine = performance.now() + 20_000;
  for (let round = 0; round < 3; round++) {
    collectGarbage();
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  resident.push(process.memoryUsage.rss() / 2 ** 20);
  console.log(
    `${sessions} heaps, ${steps} steps, ${growths} growths, ${resident.at(-1).toFixed(0)} MiB resident`,
  );
}
const half = Math.floor(resident.length / 2);
const early = Math.max(...resident.slice(Math.min(2, half), half + 1));
const late = Math.max(...resident.slice(half));
console.log(`resident memory: at most ${early.toFixed(0)} MiB, later ${late.toFixed(0)} MiB`);
assert(resident.length < 6 || late < early * 1.15 + 16, 'resident memory rises');
