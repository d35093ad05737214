// SPDX-License-Identifier: MIT

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { publint } from 'publint';
import { expect, inject, test } from 'vitest';
import { runNode } from '../support/consumer.js';
import { repository } from '../support/sources.js';

const tarball = inject('tarball');

/** The members of a report of @arethetypeswrong/cli that are used here. */
interface Report {
  readonly analysis: {
    readonly entrypoints: object;
    readonly problems: readonly { readonly entrypoint: string }[];
  };
}

test('publint reports nothing about the tarball', async () => {
  const bytes = new Uint8Array(readFileSync(tarball));
  const { messages } = await publint({ pack: { tarball: bytes.buffer }, strict: true });
  // `exports` says what pages load; the field `browser` is for tools that do not read `exports`.
  expect(messages.filter(({ code }) => code !== 'USE_EXPORTS_OR_IMPORTS_BROWSER')).toEqual([]);
});

test('@arethetypeswrong/cli finds no entry whose types are wrong', () => {
  const attw = join(repository, 'node_modules/@arethetypeswrong/cli/dist/index.js');
  // The rule is about wasm files, which no CommonJS module can import. The other entries have a CommonJS file.
  const rules = ['--ignore-rules', 'cjs-resolves-to-esm'];
  const printed = runNode(repository, attw, tarball, '--format', 'json', ...rules);
  const { analysis } = JSON.parse(printed) as Report;
  expect(Object.keys(analysis.entrypoints)).toEqual(
    expect.arrayContaining(['.', './inline', './inline/debug', './lite-alloc.wasm']),
  );
  const { problems } = analysis;
  expect(problems.filter(({ entrypoint }) => !entrypoint.endsWith('.wasm'))).toEqual([]);
});
