// SPDX-License-Identifier: MIT
//
// node case.mjs MODULE.mjs full|memory|fresh|smoke CASE...: replays cases of `wasm.mjs` inside a module
// made from bench/cpp/workloads.cpp, each in a fresh instance, and prints the results as a JSON array, one
// object per case. `memory` runs one pass and measures no times; `fresh` measures the first pass of an instance.

import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { readHistory } from './histories.mjs';

const [modulePath, mode, ...names] = process.argv.slice(2);
const smoke = mode === 'smoke';
/**
 * The INITIAL_MEMORY of the modules, as CMakePresets.json sets it. A constructor may have grown the memory of a module
 * already.
 */
const initialBytes = 256 * 1024;
const { default: instantiate } = await import(pathToFileURL(resolve(modulePath)));

/** Cases by the name before the first colon; the numbers after it are arguments. Other names are histories. */
const cases = {
  cycle: (module) => measureLoop(module, smoke ? 1_000 : 100_000, 2, module._cycle),
  seq: (module) => measureLoop(module, smoke ? 2 : 100, 2_000, module._sequence),
  frag: (module) => measureLoop(module, smoke ? 2 : 100, 1_400, module._fragments),
  rand: (module, seed = 1) => measurePasses(module, random(module, seed)),
  first: (module) => measureFirst(module),
  live: (module, blocks, hot) => measureLive(module, blocks, hot),
  free: (module, blocks) => measureFree(module, blocks),
  worst: () => measureWorst(),
  pair: (module, size) => measureLoop(module, smoke ? 1_000 : 50_000, 2, module._pair, size),
  double: (module, largest) => measureDoubling(module, largest),
  queue: (module, least) => measureLoop(module, smoke ? 1_000 : 50_000, 2, module._queue, least),
  batches: (module) => measureLoop(module, smoke ? 20 : 1_000, 64, module._batch_queue),
  phases: (module, rounds) => measurePhases(module, rounds),
};

/** Whether the engine has compiled the code of this process's cases in full. */
let isWarm = false;
const results = [];
for (const name of names) results.push(await run(name));
console.log(JSON.stringify(results));

async function run(name) {
  const module = await instantiate();
  const [kind, ...numbers] = name.split(':');
  const measureIn = (instance) =>
    kind in cases
      ? cases[kind](instance, ...numbers.map(Number))
      : measurePasses(instance, history(instance, kind));
  try {
    return mode === 'fresh' ? await measureFresh(module, measureIn) : await measureIn(module);
  } catch (error) {
    if (!(error instanceof WebAssembly.RuntimeError)) throw error;
    return {
      failure: module._out_of_memory() ? 'out of memory' : `crashed: ${error.message}`,
    };
  }
}

/**
 * The times of first passes, each in a fresh instance. The given instance runs before, so that the engine has compiled
 * the code, which all instances share.
 */
async function measureFresh(module, measureIn) {
  measureIn(module);
  const times = [];
  for (let instance = 0; instance < 5; instance++) {
    times.push(measureIn(await instantiate()).first);
  }
  times.sort((a, b) => a - b);
  return { minimum: times[0], median: times[times.length >> 1] };
}

/** `work.pass` does one pass and returns its milliseconds; the count of operations is known after the first. */
function measurePasses(module, work) {
  const { operations, peakBytes, leastTime } = work;
  const pass = () => {
    module._begin_pass?.(); // the floor records addresses in its first pass, and returns to their beginning in others
    return work.pass();
  };
  const first = pass();
  const used = { grownKb: grownKb(module) };
  if (peakBytes !== undefined) {
    used.overPeak = (module.wasmMemory.buffer.byteLength - module._heap_base()) / peakBytes;
  }
  if (mode === 'memory') return used;
  const perOperation = (milliseconds) => (milliseconds / operations()) * 1e6;
  if (mode === 'fresh' && isWarm) return { first: perOperation(first) };
  const { minimum: leastPass, median } = repeat({ ...work, pass }, first);
  isWarm = true;
  const minimum = leastTime?.() ?? leastPass;
  return { minimum: perOperation(minimum), median: perOperation(median), ...used };
}

/**
 * Runs passes for at least 200 ms, and at least five of them, but stops after 4 s. Passes of the first 50 ms, in which
 * the engine still compiles, count only if no later pass follows.
 */
function repeat({ pass, forget }, first) {
  const limits = smoke
    ? { least: 0, passes: 1, most: 0, warmUp: 0 }
    : { least: 200, passes: 5, most: 4000, warmUp: 50 };
  let times = [first];
  let spent = first;
  let warm = false;
  while ((spent < limits.least || times.length < limits.passes) && spent <= limits.most) {
    if (!warm && spent >= limits.warmUp) {
      warm = true;
      times = [];
      forget?.();
    }
    const time = pass();
    spent += time;
    times.push(time);
  }
  times.sort((a, b) => a - b);
  return { minimum: times[0], median: times[times.length >> 1] };
}

function grownKb(module) {
  return (module.wasmMemory.buffer.byteLength - initialBytes) / 1024;
}

/** `least` holds the minimum of each window so far. */
function windowTimes(least) {
  return {
    leastTime: () => least.reduce((sum, time) => sum + time, 0),
    forget: () => least.fill(Number.POSITIVE_INFINITY),
  };
}

function timed(work) {
  const begin = performance.now();
  work();
  return performance.now() - begin;
}

/** `work(times, argument)` repeats a workload of `operationsEach` operations. */
function measureLoop(module, times, operationsEach, work, argument) {
  return measurePasses(module, {
    pass: () => timed(() => work(times, argument)),
    operations: () => times * operationsEach,
  });
}

/** Measures random replacement in windows, as a history is measured. */
function random(module, seed) {
  const [windows, steps] = smoke ? [5, 2_000] : [100, 2_000];
  const peakBytes = module._random_peak(windows * steps, seed);
  const least = new Float64Array(windows + 1).fill(Number.POSITIVE_INFINITY);
  let left = 0;

  function pass() {
    let passTime = 0;
    module._random_begin(seed);
    for (let window = 0; window <= windows; window++) {
      const begin = performance.now();
      if (window < windows) module._random_run(steps);
      else left = module._random_end();
      const time = performance.now() - begin;
      passTime += time;
      least[window] = Math.min(least[window], time);
    }
    return passTime;
  }
  return { pass, operations: () => windows * steps + left, peakBytes, ...windowTimes(least) };
}

/**
 * Replays a history, and measures only the time inside wasm. A pass takes many milliseconds, during which other
 * programs are almost sure to interrupt it. So a pass is measured in windows, and the minimum is the sum over the
 * windows of each one's minimum.
 */
function history(module, name) {
  const memory = module.wasmMemory;
  const windowOperations = module._replay_window_operations();
  const { operations, peakBytes, slots, pieces } = readHistory(
    name,
    windowOperations,
    smoke ? 3_000 : undefined,
  );
  const codeAt = module._replay_window() / 4;
  const blocksAt = codeAt + (windowOperations + 1) * 2;
  const carried = new Uint32Array(slots);
  const least = new Float64Array(pieces.length).fill(Number.POSITIVE_INFINITY);
  let words = new Uint32Array(memory.buffer);

  function pass() {
    let passTime = 0;
    for (const [piece, { code, carriedIn, carriedOut }] of pieces.entries()) {
      if (words.length === 0) words = new Uint32Array(memory.buffer); // memory grew
      words.set(code, codeAt);
      for (let index = 0; index < carriedIn.length; index += 2) {
        words[blocksAt + carriedIn[index]] = carried[carriedIn[index + 1]];
      }
      const count = code.length / 2;
      const begin = performance.now();
      module._replay(count);
      const time = performance.now() - begin;
      passTime += time;
      least[piece] = Math.min(least[piece], time);
      if (words.length === 0) words = new Uint32Array(memory.buffer); // memory grew
      for (let index = 0; index < carriedOut.length; index += 2) {
        carried[carriedOut[index + 1]] = words[blocksAt + carriedOut[index]];
      }
    }
    return passTime;
  }
  return { pass, operations: () => operations, peakBytes, ...windowTimes(least) };
}

/** Memory that a heap takes for its first block. */
function measureFirst(module) {
  module._allocate(1);
  return { grownKb: grownKb(module) };
}

/** Replaces blocks among `count` live ones, each of which was replaced twice before. */
function measureLive(module, count, hot) {
  const blocks = smoke ? 1_000 : count;
  module._crowd(blocks);
  module._crowd_replace(smoke ? blocks : 2 * blocks + 10_000, blocks);
  const times = smoke ? 1_000 : 100_000;
  return measureLoop(module, times, 2, () => module._crowd_replace(times, Math.min(hot, blocks)));
}

/** Allocates and frees blocks while `blocks` free ones lie between live ones. */
function measureFree(module, blocks) {
  module._crowd(smoke ? 200 : 2 * blocks);
  module._crowd_free_half();
  return measureLoop(module, smoke ? 1_000 : 50_000, 2, module._crowd_pass_through);
}

/**
 * Runs the same operations in several fresh instances, and times each operation. The time of an operation is its
 * minimum over the instances; the result is the largest of these times. A first pass in each instance grows the memory
 * and touches it.
 */
async function measureWorst() {
  const [passes, slots] = smoke ? [2, 500] : [15, 20_000];
  let least;
  let empty = Number.POSITIVE_INFINITY;
  for (let pass = 0; pass < passes; pass++) {
    const module = await instantiate();
    const steps = module._single_steps(slots);
    const step = module._single_step;
    for (let index = 0; index < steps; index++) step();
    module._single_steps_end();
    module._single_steps(slots);
    least ??= new Float64Array(steps).fill(Number.POSITIVE_INFINITY);
    for (let index = 0; index < steps; index++) {
      const before = module.wasmMemory.buffer;
      const begin = performance.now();
      step();
      const time = performance.now() - begin;
      least[index] = Math.min(least[index], module.wasmMemory.buffer === before ? time : 0);
    }
    for (let index = 0; index < 100; index++) empty = Math.min(empty, timed(step)); // no step is left
  }
  const worst = least.reduce((a, b) => Math.max(a, b), 0);
  return { nanoseconds: worst * 1e6, emptyNanoseconds: empty * 1e6 };
}

/** A block that is doubled from 16 bytes. */
function measureDoubling(module, largest) {
  const times = smoke ? 2 : 500;
  let calls = 0;
  return measurePasses(module, {
    pass: () => timed(() => (calls = module._doubling(times, largest))),
    operations: () => calls,
  });
}

function measurePhases(module, rounds) {
  module._phases(smoke ? 1 << 20 : 1 << 23, rounds);
  return { grownKb: grownKb(module) };
}
