// SPDX-License-Identifier: MIT
//
// Replays traces. Loaded lazily: what it needs of the entry is handed in, since an import would split the
// entry in two.

import { AddressMap } from './address-map.js';
import type { OperationCodes, Operations } from './operations.js';
import type { HeapOptions, Strategy } from './options.js';
import { rank } from './ranking.js';
import type {
  Advice,
  EntryParts,
  ReplayedHeap,
  ReplayOptions,
  ReplayResult,
  RoundOptions,
} from './replay-types.js';

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

const defaultRounds = 5;
const defaultTimeLimit = 10_000;
/**
 * The most calls between two looks at the clock. There are fewer where calls are slow: as many as took a
 * millisecond at the rate before. After a call that sets or copies many bytes the clock is read at once.
 */
const mostSliceOperations = 64;
const sliceMilliseconds = 1;
const sliceBytes = 1 << 20;
/** Operations that are planned in one go. */
const windowWords = 3 << 14;
/** Between turns of the event loop. */
const turnMilliseconds = 50;

/** Operations with their blocks as places in a table that is no larger than it must be. */
interface Window {
  readonly codes: Uint8Array;
  readonly places: Uint32Array;
  readonly sizes: Uint32Array;
  readonly alignments: Uint32Array;
}

interface Plan {
  readonly windows: readonly Window[];
  /** Frees of blocks from before left out. */
  readonly operations: number;
  readonly places: number;
  /** Whether it has all of the trace: planning ends at half of the time limit. */
  readonly isWhole: boolean;
}

/** How many bytes live at most in the first operations of a plan, and the operation after which. */
interface Peak {
  readonly bytes: number;
  readonly operation: number;
}

interface Round {
  readonly operations: number;
  readonly milliseconds: number;
  readonly memoryBytes: number;
  readonly fragmentation: { readonly atPeak: number; readonly atEnd: number };
  readonly growths: number;
  readonly failures: number;
  readonly timedOut: boolean;
}

const roundOptions = [
  'rounds',
  'timeLimit',
  'wasm',
  'initialBytes',
  'maximumBytes',
  'signal',
  'onProgress',
];

/** `replay` of the entry that gives its parts. */
export async function replay(
  trace: Operations,
  options: ReplayOptions = {},
  entry: EntryParts,
): Promise<ReplayResult> {
  entry.assertOptions(options, ['strategy', ...roundOptions]);
  const strategies = [options.strategy ?? 'segregated-fit'];
  return (await replayRounds(trace, strategies, options, entry))[0] as ReplayResult;
}

/** `advise` of the entry that gives its parts. */
export async function advise(
  trace: Operations,
  options: RoundOptions = {},
  entry: EntryParts,
): Promise<Advice[]> {
  entry.assertOptions(options, roundOptions);
  return rank(await replayRounds(trace, entry.strategies, options, entry));
}

/** Replays on each strategy, the rounds of all in turn, so that none has the quieter machine. */
async function replayRounds(
  trace: Operations,
  strategies: readonly Strategy[],
  options: RoundOptions,
  { createHeap, loadModule, show }: EntryParts,
): Promise<ReplayResult[]> {
  if (!Array.isArray(trace?.chunks)) {
    throw new TypeError(`trace must be an AllocationTrace, got ${show(trace)}`);
  }
  const { rounds, timeLimit, signal, onProgress, memory } = checkOptions(options, show);
  throwIfAborted(signal);
  // Compiled once: a response can be read once.
  const wasm = options.wasm === undefined ? {} : { wasm: await loadModule(await options.wasm) };
  const turns = new Turns(signal, onProgress);
  const plan = await makePlan(trace, timeLimit / 2, turns);
  const peak = await findPeak(plan, plan.operations, turns);
  turns.begin(plan.operations * rounds * strategies.length);
  const done = new Map<Strategy, Round[]>(strategies.map((strategy) => [strategy, []]));

  for (let round = 0; round < rounds; round++) {
    for (const [strategy, earlier] of done) {
      if (earlier.at(-1)?.timedOut !== true) {
        const heap = await createHeap({ strategy, ...wasm, ...memory });
        earlier.push(await replayOnce(plan, peak, heap, timeLimit, turns));
      }
      turns.finish(plan.operations);
    }
  }
  onProgress?.(1);
  const results: ReplayResult[] = [];
  for (const [strategy, of] of done) {
    const counted = countedOf(of);
    const reached = counted[0]?.operations ?? 0;
    const live = reached < plan.operations ? await findPeak(plan, reached, turns) : peak;
    results.push(summarize(strategy, counted, live));
  }
  return results;
}

function checkOptions(options: RoundOptions, show: EntryParts['show']) {
  const { rounds = defaultRounds, timeLimit = defaultTimeLimit, signal, onProgress } = options;
  if (!Number.isSafeInteger(rounds) || rounds < 1) {
    throw new RangeError(`rounds must be a positive integer, got ${show(rounds)}`);
  }
  if (typeof timeLimit !== 'number' || !(timeLimit > 0)) {
    throw new RangeError(`timeLimit must be a positive number, got ${show(timeLimit)}`);
  }
  // Known by what it has: one of another realm has another class.
  if (signal !== undefined && typeof Object(signal).aborted !== 'boolean') {
    throw new TypeError(`signal must be an AbortSignal, got ${show(signal)}`);
  }
  if (onProgress !== undefined && typeof onProgress !== 'function') {
    throw new TypeError(`onProgress must be a function, got ${show(onProgress)}`);
  }
  const { initialBytes, maximumBytes } = options;
  const memory: HeapOptions = {
    ...(initialBytes === undefined ? {} : { initialBytes }),
    ...(maximumBytes === undefined ? {} : { maximumBytes }),
  };
  return { rounds, timeLimit, signal, onProgress, memory };
}

function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw signal.reason;
}

/** Gives blocks places in a table, used again as soon as they are free. */
async function makePlan({ chunks }: Operations, timeLimit: number, turns: Turns): Promise<Plan> {
  const planner = new Planner();
  const windows: Window[] = [];
  let operations = 0;
  let milliseconds = 0;
  for (const chunk of chunks) {
    for (let begin = 0; begin < chunk.length; begin += windowWords) {
      if (milliseconds > timeLimit) {
        return { windows, operations, places: planner.places, isWhole: false };
      }
      const start = performance.now();
      const window = planner.plan(chunk.subarray(begin, begin + windowWords));
      const stop = performance.now();
      windows.push(window);
      operations += window.codes.length;
      milliseconds += stop - start;
      if (turns.isDue(stop)) await turns.take(0);
    }
  }
  return { windows, operations, places: planner.places, isWhole: true };
}

class Planner {
  places = 0;
  readonly #placeOf = new AddressMap<number>();
  readonly #freePlaces: number[] = [];

  plan(words: Uint32Array): Window {
    const placeOf = this.#placeOf;
    const window = newWindow(words.length / 3);
    let count = 0;
    for (let index = 0; index < words.length && words[index] !== 0; index += 3) {
      const key = words[index] as number;
      const size = words[index + 1] as number;
      const detail = words[index + 2] as number;
      const exponent = detail & 15;
      const address = key - (key & 15);
      let code = key & 15;
      let place = placeOf.get(address);
      if (place !== undefined) placeOf.delete(address);
      if (code === codes.reset) {
        for (const live of placeOf.values()) this.#freePlaces.push(live);
        placeOf.clear();
      } else if (code === codes.free || code === codes.deallocate) {
        if (place === undefined) continue;
        this.#freePlaces.push(place);
      } else {
        const isResize = code === codes.realloc || code === codes.reallocate;
        // A block from before is born here, as far as the trace tells.
        if (isResize && place === undefined) {
          code = code === codes.realloc ? codes.malloc : codes.allocate;
        }
        if (code === codes.memalign && exponent === 0) code = codes.malloc;
        place ??= this.#freePlaces.pop() ?? this.places++;
        placeOf.set(isResize ? detail - exponent : address, place);
      }
      window.codes[count] = code;
      window.places[count] = place ?? 0;
      window.sizes[count] = size;
      window.alignments[count] = 16 << exponent;
      count++;
    }
    return firstOf(window, count);
  }
}

function newWindow(length: number): Window {
  return {
    codes: new Uint8Array(length),
    places: new Uint32Array(length),
    sizes: new Uint32Array(length),
    alignments: new Uint32Array(length),
  };
}

function firstOf({ codes, places, sizes, alignments }: Window, count: number): Window {
  return {
    codes: codes.subarray(0, count),
    places: places.subarray(0, count),
    sizes: sizes.subarray(0, count),
    alignments: alignments.subarray(0, count),
  };
}

async function findPeak(
  { windows, places }: Plan,
  operations: number,
  turns: Turns,
): Promise<Peak> {
  const sizes = new Uint32Array(places);
  /** Places that were used since the last reset. */
  let used: number[] = [];
  let live = 0;
  let peak: Peak = { bytes: 0, operation: 0 };
  let operation = 0;
  for (const window of windows) {
    for (let index = 0; index < window.codes.length && operation < operations; index++) {
      const place = window.places[index] ?? 0;
      const size = window.sizes[index] ?? 0;
      operation++;
      if (window.codes[index] === codes.reset) {
        live = 0;
        for (const reset of used) sizes[reset] = 0;
        used = [];
      } else {
        const before = sizes[place] ?? 0;
        if (before === 0 && size !== 0) used.push(place);
        live += size - before;
        sizes[place] = size;
      }
      if (live > peak.bytes) peak = { bytes: live, operation };
    }
    if (turns.isDue(performance.now())) await turns.take(0);
  }
  return peak;
}

/** The clock stands still while others have their turn, and while the heap is looked at. */
async function replayOnce(
  plan: Plan,
  peak: Peak,
  heap: ReplayedHeap,
  timeLimit: number,
  turns: Turns,
): Promise<Round> {
  const blocks: Blocks = {
    addresses: new Float64Array(plan.places),
    sizes: new Uint32Array(plan.places),
  };
  let milliseconds = 0;
  let operations = 0;
  let fragmentationAtPeak: number | undefined;
  let slice = 1;

  for (const window of plan.windows) {
    for (let begin = 0; begin < window.codes.length && milliseconds < timeLimit; ) {
      const beforePeak = operations < peak.operation ? peak.operation - operations : Infinity;
      const most = Math.min(begin + slice, begin + beforePeak, window.codes.length);
      const start = performance.now();
      const end = callHeap(heap, window, begin, most, blocks);
      const stop = performance.now();
      milliseconds += stop - start;
      const affordable = ((end - begin) * sliceMilliseconds) / Math.max(stop - start, 1e-3);
      slice = Math.max(1, Math.min(mostSliceOperations, 2 * slice, Math.floor(affordable)));
      operations += end - begin;
      begin = end;
      if (operations === peak.operation) fragmentationAtPeak = heap.stats().fragmentation;
      if (turns.isDue(stop)) await turns.take(operations);
    }
  }

  const { memoryBytes, fragmentation: atEnd, growths, failures } = heap.stats();
  return {
    operations,
    milliseconds,
    memoryBytes,
    fragmentation: { atPeak: fragmentationAtPeak ?? atEnd, atEnd },
    growths,
    failures,
    timedOut: operations < plan.operations || !plan.isWhole,
  };
}

/** Blocks by place: 0 where there was no memory for one. Only blocks of `allocate` need their size. */
interface Blocks {
  readonly addresses: Float64Array;
  readonly sizes: Uint32Array;
}

/** @returns the operation behind the last that was done: `end`, or the one after many bytes were touched */
function callHeap(
  heap: ReplayedHeap,
  window: Window,
  begin: number,
  end: number,
  blocks: Blocks,
): number {
  const { addresses } = blocks;
  let bytes = 0;
  for (let index = begin; index < end; index++) {
    const place = window.places[index] as number;
    const size = window.sizes[index] as number;
    switch (window.codes[index]) {
      case codes.malloc:
        addresses[place] = heap.tryMalloc(size);
        break;
      case codes.free:
        heap.free(addresses[place] as number);
        break;
      case codes.realloc:
        try {
          addresses[place] = heap.realloc(addresses[place] as number, size);
        } catch (error) {
          ignoreFullMemory(error);
        }
        bytes += size;
        break;
      case codes.reset:
        heap.reset();
        break;
      default:
        callRarely(heap, window, index, place, size, blocks);
        bytes += size;
    }
    if (bytes > sliceBytes) return index + 1;
  }
  return end;
}

function callRarely(
  heap: ReplayedHeap,
  window: Window,
  index: number,
  place: number,
  size: number,
  { addresses, sizes }: Blocks,
): void {
  const alignment = window.alignments[index] as number;
  const address = addresses[place] as number;
  const oldSize = sizes[place] as number;
  const code = window.codes[index];
  if (code === codes.deallocate) {
    if (address !== 0) heap.deallocate(address, oldSize, alignment);
    return;
  }
  if (code !== codes.reallocate) addresses[place] = 0;
  try {
    if (code === codes.zeroed) {
      addresses[place] = heap.calloc(1, size);
    } else if (code === codes.memalign) {
      addresses[place] = heap.memalign(alignment, size);
    } else if (code === codes.allocate || address === 0) {
      addresses[place] = heap.allocate(size, alignment);
    } else {
      addresses[place] = heap.reallocate(address, oldSize, size, alignment);
    }
    sizes[place] = size;
  } catch (error) {
    ignoreFullMemory(error);
  }
}

/** The heap counts such failures itself. */
function ignoreFullMemory(error: unknown): void {
  if ((error as { code?: unknown }).code !== 'OUT_OF_MEMORY') throw error;
}

/** Turns of the event loop, and what is done of the whole work. */
class Turns {
  /** Not known while the trace is planned. */
  #operations = Number.POSITIVE_INFINITY;
  readonly #signal: AbortSignal | undefined;
  readonly #onProgress: ((share: number) => void) | undefined;
  #finished = 0;
  #last = performance.now();

  constructor(signal: AbortSignal | undefined, onProgress: ((share: number) => void) | undefined) {
    this.#signal = signal;
    this.#onProgress = onProgress;
  }

  /** @param operations of all rounds */
  begin(operations: number): void {
    this.#operations = operations;
  }

  isDue(now: number): boolean {
    return now - this.#last > turnMilliseconds;
  }

  /** @param operations done since the last `finish` */
  async take(operations: number): Promise<void> {
    this.#onProgress?.(Math.min((this.#finished + operations) / this.#operations, 1));
    await new Promise((resolve) => setTimeout(resolve));
    throwIfAborted(this.#signal);
    this.#last = performance.now();
  }

  finish(operations: number): void {
    throwIfAborted(this.#signal);
    this.#finished += operations;
  }
}

/** Rounds that were cut count only where none got through. */
function countedOf(rounds: readonly Round[]): readonly Round[] {
  const whole = rounds.filter(({ timedOut }) => !timedOut);
  return whole.length > 0 ? whole : rounds;
}

/** @param peak of the operations that the counted rounds made */
function summarize(strategy: Strategy, counted: readonly Round[], peak: Peak): ReplayResult {
  const { operations, memoryBytes, fragmentation, growths, failures, timedOut } =
    counted[0] as Round;
  const times = counted
    .map((round) => (round.milliseconds * 1e6) / Math.max(round.operations, 1))
    .sort((one, other) => one - other);
  const middle = times.length / 2;
  const peakLiveBytes = peak.bytes;
  return {
    strategy,
    operations,
    rounds: counted.length,
    nanosecondsPerOperation: {
      minimum: times[0] as number,
      median:
        ((times[Math.floor(middle)] as number) + (times[Math.ceil(middle) - 1] as number)) / 2,
    },
    peakLiveBytes,
    peakMemoryBytes: memoryBytes,
    memoryOverPeakLive: peakLiveBytes === 0 ? 0 : memoryBytes / peakLiveBytes,
    fragmentation,
    growths,
    failures,
    timedOut,
  };
}
