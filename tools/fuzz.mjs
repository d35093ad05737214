// SPDX-License-Identifier: MIT
//
// npm run fuzz [-- TARGET ...] [--seconds N]
//
// Fuzzes the targets, or those that are named, one after the other, each for N seconds (default 600). See
// test/fuzz/README.md.

import { parseArgs } from 'node:util';
import { buildFuzzTargets, fuzzTargets, fuzzToolsMissing, runFuzzTarget } from './lib/fuzzing.mjs';

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { seconds: { type: 'string', default: '600' } },
});
const unknown = positionals.filter((name) => !fuzzTargets.includes(name));
if (unknown.length > 0) {
  fail(`There is no target ${unknown.join(', ')}; there are ${fuzzTargets.join(', ')}.`);
}
if (!/^[1-9]\d*$/.test(values.seconds)) {
  fail(`--seconds takes a whole number above 0, got ${values.seconds}.`);
}
const problem = fuzzToolsMissing() ?? (await buildFuzzTargets());
if (problem !== undefined) fail(problem);

for (const target of positionals.length > 0 ? positionals : fuzzTargets) {
  console.log(`${target}: ${values.seconds} s`);
  const { passed, failure } = await runFuzzTarget(
    target,
    [`-max_total_time=${values.seconds}`, '-len_control=0', '-print_final_stats=1'],
    { keep: true, onOutput: (text) => process.stderr.write(text) },
  );
  if (passed) continue;
  fail(
    failure === undefined
      ? `${target} failed, and libFuzzer names no input.`
      : `${target} fails on ${failure}\n\n` +
          `show its calls:     LITE_ALLOC_FUZZ_TRACE=1 build/fuzz/targets/${target} ${failure}\n` +
          `minimize it:        build/fuzz/targets/${target} -minimize_crash=1 -max_total_time=60 ` +
          `-exact_artifact_path=build/fuzz/small ${failure}\n` +
          `keep as regression: mkdir -p test/fuzz/regressions/${target} && ` +
          `cp build/fuzz/small test/fuzz/regressions/${target}/WHAT-IT-SHOWED`,
  );
}

function fail(message) {
  console.error(message);
  process.exit(1);
}
