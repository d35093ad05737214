// SPDX-License-Identifier: MIT

import { type AllocationTrace, createHeap, replay, strategies } from 'lite-alloc';
import { makeWorkloads, type Steps, type Workload } from './workloads.js';

/** The result of an allocator on a workload. */
export interface Measured {
  allocator: string;
  nanosecondsPerOperation: { minimum: number; median: number };
  /** The size of the linear memory, in bytes. The engine does not report the memory of its typed arrays. */
  peakMemoryBytes?: number;
  /** Whether the allocator did not finish within the time limit. */
  timedOut: boolean;
}

export interface Bench {
  node: string;
  workloads: {
    name: string;
    description: string;
    operations: number;
    rounds: number;
    results: Measured[];
  }[];
}

/** Measures all allocators on one workload after the other, in alternating rounds, for `seconds` in total. */
export async function measure(
  seconds: number,
  onProgress: (share: number) => void,
): Promise<Bench> {
  const workloads = makeWorkloads();
  const milliseconds = (seconds * 1000) / workloads.length;
  const bench: Bench = { node: process.version, workloads: [] };
  for (const [index, workload] of workloads.entries()) {
    const measured = await measureWorkload(workload, milliseconds, (share) =>
      onProgress((index + Math.min(share, 1)) / workloads.length),
    );
    bench.workloads.push(measured);
  }
  return bench;
}

async function measureWorkload(
  { name, description, steps }: Workload,
  milliseconds: number,
  onProgress: (share: number) => void,
): Promise<Bench['workloads'][number]> {
  const trace = await recordSteps(steps);
  const measured = new Map<string, Measured>();
  const times = new Map<string, number[]>();
  const add = (result: Measured): void => {
    const of = [...(times.get(result.allocator) ?? []), result.nanosecondsPerOperation.minimum];
    times.set(result.allocator, of);
    measured.set(result.allocator, { ...result, nanosecondsPerOperation: summarize(of) });
  };

  const begin = performance.now();
  let rounds = 0;
  for (let elapsed = 0; rounds === 0 || elapsed < milliseconds; rounds++) {
    for (const strategy of strategies) {
      if (measured.get(strategy)?.timedOut === true) continue;
      const timeLimit = milliseconds / (strategies.length + 1);
      const { nanosecondsPerOperation, peakMemoryBytes, timedOut } = await replay(trace, {
        strategy,
        rounds: 1,
        timeLimit,
      });
      add({ allocator: strategy, nanosecondsPerOperation, peakMemoryBytes, timedOut });
    }
    const time = (timeEngine(steps) * 1e6) / trace.operations;
    add({
      allocator: 'new Uint8Array',
      nanosecondsPerOperation: { minimum: time, median: time },
      timedOut: false,
    });
    elapsed = performance.now() - begin;
    onProgress(elapsed / milliseconds);
  }
  return {
    name,
    description,
    operations: trace.operations,
    rounds,
    results: [...measured.values()],
  };
}

function summarize(times: readonly number[]): Measured['nanosecondsPerOperation'] {
  const sorted = [...times].sort((one, other) => one - other);
  const middle = (sorted.length - 1) / 2;
  const [below, above] = [sorted[Math.floor(middle)], sorted[Math.ceil(middle)]] as number[];
  return { minimum: sorted[0] as number, median: ((below as number) + (above as number)) / 2 };
}

/** Records the calls of a workload on a heap. */
async function recordSteps(steps: Steps): Promise<AllocationTrace> {
  const heap = await createHeap();
  const recorder = heap.record();
  const addresses: number[] = [];
  for (let index = 0; index < steps.length; index += 2) {
    const place = steps[index] as number;
    const size = steps[index + 1] as number;
    const address = addresses[place] ?? 0;
    if (size === 0) heap.free(address);
    addresses[place] = size === 0 ? 0 : heap.realloc(address, size);
  }
  return recorder.stop();
}

/**
 * Returns the milliseconds that the engine takes for a workload with typed arrays, which it collects as garbage. An
 * array that grows is copied into a new one.
 */
function timeEngine(steps: Steps): number {
  const arrays: (Uint8Array | undefined)[] = [];
  const begin = performance.now();
  for (let index = 0; index < steps.length; index += 2) {
    const place = steps[index] as number;
    const size = steps[index + 1] as number;
    const old = arrays[place];
    const array = size === 0 ? undefined : new Uint8Array(size);
    if (old !== undefined) array?.set(old);
    arrays[place] = array;
  }
  return performance.now() - begin;
}
