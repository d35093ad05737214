// SPDX-License-Identifier: MIT
//
// What the documents say, tried.

import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { transform } from 'esbuild';
import { describe, expect, test } from 'vitest';
import { runNode } from '../../support/consumer.js';
import { readSamples, type Sample } from '../../support/markdown.js';
import { findAll, repository } from '../../support/sources.js';

const guides = readdirSync(join(repository, 'docs'))
  .filter((name) => name.endsWith('.md'))
  .map((name) => `docs/${name}`);
const documents = ['README.md', ...guides];

/** Those with a file's name on top are for other hosts and tools: test/package runs them. */
const programs = documents.flatMap((document) =>
  readSamples(document)
    .filter(({ language, file }) => ['js', 'ts'].includes(language) && file === undefined)
    .map((sample, index) => ({ ...sample, title: `${document}, ${sample.heading}, ${index + 1}` })),
);

/** In the repository, where the package finds itself; `using` is lowered. */
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
  test('are found', () => {
    expect(new Set(programs.map(({ title }) => title.split(',')[0]))).toEqual(
      new Set(['README.md', 'docs/guide.md', 'docs/loading.md', 'docs/migration.md']),
    );
  });

  test.each(programs)('$title runs and prints what it says', async (sample) => {
    const expected = findAll(sample.code, /console\.log\(.*\/\/ (.*)$/gm);
    expect((await runSample(sample)).split('\n')).toEqual(expected);
  });
});

test.each(documents)('the links of %s lead somewhere', (document) => {
  const text = readFileSync(join(repository, document), 'utf8');
  const links = findAll(text, /\]\(([^)\s]+)\)/g).filter((link) => !/^https?:/.test(link));
  const broken = links.filter((link) => {
    const [path = '', anchor] = link.split('#');
    const target = path === '' ? document : join(dirname(document), path);
    if (!existsSync(join(repository, target))) return true;
    return anchor !== undefined && !anchorsOf(target).includes(anchor);
  });
  expect(broken).toEqual([]);
});

/** As GitHub makes them of headings. */
function anchorsOf(document: string): string[] {
  const text = readFileSync(join(repository, document), 'utf8');
  return findAll(text, /^#+ (.*)$/gm).map((heading) =>
    heading
      .toLowerCase()
      .replace(/[^\w\- ]/g, '')
      .replaceAll(' ', '-'),
  );
}

test('the API reference is made of the comments, without a warning', () => {
  const folder = mkdtempSync(join(repository, 'build', 'reference-'));
  try {
    runNode(repository, 'tools/docs.mjs', folder);
    const page = readFileSync(join(folder, 'functions', 'createHeap.html'), 'utf8');
    expect(page).toContain('WasmLoadError');
  } finally {
    rmSync(folder, { recursive: true });
  }
});
