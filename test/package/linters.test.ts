// SPDX-License-Identifier: MIT

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { publint } from 'publint';
import { expect, inject, test } from 'vitest';
import { runNode } from '../support/consumer.js';
import { repository } from '../support/sources.js';

const tarball = inject('tarball');

test('publint has nothing to say of the tarball', async () => {
  const bytes = new Uint8Array(readFileSync(tarball));
  const { messages } = await publint({ pack: { tarball: bytes.buffer }, strict: true });
  expect(messages).toEqual([]);
});

test('@arethetypeswrong/cli finds no entry whose types are wrong', () => {
  const attw = join(repository, 'node_modules/@arethetypeswrong/cli/dist/index.js');
  // ES modules only, which Node can also require; the tool holds that against a package otherwise.
  const printed = runNode(repository, attw, tarball, '--profile', 'esm-only', '--format', 'json');
  const { analysis } = JSON.parse(printed) as { analysis: { entrypoints: object } };
  expect(Object.keys(analysis.entrypoints)).toEqual(
    expect.arrayContaining(['.', './inline', './lite-alloc.wasm', './lite-alloc.strategies.wasm']),
  );
});
