// SPDX-License-Identifier: MIT
//
// Formats results as text.

import type { Advice, AllocationTrace, ReplayResult } from 'lite-alloc';
import type { Bench } from './measure.js';
import type { TraceInfo } from './trace-info.js';

export function describeReplay(result: ReplayResult, trace: AllocationTrace): string {
  const { nanosecondsPerOperation: time, fragmentation } = result;
  const rows = [
    ['strategy', result.strategy],
    ['operations', `${result.operations}${result.timedOut ? ', cut at the time limit' : ''}`],
    ['rounds', String(result.rounds)],
    ['time per operation', `${round(time.minimum)} ns, median ${round(time.median)} ns`],
    ['peak live bytes', String(result.peakLiveBytes)],
    ['peak memory bytes', String(result.peakMemoryBytes)],
    ['memory over peak live', round(result.memoryOverPeakLive)],
    [
      'fragmentation',
      `${round(fragmentation.atPeak)} at the peak, ${round(fragmentation.atEnd)} at the end`,
    ],
    ['memory growths', String(result.growths)],
    ['failed allocations', String(result.failures)],
  ];
  return [...notes(trace), alignColumns(rows)].join('\n');
}

export function describeAdvice(advice: readonly Advice[], trace: AllocationTrace): string {
  const rows = advice.map(({ strategy, score, result }) => [
    strategy,
    Number.isFinite(score) ? round(score) : '-',
    round(result.nanosecondsPerOperation.minimum),
    String(result.peakMemoryBytes),
    round(result.memoryOverPeakLive),
    round(result.fragmentation.atPeak),
  ]);
  const header = ['strategy', 'score', 'ns', 'memory bytes', 'over live', 'fragmentation'];
  const reasons = advice.map(({ strategy, reason }) => [`${strategy}:`, reason]);
  return [...notes(trace), alignColumns([header, ...rows]), '', alignColumns(reasons)].join('\n');
}

export function describeBench({ node, rounds, workloads }: Bench): string {
  const tables = workloads.map(({ name, results }) => {
    const rows = results.map(({ allocator, nanosecondsPerOperation, memoryBytes }) => [
      allocator,
      round(nanosecondsPerOperation.minimum),
      round(nanosecondsPerOperation.median),
      memoryBytes === undefined ? '-' : String(memoryBytes),
    ]);
    return alignColumns([[name, 'minimum', 'median', 'memory bytes'], ...rows]);
  });
  return [`Node ${node}, nanoseconds per operation, ${rounds} rounds`, ...tables].join('\n\n');
}

export function describeInfo(info: TraceInfo): string {
  const { file, calls, sizes, peak, atEnd, resizes } = info;
  const made = Object.entries(calls).filter(([, count]) => count > 0);
  const rows = [
    ['file', `${file.bytes} bytes${file.gzip ? ', gzip' : ''}`],
    ['format', file.format],
    ['operations', String(info.operations)],
    ...made.map(([name, count]) => [`  ${name}`, String(count)]),
    ...(info.olderFrees > 0
      ? [['frees of older blocks', `${info.olderFrees}, allocated before the recording`]]
      : []),
    ...(sizes === undefined
      ? []
      : [
          ['sizes', `${sizes.smallest} to ${sizes.largest} bytes, median ${sizes.median}`],
          ['bytes allocated', String(sizes.total)],
        ]),
    ['alignments', Object.keys(info.alignments).join(', ') || '-'],
    ['peak live bytes', `${peak.bytes} in ${peak.blocks} blocks, at operation ${peak.operation}`],
    ['peak live blocks', String(info.peakLiveBlocks)],
    ['live at the end', `${atEnd.bytes} bytes in ${atEnd.blocks} blocks`],
    ...(resizes.blocks === 0
      ? []
      : [
          ['resized blocks', `${resizes.blocks}, at most ${resizes.longestChain} times each`],
          ['resizes', `${resizes.grown} to a larger size, ${resizes.shrunk} to a smaller one`],
        ]),
    ...(info.medianLifetime === undefined
      ? []
      : [['median lifetime', `${info.medianLifetime} operations`]]),
  ];
  const classes = info.sizeClasses.map(({ upTo, allocations, bytes }) => [
    String(upTo),
    String(allocations),
    String(bytes),
  ]);
  const table = alignColumns([['size up to', 'allocations', 'bytes'], ...classes]);
  return [...notes(info), alignColumns(rows), ...(classes.length > 0 ? ['', table] : [])].join(
    '\n',
  );
}

function notes({ truncated }: Pick<AllocationTrace, 'truncated'>): string[] {
  return truncated ? ['The trace is incomplete: later calls are missing.', ''] : [];
}

function round(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toFixed(2);
}

function alignColumns(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  );
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
