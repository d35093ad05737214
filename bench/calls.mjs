// SPDX-License-Identifier: MIT

import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export const title = 'Calls from JavaScript, nanoseconds';

/** What is measured, each in a fresh process: see `call-cases.mjs`. */
const cases = [
  'two empty embind calls',
  'malloc + free of 64 bytes, embind',
  'malloc + free of 64 bytes, heap',
  'new Uint8Array(64)',
];

/** Several interleaved rounds; the minimum of their minima and the median of their medians. */
export async function measure({ smoke }) {
  const rounds = smoke ? 1 : 5;
  const measured = new Map(cases.map((name) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    for (const name of cases) measured.get(name).push(measureOnce(name, smoke));
  }
  return cases.map((name) => {
    const runs = measured.get(name);
    const medians = runs.map(({ median }) => median).sort((a, b) => a - b);
    return {
      name,
      minimum: Math.min(...runs.map(({ minimum }) => minimum)),
      median: medians[medians.length >> 1],
    };
  });
}

function measureOnce(name, smoke) {
  const script = fileURLToPath(new URL('call-case.mjs', import.meta.url));
  const output = execFileSync(process.execPath, [script, name, smoke ? 'smoke' : 'full'], {
    encoding: 'utf8',
  });
  return JSON.parse(output);
}
