// SPDX-License-Identifier: MIT
//
// The module for shared heaps, with real threads: workers of Node, some of which are killed.

import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { beforeEach, describe, expect, inject, test } from 'vitest';
import {
  CheckedBlocks,
  openInstance,
  randomNumbers,
  type SharedInstance,
  useHeap,
} from '../../support/shared-instance.mjs';

const file = new URL(
  '../../../build/wasm-release/cpp/bindings/shared/lite-alloc.shared.wasm',
  import.meta.url,
);
const module = new WebAssembly.Module(readFileSync(file));
const pageBytes = 65_536;

let memory: WebAssembly.Memory;
let own: SharedInstance;
beforeEach(() => {
  memory = new WebAssembly.Memory({ initial: 16, maximum: 4096, shared: true });
  const first = new WebAssembly.Instance(module, { env: { memory, wait: () => {} } });
  (first.exports as unknown as SharedInstance['heap']).start(inject('seed'), 77);
  own = openInstance(module, memory);
});

/** Starts a thread. It uses the heap for ever if `operations` is 0. */
async function startWorker(seed: number, operations: number, mailbox?: Int32Array) {
  const worker = new Worker(new URL('../../support/shared-worker.mjs', import.meta.url), {
    workerData: { module, memory, seed, operations, mailbox },
  });
  const end = once(worker, 'exit') as Promise<[number]>;
  const [id] = (await once(worker, 'message')) as [number];
  return { worker, id, end };
}

/** What `report` counts. */
function counters() {
  const record = new DataView(memory.buffer, own.heap.report() >>> 0);
  return {
    liveBlocks: record.getUint32(32, true),
    liveBytes: record.getUint32(36, true),
    cachedBytes: record.getUint32(72, true),
    threads: record.getUint32(76, true),
  };
}

const nothing = { liveBlocks: 0, liveBytes: 0, cachedBytes: 0 };

describe('the short paths of malloc and free', () => {
  const text = execFileSync(
    fileURLToPath(new URL('../../../tools/emscripten', import.meta.url)),
    ['wasm-dis', '-all', fileURLToPath(file)],
    { encoding: 'utf8', maxBuffer: 2 ** 28 },
  );
  const functions = text.split('\n (func ').slice(1);

  /** The text of the function that is exported with this name. */
  function exported(name: string): string {
    const [, label] = text.match(new RegExp(`\\(export "${name}" \\(func (\\S+)\\)\\)`)) ?? [];
    return functions.find((one) => one.startsWith(`${label} `)) ?? '';
  }

  test.each(['malloc', 'free'])('of %s has neither an atomic operation nor a loop', (name) => {
    // Some compilers put the whole function behind the export of its name.
    const [, inner] =
      exported(name).match(/^\S+ [^\n]*\n\s*\(call (\S+)[\s)]*\(local\.get \$0\)\s*\)\s*\)\s*$/) ??
      [];
    const body = functions.find((one) => one.startsWith(`${inner} `)) ?? exported(name);
    expect(body).toContain('global.get');
    expect(body).not.toMatch(/atomic|loop/);
    expect(exported('recover') + exported('claim')).toContain('atomic');
  });
});

describe('a heap that workers share', () => {
  test('gives no byte to two blocks, loses no block and keeps none', async () => {
    const mailbox = new Int32Array(new SharedArrayBuffer(4 * 64));
    const workers = await Promise.all(
      [1, 2, 3, 4].map((seed) => startWorker(seed + 10 * inject('seed'), 100_000, mailbox)),
    );
    const blocks = new CheckedBlocks(own.heap, memory);
    useHeap(blocks, randomNumbers(inject('seed')), 50_000, mailbox);
    // A worker that finds overwritten contents ends with another code.
    expect(await Promise.all(workers.map(({ end }) => end))).toEqual([[0], [0], [0], [0]]);
    for (const address of mailbox) if (address !== 0) blocks.free(address >>> 0);
    blocks.freeAll();
    own.heap.trim();
    expect(counters()).toEqual({ ...nothing, threads: 1 });
    expect(own.heap.check()).toBe(0);
    expect(memory.buffer.byteLength).toBeGreaterThan(16 * pageBytes);
  }, 60_000);

  test('goes on after workers were killed, and gets back what they had', async () => {
    const random = randomNumbers(inject('seed'));
    const blocks = new CheckedBlocks(own.heap, memory);
    const workers = await Promise.all([1, 2, 3].map((seed) => startWorker(seed, 0)));
    let heldLocks = 0;
    for (let kill = 0; kill < 30; kill++) {
      await new Promise((resolve) => setTimeout(resolve, random(8)));
      const { worker, id } = workers.shift() as (typeof workers)[number];
      await worker.terminate();
      if (own.heap.lockOwner() === id) heldLocks++;
      expect(own.heap.recover(id, 1)).toBe(1);
      useHeap(blocks, random, 500);
      workers.push(await startWorker(kill + 10, 0));
    }
    for (const { worker, id } of workers) {
      await worker.terminate();
      expect(own.heap.recover(id, 1)).toBe(1);
    }
    console.log(`${heldLocks} of 30 killed workers held the lock`);
    blocks.freeAll();
    own.heap.trim();
    expect(own.heap.check()).toBe(0);
    // Each worker that dies may lose a parcel and a chunk; 30 of them lose far less than they used.
    expect(counters().liveBytes).toBeLessThan(30 * 100_000);
    expect(memory.buffer.byteLength).toBeLessThan(64 << 20);
  }, 60_000);

  test('gives each thread a stack and an id of its own', () => {
    const others = Array.from({ length: 126 }, () => openInstance(module, memory));
    const ids = [own, ...others].map(({ id }) => id);
    expect(new Set(ids).size).toBe(127);
    const stacks = ids.map((id) => own.heap.stackOf(id));
    expect(
      Math.min(...stacks.slice(1).map((end, index) => end - (stacks[index] as number))),
    ).toBeGreaterThanOrEqual(4096);
    expect(() => openInstance(module, memory)).toThrow('too many threads');
    others[0]?.heap.leave();
    expect(openInstance(module, memory).id).toBe(others[0]?.id);
  });

  test('takes blocks of one thread back from another', () => {
    const other = openInstance(module, memory);
    for (const size of [16, 500, 4000, 30_000, 100_000]) {
      const address = own.heap.malloc(size);
      expect(own.heap.ownerOf(address)).toBe(own.id);
      expect(other.heap.usableSize(address)).toBeGreaterThanOrEqual(size);
      expect(other.heap.free(address)).toBe(0);
      expect(other.heap.free(address)).toBe(2);
      expect(own.heap.free(address)).toBe(2);
    }
    expect(counters()).toMatchObject({ liveBlocks: 0, liveBytes: 0 });
  });
});
