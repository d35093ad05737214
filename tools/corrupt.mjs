// SPDX-License-Identifier: MIT
//
// npm run corrupt [-- --count N] [--seed N] [--strategy NAME]
//
// Overwrites one word of a heap's memory, outside of all live blocks, and continues to use the heap: N times
// for each strategy of the built package, 10 000 by default, each time on a fresh heap. A write does harm if
// blocks later overlap or the contents of a block change. Three things must hold:
//
//   - every call returns or throws in time;
//   - `check()` right after the write reports every write that does harm;
//   - once a call has trapped, every later call throws `HeapCorruptionError`.
//
// Prints the seed of each case in which one of them does not hold, and exits with status 1.

import { parseArgs } from 'node:util';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import {
  createHeapSync,
  HeapCorruptionError,
  LiteAllocError,
  OutOfMemoryError,
  strategies,
} from '../dist/index.node.js';
import { seededIntegers } from './lib/random.mjs';

/** A case that takes longer, in milliseconds, counts as hung. */
const patience = 20_000;

async function runCampaign() {
  const { values } = parseArgs({
    options: {
      count: { type: 'string', default: '10000' },
      seed: { type: 'string', default: '1' },
      strategy: { type: 'string', default: '' },
    },
  });
  const chosen = strategies.filter((strategy) => strategy.includes(values.strategy));
  for (const strategy of chosen) {
    const total = await runStrategy(strategy, Number(values.count), Number(values.seed));
    const { cases, seen, harmful, trapped, missed, revived, hung } = total;
    console.log(
      `${strategy}: ${cases} words overwritten, ${seen} seen by check(), ${harmful} did harm, ` +
        `${trapped} ended in a trap; ${missed} missed, ${revived} calls succeeded after a trap, ${hung} hung`,
    );
    if (missed + revived + hung > 0 || cases !== Number(values.count)) process.exitCode = 1;
  }
}

/** Runs the cases in a worker. Where a case hangs, a new worker continues with the next one. */
async function runStrategy(strategy, count, seed) {
  const total = { cases: 0, seen: 0, harmful: 0, trapped: 0, missed: 0, revived: 0, hung: 0 };
  while (total.cases < count) {
    const first = total.cases;
    const worker = new Worker(new URL(import.meta.url), {
      workerData: { strategy, seed, first, count },
    });
    await new Promise((resolve, reject) => {
      let watchdog;
      const watch = () => {
        clearTimeout(watchdog);
        watchdog = setTimeout(async () => {
          total.hung++;
          console.log(`${strategy}: case ${total.cases} with seed ${seed} hangs`);
          total.cases++;
          await worker.terminate();
        }, patience);
      };
      watch();
      worker.on('message', ({ note, ...verdict }) => {
        watch();
        total.cases++;
        for (const [name, value] of Object.entries(verdict)) total[name] += Number(value);
        if (note !== '')
          console.log(`${strategy}: case ${total.cases - 1} with seed ${seed} ${note}`);
      });
      worker.on('error', reject);
      worker.on('exit', () => {
        clearTimeout(watchdog);
        resolve();
      });
    });
  }
  return total;
}

function runCases({ strategy, seed, first, count }) {
  for (let index = first; index < count; index++) {
    parentPort.postMessage(new Case(strategy, seed * 1e6 + index).run());
  }
}

/** One fresh heap, one overwritten word. */
class Case {
  /** Random integers below a limit. */
  #below;
  #heap;
  /** Live blocks: address, size, and the byte that fills them. */
  #blocks = [];
  #freed = [];
  #harm = '';
  #trap;

  constructor(strategy, seed) {
    this.#below = seededIntegers(seed);
    for (let count = 0; count < 10; count++) this.#below(2);
    this.#heap = createHeapSync({ strategy, maximumBytes: 4 << 20, onLeak() {} });
  }

  run() {
    for (let count = 0; count < 300; count++) this.#step();
    this.#overwrite();
    const seen = this.#reports(() => this.#heap.check());
    for (let count = 0; count < 200 && this.#trap === undefined; count++) {
      this.#attempt(() => this.#step());
    }
    for (const block of this.#blocks) this.#verify(block);
    for (const call of ['stats', 'leaks', 'toString', 'check', 'reset']) {
      this.#attempt(() => this.#heap[call]());
    }
    const revived = this.#trap !== undefined && this.#isAlive();
    const missed = this.#harm !== '' && !seen;
    const note = `${missed ? `is missed: ${this.#harm}` : ''}${revived ? 'goes on after a trap' : ''}`;
    this.#heap.dispose();
    return {
      seen,
      harmful: this.#harm !== '',
      trapped: this.#trap !== undefined,
      missed,
      revived,
      note,
    };
  }

  #pick(list) {
    return list[this.#below(list.length)];
  }

  #step() {
    const heap = this.#heap;
    const size = this.#below(1 << this.#pick([5, 6, 8, 9, 11, 13]));
    const action = this.#below(10);
    if (action < 5 || this.#blocks.length === 0) {
      const aligned = action === 0;
      this.#add(aligned ? heap.memalign(16 << this.#below(5), size) : heap.malloc(size), size);
      return;
    }
    const place = this.#below(this.#blocks.length);
    const block = this.#blocks[place];
    this.#verify(block);
    if (action < 9) {
      heap.free(block.address);
      this.#freed.push(block);
      this.#blocks.splice(place, 1);
    } else {
      const address = heap.realloc(block.address, size);
      this.#blocks.splice(place, 1);
      this.#verify({ ...block, address, size: Math.min(size, block.size) });
      this.#add(address, size);
    }
  }

  #add(address, size) {
    const end = address + Math.max(size, 1);
    const overlapped = this.#blocks.find(
      (other) => address < other.address + Math.max(other.size, 1) && other.address < end,
    );
    if (overlapped !== undefined) this.#noteHarm(`block ${address} overlaps ${overlapped.address}`);
    if (end > this.#heap.u8.length) {
      this.#noteHarm(`block ${address} ends outside of memory`);
      return;
    }
    const fill = this.#below(255) + 1;
    this.#heap.u8.fill(fill, address, address + size);
    this.#blocks.push({ address, size, fill });
  }

  #verify({ address, size, fill }) {
    const bytes = this.#heap.u8.subarray(address, address + size);
    if (bytes.some((byte) => byte !== fill)) this.#noteHarm(`contents of ${address} changed`);
  }

  #noteHarm(what) {
    if (this.#harm === '') this.#harm = what;
  }

  /** Overwrites one word outside of all live blocks. */
  #overwrite() {
    const words = this.#heap.u32;
    const known = [...this.#blocks, ...this.#freed];
    const lowest = Math.min(...known.map(({ address }) => address));
    const highest = Math.max(...known.map(({ address, size }) => address + size));
    const isLive = (place) =>
      this.#blocks.some(({ address, size }) => place > address - 4 && place < address + size);
    let place;
    do {
      const near = this.#pick(known);
      place = this.#pick([
        near.address - 4 * this.#below(8),
        near.address + 4 * this.#below(1 + (near.size >> 2)),
        lowest - 64 + 4 * this.#below((highest + 128 - lowest) >> 2),
      ]);
      place -= place % 4;
    } while (isLive(place) || place < 0 || place + 4 > words.length * 4);
    const old = words[place / 4];
    const random = this.#below(65536) * 65536 + this.#below(65536);
    words[place / 4] = this.#pick([
      random,
      words[this.#below(highest >> 2)],
      old ^ (1 << this.#below(32)),
      old + 16,
      old - 16,
      this.#pick(known).address,
      0,
      0xffffffff,
    ]);
  }

  /** Whether a call reports corruption. */
  #reports(call) {
    try {
      call();
      return false;
    } catch (error) {
      if (error instanceof HeapCorruptionError) return true;
      throw error;
    }
  }

  /** Makes a call on a heap that may be corrupted: the package's own errors are allowed. */
  #attempt(call) {
    try {
      call();
    } catch (error) {
      if (!(error instanceof LiteAllocError)) throw error;
      if (error.cause?.constructor?.name === 'RuntimeError') this.#trap ??= error;
      if (error instanceof OutOfMemoryError) this.#blocks.splice(this.#blocks.length / 2);
    }
  }

  /** Returns whether a call still succeeds after a trap. */
  #isAlive() {
    const heap = this.#heap;
    const calls = [
      () => heap.malloc(16),
      () => heap.free(this.#blocks[0]?.address ?? 16),
      () => heap.realloc(this.#blocks[0]?.address ?? 16, 32),
      () => heap.stats(),
      () => heap.check(),
      () => heap.reset(),
      () => heap.array(Uint8Array, 8),
    ];
    return !calls.every((call) => this.#reports(call));
  }
}

if (isMainThread) await runCampaign();
else runCases(workerData);
