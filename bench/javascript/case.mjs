// SPDX-License-Identifier: MIT
//
// node case.mjs PEER smoke|medium|heavy WORKLOAD...: measures workloads with one peer in this
// process, each on a fresh allocator. Prints a line for each: `result`, and an object as JSON.

import { peers } from '../peers/index.mjs';
import { Operation, readTrace } from '../trace.mjs';
import { measureTime, significant } from './timing.mjs';
import { randomNumbers, workloads } from './workloads.mjs';

const [peerName, mode, ...names] = process.argv.slice(2);
const smoke = mode === 'smoke';
const times = {
  smoke: { time: 1, warmupTime: 1, sample: 0 },
  medium: { time: 130, warmupTime: 60, sample: 0.3 },
  heavy: { time: 600, warmupTime: 200, sample: 0.3 },
}[mode];
/** The number of times that a history is interrupted to read the size of memory. */
const points = 60;

const peer = peers.find(({ name }) => name === peerName);
const before = performance.now();
const { open, cannot = {} } = await import(`../peers/${peer.module}.mjs`);
const importMilliseconds = performance.now() - before;

const alone = {
  growth: measureGrowth,
  memory: measureMemory,
  handleBytes: measureHandleBytes,
  steadyAddresses: ({ malloc, free, memoryBytes }) =>
    measureSteady(memoryBytes, (size) => malloc(size), free),
  steadyHandles: ({ array, release, memoryBytes }) =>
    measureSteady(memoryBytes, (size) => array(Uint8Array, size), release),
};

for (const name of names) console.log(`result ${JSON.stringify(await measure(name))}`);

async function measure(name) {
  const workload = workloads.find((one) => one.name === name);
  const lacking = workload.needs.find((need) => need in cannot);
  if (lacking !== undefined) return { failure: cannot[lacking] };
  try {
    if (workload.alone === 'start') return await measureStart();
    const opened = await open(peer.options);
    return workload.alone === undefined
      ? measureTime(workload.prepare(opened, smoke), times)
      : await alone[workload.alone](opened, workload);
  } catch (error) {
    return { failure: firstLine(error) };
  }
}

function firstLine(error) {
  return (/^.*$/m.exec(error.message)?.[0] || error.name).slice(0, 100);
}

/** Milliseconds from the import of the package to the first array. */
async function measureStart() {
  const begin = performance.now();
  const { array, release } = await open(peer.options);
  release(array(Float32Array, 64));
  return { milliseconds: significant(importMilliseconds + performance.now() - begin) };
}

/** Allocates blocks of 64 KiB up to 256 MiB, on fresh heaps. Nanoseconds per block. */
async function measureGrowth(first) {
  const most = smoke ? 8 << 20 : 256 << 20;
  const block = 64 << 10;
  const found = [];
  for (let run = 0; run < (smoke ? 1 : 3); run++) {
    const { malloc } = run === 0 ? first : await open(peer.options);
    const begin = performance.now();
    for (let bytes = 0; bytes < most; bytes += block) malloc(block);
    found.push(((performance.now() - begin) * 1e6) / (most / block));
  }
  found.sort((a, b) => a - b);
  const [minimum, median] = [found[0], found[found.length >> 1]].map(significant);
  return {
    minimum,
    lower: minimum,
    median,
    upper: significant(found.at(-1)),
    samples: found.length,
  };
}

/**
 * Replays the histories three times. Gives the size of memory divided by the peak of live bytes, after the
 * first pass and after the third, and samples of memory and live bytes along the first pass.
 */
function measureMemory({ malloc, free, realloc, memoryBytes }, workload) {
  let live = 0;
  let peak = 0;
  let most = 0;
  const way = [];
  const pass = (isFirst) => {
    for (const history of workload.histories) {
      const { pairs, blocks } = readTrace(history);
      const end = smoke ? Math.min(pairs.length, 600) : pairs.length;
      const addresses = new Float64Array(blocks);
      const sizes = new Uint32Array(blocks);
      const stride = Math.ceil(end / 2 / points) * 2;
      const peakIndex = findPeak(pairs, end);
      for (let index = 0; index < end; index += 2) {
        const id = pairs[index] >>> 2;
        const size = pairs[index + 1];
        const kind = pairs[index] & 3;
        if (kind === Operation.free) free(addresses[id]);
        else if (kind === Operation.allocate) addresses[id] = malloc(size);
        else addresses[id] = realloc(addresses[id], size);
        if (kind === Operation.free) addresses[id] = 0;
        live += size - sizes[id];
        sizes[id] = size;
        if (live > peak) peak = live;
        if (index % stride !== 0 && index !== peakIndex) continue;
        const memory = memoryBytes();
        most = Math.max(most, memory);
        if (isFirst && workload.histories.length === 1) way.push([index / 2, memory, live]);
      }
      most = Math.max(most, memoryBytes());
      for (const [id, address] of addresses.entries()) {
        if (address === 0) continue;
        free(address);
        live -= sizes[id];
      }
    }
    return significant(most / peak);
  };
  const overPeak = pass(true);
  pass(false);
  return { overPeak, overPeakRepeated: pass(false), peakBytes: peak, way };
}

/** The index of the operation after which the most bytes are live. */
function findPeak(pairs, end) {
  const sizes = new Map();
  let [live, peak, peakIndex] = [0, 0, 0];
  for (let index = 0; index < end; index += 2) {
    const id = pairs[index] >>> 2;
    live += pairs[index + 1] - (sizes.get(id) ?? 0);
    sizes.set(id, pairs[index + 1]);
    if (live > peak) [peak, peakIndex] = [live, index];
  }
  return peakIndex;
}

/** Bytes of the engine's own heap per live handle whose view was used. Needs --expose-gc. */
function measureHandleBytes({ array, view }) {
  const count = smoke ? 200 : 50_000;
  const handles = new Array(count).fill(undefined);
  const make = (index) => {
    handles[index] = array(Float32Array, 64);
    view(handles[index])[0] = index;
  };
  make(0);
  gc();
  const empty = process.memoryUsage().heapUsed;
  for (let index = 1; index < count; index++) make(index);
  gc();
  const bytes = (process.memoryUsage().heapUsed - empty) / (count - 1);
  if (view(handles[count - 1])[0] !== count - 1) throw new Error('an array lost its element');
  return { bytes: Math.round(bytes) };
}

/**
 * Runs frames that each allocate and free 200 buffers. Gives by how much memory grows after the first hundred.
 * --trace-gc prints the collections of these frames between the two `steady` lines.
 */
function measureSteady(memoryBytes, allocate, release) {
  const frames = smoke ? 110 : 10_000;
  const next = randomNumbers(5);
  const sizes = Uint32Array.from({ length: 200 }, () => 64 + next(4033));
  const held = new Array(sizes.length).fill(0);
  const frame = () => {
    for (let index = 0; index < sizes.length; index++) held[index] = allocate(sizes[index]);
    for (let index = 0; index < sizes.length; index++) release(held[index]);
  };
  for (let count = 0; count < 100; count++) frame();
  const early = memoryBytes?.();
  console.log('steady begin');
  for (let count = 100; count < frames; count++) frame();
  console.log('steady end');
  return memoryBytes === undefined ? {} : { grownKb: (memoryBytes() - early) / 1024 };
}
