// SPDX-License-Identifier: MIT
//
// The measuring of `lite-alloc bench`: workloads of the project's own benches, from ../../bench.

import { createHeap, strategies } from 'lite-alloc';
import { measureTime, middle } from '../../bench/javascript/timing.mjs';
import { workloads } from '../../bench/javascript/workloads.mjs';
import { open as openEngine } from '../../bench/peers/engine.mjs';
import { callsOf } from '../../bench/peers/heap-calls.mjs';

/** The figures of one allocator on one workload. */
export interface Measured {
  allocator: string;
  nanosecondsPerOperation: { minimum: number; median: number };
  /** The size of the linear memory at the end; missing for the engine, which does not report it. */
  memoryBytes?: number;
}

export interface Bench {
  node: string;
  rounds: number;
  workloads: { name: string; results: Measured[] }[];
}

/** The calls of an allocator, as bench/peers/index.mjs describes them. */
interface Calls {
  array: unknown;
  memoryBytes?(): number;
}

interface Workload {
  readonly name: string;
  readonly api: string;
  readonly history?: string;
  prepare(calls: Calls, smoke: boolean): { operations: number; run(times: number): void };
}

const rounds = 3;

/** The workloads with typed arrays and strings, which the engine can do too, but for recorded histories. */
const chosen = (workloads as unknown as readonly Workload[]).filter(
  ({ api, history }) => api === 'handles' && history === undefined,
);

const allocators: readonly { name: string; open(): Promise<Calls> | Calls }[] = [
  ...strategies.map((strategy) => ({
    name: strategy,
    open: async () => callsOf(await createHeap({ strategy })),
  })),
  { name: 'engine', open: openEngine },
];

/** Measures every allocator on every workload, for about `seconds` in all. The allocators take turns. */
export async function measure(
  seconds: number,
  onProgress: (share: number) => void,
): Promise<Bench> {
  const total = chosen.length * rounds * allocators.length;
  const milliseconds = (seconds * 1000) / total;
  const limits = {
    time: milliseconds * 0.6,
    warmupTime: milliseconds * 0.2,
    sample: Math.min(0.3, milliseconds / 10),
  };
  const bench: Bench = { node: process.version, rounds, workloads: [] };
  let done = 0;
  for (const { name, prepare } of chosen) {
    const runs = allocators.map(() => [] as { minimum: number; median: number }[]);
    const memory: (number | undefined)[] = [];
    for (let round = 0; round < rounds; round++) {
      for (const [index, { open }] of allocators.entries()) {
        const calls = await open();
        runs[index]?.push(measureTime(prepare(calls, false), limits));
        memory[index] = calls.memoryBytes?.();
        onProgress(++done / total);
      }
    }
    bench.workloads.push({
      name,
      results: allocators.map(({ name: allocator }, index) =>
        summarize(allocator, runs[index] ?? [], memory[index]),
      ),
    });
  }
  return bench;
}

function summarize(
  allocator: string,
  runs: readonly { minimum: number; median: number }[],
  memoryBytes: number | undefined,
): Measured {
  return {
    allocator,
    nanosecondsPerOperation: {
      minimum: Math.min(...runs.map(({ minimum }) => minimum)),
      median: middle(runs.map(({ median }) => median)),
    },
    ...(memoryBytes === undefined ? {} : { memoryBytes }),
  };
}
