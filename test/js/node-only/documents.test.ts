// SPDX-License-Identifier: MIT
//
// Runs the samples of the documents and the examples of the doc comments, and follows the links of the documents.

import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { transform } from 'esbuild';
import { describe, expect, test } from 'vitest';
import { runNode, runTypeScript } from '../../support/consumer.js';
import { readExamples } from '../../support/examples.js';
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

const examples = readExamples('js/src');

/** The calls whose doc comments need an example. */
const mainCalls = [
  ...['createHeap', 'createHeapSync', 'replay', 'advise'],
  ...['malloc', 'calloc', 'memalign', 'realloc', 'free', 'allocate', 'deallocate', 'reallocate'],
  ...['array', 'from', 'string', 'view', 'resize', 'slice'],
  ...['scope', 'scopeAsync', 'openScope', 'arena', 'reset', 'dispose'],
  ...['stats', 'blocks', 'check', 'snapshot', 'diff', 'leaks', 'assertNoLeaks'],
  ...['onGrow', 'record', 'read', 'write'],
];

/** Returns the lines that the comments behind calls of `console.log` promise. */
function expectedOutput(code: string): string[] {
  return findAll(code, /console\.log\(.*\/\/ (.*)$/gm);
}

/** Runs a sample in the repository, where it can import the package by its name; lowers `using` first. */
async function runSample({ language, code }: Pick<Sample, 'language' | 'code'>): Promise<string[]> {
  const folder = mkdtempSync(join(repository, 'build', 'sample-'));
  try {
    const loader = language === 'ts' ? 'ts' : 'js';
    const lowered = await transform(code, { loader, target: 'es2022', format: 'esm' });
    writeFileSync(join(folder, 'sample.mjs'), lowered.code);
    return runNode(folder, 'sample.mjs').split('\n');
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
    expect(await runSample(sample)).toEqual(expectedOutput(sample.code));
  });
});

describe('the examples of the doc comments', () => {
  test('exist for the main calls', () => {
    const names = examples.map(({ name }) => name);
    expect(mainCalls.filter((name) => !names.includes(name))).toEqual([]);
  });

  test.each(examples)('$title runs and prints what its comments say', async ({ code }) => {
    expect(await runSample({ language: 'ts', code })).toEqual(expectedOutput(code));
  });

  test('compile', () => {
    const folder = mkdtempSync(join(repository, 'build', 'examples-'));
    try {
      for (const [index, { code }] of examples.entries()) {
        writeFileSync(join(folder, `${index}.mts`), code);
      }
      const options = { noEmit: true, strict: true, module: 'nodenext', target: 'esnext' };
      writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions: options }));
      expect(runTypeScript(folder)).toEqual([]);
    } finally {
      rmSync(folder, { recursive: true });
    }
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
