// SPDX-License-Identifier: MIT
//
// Runs the samples of the documents and follows their links.

import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { transform } from 'esbuild';
import { describe, expect, test } from 'vitest';
import { runNode } from '../../support/consumer.js';
import { findBrokenLinks, findMissingPaths } from '../../support/links.js';
import { readSamples, type Sample } from '../../support/markdown.js';
import { findAll, repository } from '../../support/sources.js';

const guides = readdirSync(join(repository, 'docs'))
  .filter((name) => name.endsWith('.md'))
  .map((name) => `docs/${name}`);
const documents = [
  'README.md',
  'CHANGELOG.md',
  'CONTRIBUTING.md',
  'bench/README.md',
  'bench/traces/README.md',
  'cpp/README.md',
  'js/README.md',
  'test/README.md',
  'test/fuzz/README.md',
  ...guides,
];

/** Samples whose first line names a file are for other hosts and tools: test/package runs them. */
const programs = documents.flatMap((document) =>
  readSamples(document)
    .filter(({ language, file }) => ['js', 'ts'].includes(language) && file === undefined)
    .map((sample, index) => ({ ...sample, title: `${document}, ${sample.heading}, ${index + 1}` })),
);

/** Runs a sample in the repository, where it can import the package by its name; lowers `using` first. */
async function runSample({ language, code }: Sample): Promise<string> {
  const folder = mkdtempSync(join(repository, 'build', 'sample-'));
  try {
    const loader = language === 'ts' ? 'ts' : 'js';
    const lowered = await transform(code, { loader, target: 'es2022', format: 'esm' });
    writeFileSync(join(folder, 'sample.mjs'), lowered.code);
    return runNode(folder, 'sample.mjs');
  } finally {
    rmSync(folder, { recursive: true });
  }
}

describe('the samples', () => {
  test('are found in every document that is listed here', () => {
    expect(new Set(programs.map(({ title }) => title.split(',')[0]))).toEqual(
      new Set([
        'README.md',
        'docs/debugging.md',
        'docs/guide.md',
        'docs/loading.md',
        'docs/migration.md',
        'docs/traces.md',
      ]),
    );
  });

  test.each(programs)('$title runs and prints what its comments say', async (sample) => {
    const expected = findAll(sample.code, /console\.log\(.*\/\/ (.*)$/gm);
    expect((await runSample(sample)).split('\n')).toEqual(expected);
  });
});

test.each(documents)('every relative link of %s resolves', (document) => {
  expect(findBrokenLinks(repository, document)).toEqual([]);
});

test.each(documents)('every path of the repository that %s names exists', (document) => {
  expect(findMissingPaths(repository, document)).toEqual([]);
});

test('the README has at most 200 lines', () => {
  const lines = readFileSync(join(repository, 'README.md'), 'utf8').trimEnd().split('\n');
  expect(lines.length).toBeLessThanOrEqual(200);
});

test('the API reference is generated from the comments without a warning', () => {
  const folder = mkdtempSync(join(repository, 'build', 'reference-'));
  try {
    runNode(repository, 'tools/docs.mjs', folder);
    const page = readFileSync(join(folder, 'functions', 'createHeap.html'), 'utf8');
    expect(page).toContain('WasmLoadError');
  } finally {
    rmSync(folder, { recursive: true });
  }
});
