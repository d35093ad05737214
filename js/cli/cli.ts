#!/usr/bin/env node
// SPDX-License-Identifier: MIT
//
// The command `lite-alloc`. It prints figures to the standard output and everything else to the standard error.
// It exits with 0, with 1 if something failed, or with 2 if its arguments are invalid.

import { readFileSync } from 'node:fs';
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { advise, replay, type Strategy, strategies } from 'lite-alloc';
import { measure } from './measure.js';
import { withProgress } from './progress.js';
import { readTraceFile } from './read-trace-file.js';
import { describeAdvice, describeBench, describeInfo, describeReplay } from './reports.js';
import { inspectTrace } from './trace-info.js';

interface Output {
  json?: true;
}

interface InfoFlags extends Output {
  maximumOperations: number;
}

interface AdviseFlags extends InfoFlags {
  rounds: number;
  timeLimit: number;
}

interface ReplayFlags extends AdviseFlags {
  strategy: Strategy;
}

interface BenchFlags extends Output {
  seconds: number;
}

const { version } = JSON.parse(
  readFileSync(new URL('../package.json', import.meta.url), 'utf8'),
) as { version: string };

// Also for what commander prints.
process.stdout.on('error', reportWriteFailure);
// Nothing is left to report to.
process.stderr.on('error', () => {});

const program = new Command('lite-alloc')
  .description(
    'Inspects and replays recorded allocations, and compares the strategies of lite-alloc.',
  )
  .version(version)
  .showHelpAfterError('Try lite-alloc --help.')
  .exitOverride();

const traceArgument =
  "a file that AllocationTrace.write or a C program wrote, or '-' for the standard input";

withTraceOptions(program.command('info <trace>'))
  .summary('print what a trace holds')
  .description('Prints the calls, sizes, live blocks and resizes of a trace, without a replay.', {
    trace: traceArgument,
  })
  .action(async (path: string, { json, maximumOperations }: InfoFlags) => {
    const info = inspectTrace(await readTraceFile(path, maximumOperations));
    print(json === true ? toJson(info) : describeInfo(info));
  });

withRounds(program.command('replay <trace>'))
  .summary('replay a trace on one strategy')
  .description('Replays a trace on one strategy, and prints time, peak memory and fragmentation.', {
    trace: traceArgument,
  })
  .addOption(
    new Option('--strategy <name>', 'the allocation strategy')
      .choices(strategies)
      .default('segregated-fit'),
  )
  .action(async (path: string, { json, maximumOperations, ...options }: ReplayFlags) => {
    const { trace } = await readTraceFile(path, maximumOperations);
    const result = await withProgress('replaying', (onProgress) =>
      replay(trace, { ...options, onProgress }),
    );
    print(json === true ? toJson(result) : describeReplay(result, trace));
  });

withRounds(program.command('advise <trace>'))
  .summary('replay a trace on every strategy and rank them')
  .description('Replays a trace on every strategy and ranks them, the best first.', {
    trace: traceArgument,
  })
  .action(async (path: string, { json, maximumOperations, ...options }: AdviseFlags) => {
    const { trace } = await readTraceFile(path, maximumOperations);
    const advice = await withProgress('replaying', (onProgress) =>
      advise(trace, { ...options, onProgress }),
    );
    print(json === true ? toJson(advice) : describeAdvice(advice, trace));
  });

program
  .command('bench')
  .summary('compare the strategies and the engine on this machine')
  .description(
    'Measures typed arrays and strings in heaps of every strategy, and those of the engine.',
  )
  .option('--seconds <n>', 'the seconds that the measurement takes', toPositive, 10)
  .option('--json', 'print JSON')
  .action(async ({ json, seconds }: BenchFlags) => {
    const bench = await withProgress('measuring', (onProgress) => measure(seconds, onProgress));
    print(json === true ? toJson(bench) : describeBench(bench));
  });

program.parseAsync().catch((error: unknown) => {
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode === 0 ? 0 : 2;
  } else {
    process.stderr.write(
      `lite-alloc: ${(error as Partial<Error> | undefined)?.message ?? String(error)}\n`,
    );
    process.exitCode = 1;
  }
});

function withRounds(command: Command): Command {
  return withTraceOptions(
    command
      .option(
        '--rounds <n>',
        'how often the trace is replayed, each time on a fresh heap',
        toCount,
        5,
      )
      .option(
        '--time-limit <ms>',
        'the most milliseconds that a round may take',
        toPositive,
        10_000,
      ),
  );
}

function withTraceOptions(command: Command): Command {
  return command
    .option(
      '--maximum-operations <n>',
      'the most calls that the trace may have',
      toCount,
      16_000_000,
    )
    .option('--json', 'print JSON');
}

function toCount(text: string): number {
  const value = toPositive(text);
  if (!Number.isSafeInteger(value)) throw new InvalidArgumentError('It must be an integer.');
  return value;
}

function toPositive(text: string): number {
  const value = text.trim() === '' ? Number.NaN : Number(text);
  if (!(value > 0 && value < Number.POSITIVE_INFINITY)) {
    throw new InvalidArgumentError('It must be a number above 0.');
  }
  return value;
}

/** As JSON, in which an infinite score is `null`. */
function toJson(value: object): string {
  return JSON.stringify(value, null, 2);
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** Says why the output is incomplete. A reader may close the pipe early, which is no failure: `lite-alloc ... | head`. */
function reportWriteFailure({ code, message }: NodeJS.ErrnoException): void {
  if (code === 'EPIPE') return;
  process.stderr.write(`lite-alloc: cannot write to the standard output: ${message}\n`);
  process.exitCode = 1;
}
