// SPDX-License-Identifier: MIT

import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { AllocationTrace } from 'lite-alloc';
import { expect, test } from 'vitest';
import { Operation, readTrace } from '../../../bench/trace.mjs';
import { record, toBytes } from '../../support/traces.js';

const repository = new URL('../../../', import.meta.url);
const names = ['cfrac', 'lua', 'buffers', 'vectors', 'frames'];

const readStored = (name: string): Buffer<ArrayBuffer> =>
  readFileSync(new URL(`bench/traces/${name}.trace.gz`, repository));

/** Makes the calls of a stored trace on a heap and records them. */
function recordHistory(name: string): Promise<AllocationTrace> {
  const { pairs } = readTrace(name);
  return record((heap) => {
    const addresses: number[] = [];
    for (let index = 0; index < pairs.length; index += 2) {
      const key = pairs[index] as number;
      const size = pairs[index + 1] as number;
      const block = key >>> 2;
      const address = addresses[block] ?? 0;
      if ((key & 3) === Operation.allocate) addresses[block] = heap.malloc(size);
      else if ((key & 3) === Operation.free) heap.free(address);
      else addresses[block] = heap.realloc(address, size);
    }
  });
}

test.each(names)('%s takes the bytes per call that docs/trace-format.md states', async (name) => {
  const stored = readStored(name);
  const trace = await AllocationTrace.read(stored);
  const description = readFileSync(new URL('docs/trace-format.md', repository), 'utf8');
  const row = new RegExp(`^\\| ${name} \\| 8 \\| (\\S+) \\| (\\S+) \\| (\\S+) \\|$`, 'm').exec(
    description,
  );
  const [, pairs, plain, compressed] = (row ?? []).map(Number);
  expect(pairs).toBeCloseTo(stored.length / trace.operations, 2);
  expect(plain).toBeCloseTo((await toBytes(trace)).length / trace.operations, 2);
  // The output of a compressor differs a little between versions.
  const { length } = await toBytes(trace, { gzip: true });
  expect(compressed).toBeCloseTo(length / trace.operations, 1);
});

test.each([
  'cfrac',
  'vectors',
])('%s gives the same trace when it is read as when its calls are recorded', async (name) => {
  const read = await AllocationTrace.read(readStored(name));
  expect(Buffer.compare(await toBytes(read), await toBytes(await recordHistory(name)))).toBe(0);
});

test('read rejects for a file that does not exist, even as the first call of a program', () => {
  const program = `
    import { createReadStream } from 'node:fs';
    import { AllocationTrace } from 'lite-alloc';
    AllocationTrace.read(createReadStream('missing.trace')).catch(({ code }) => console.log(code));
  `;
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', program], {
    cwd: fileURLToPath(repository),
    encoding: 'utf8',
  });
  expect([stdout, stderr]).toEqual(['ENOENT\n', '']);
});
