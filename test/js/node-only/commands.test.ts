// SPDX-License-Identifier: MIT

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const root = fileURLToPath(new URL('../../..', import.meta.url));

function run(script: string, ...scriptArguments: string[]): string {
  return execFileSync(process.execPath, [script, ...scriptArguments], {
    cwd: root,
    encoding: 'utf8',
  });
}

test('the tour shows verified contents, living arrays, figures and a picture', () => {
  const output = run('examples/tour/tour.mjs');
  expect(output).toContain('All 151476 blocks held what was written to them');
  expect(output).toContain('typed arrays made before it still read and write');
  expect(output).toMatch(/operations +300000/);
  expect(output).toMatch(/time per operation +\d+ ns/);
  expect(output).toMatch(/fragmentation +0\.\d+/);
  expect(output.match(/^│.{64}│$/gm)?.length).toBeGreaterThan(3);
});

test('every bench runs in smoke mode and prints its rows', () => {
  const output = run('bench/run.mjs', '--smoke');
  expect(output).toMatch(/two empty embind calls[ │]+[\d.]+[ │]+[\d.]+/);
  expect(output).toMatch(/malloc \+ free of 64 bytes, embind[ │]+[\d.]+/);
  expect(output).toMatch(/lite-alloc\.wasm[ │]+\d+[ │]+\d+/);
});

test('a bench that does not exist is refused by name', () => {
  expect(() => run('bench/run.mjs', 'nothing')).toThrow(/There is no bench nothing/);
});

test("the README's tables are those of the stored results", () => {
  expect(() => run('tools/figures.mjs', '--check')).not.toThrow();
});

test('the JavaScript samples of the README run and print what they say', () => {
  const readme = readFileSync(join(root, 'README.md'), 'utf8');
  const samples = [...readme.matchAll(/^```js\n([\s\S]*?)^```/gm)].map(([, code]) => code ?? '');
  expect(samples.length).toBeGreaterThan(0);
  const folder = mkdtempSync(join(root, 'build', 'readme-'));
  try {
    for (const [index, sample] of samples.entries()) {
      const file = join(folder, `sample-${index}.mjs`);
      writeFileSync(file, sample);
      const expected = [...sample.matchAll(/console\.log\(.*\/\/ (.*)$/gm)].map(([, text]) => text);
      expect(run(file).trimEnd().split('\n')).toEqual(expected);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});
