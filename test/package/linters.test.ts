// SPDX-License-Identifier: MIT

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { publint } from 'publint';
import { expect, inject, test } from 'vitest';
import { runNode } from '../support/consumer.js';
import { repository } from '../support/sources.js';

const tarball = inject('tarball');

test('publint reports nothing about the tarball', async () => {
  const bytes = new Uint8Array(readFileSync(tarball));
  const { messages } = await publint({ pack: { tarball: bytes.buffer }, strict: true });
  expect(messages).toEqual([]);
});

test('@arethetypeswrong/cli finds no entry whose types are wrong', () => {
  const attw = join(repository, 'node_modules/@arethetypeswrong/cli/dist/index.js');
  // The package has only ES modules, which Node can also require; without this profile the tool reports that as an error.
  const printed = runNode(repository, attw, tarball, '--profile', 'esm-only', '--format', 'json');
  const { analysis } = JSON.parse(printed) as { analysis: { entrypoints: object } };
  expect(Object.keys(analysis.entrypoints)).toEqual(
    expect.arrayContaining(['.', './inline', './lite-alloc.wasm', './lite-alloc.strategies.wasm']),
  );
});
