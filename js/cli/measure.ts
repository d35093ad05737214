// SPDX-License-Identifier: MIT

import { type AllocationTrace, createHeap, replay, strategies } from 'lite-alloc';
import { makeWorkloads, type Steps, type Workload } from './workloads.js';

/** What an allocator made of a workload. */
export interface Measured {
  allocator: string;
  nanosecondsPerOperation: { minimum: number; median: number };
  /** The size of the linear memory; the engine does not tell. */
  peakMemoryBytes?: number;
  /** Whether it did not get through in time. */
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

/** Rounds of all allocators in turn, on one workload after the other, for so many seconds in all. */
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

/** The calls of a workload as any heap gets them. */
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

/** Milliseconds: typed arrays, collected by the engine; one that grows is copied into another. */
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
