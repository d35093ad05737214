// SPDX-License-Identifier: MIT

import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { reasonsAgainstRelease } from '../../tools/lib/release-checks.mjs';
import { repository } from '../support/sources.js';

const complete = {
  manifest: { version: '2.3.4', repository: 'github:someone/lite-alloc' },
  changelog: '# Changelog\n\n## 2.3.4, 2026-12-24\n\n- A change.\n',
  tags: ['v2.3.4'],
  isClean: true,
};

test('a tagged, dated, committed version with a repository can be released', () => {
  expect(reasonsAgainstRelease(complete)).toEqual([]);
});

test.each([
  ['without a repository', { manifest: { version: '2.3.4' } }, /"repository"/],
  ['without an entry in the changelog', { changelog: '## 2.3.3, 2026-12-01' }, /## 2\.3\.4/],
  ['that the changelog calls unreleased', { changelog: '## 2.3.4, unreleased' }, /## 2\.3\.4/],
  ['whose tag is on another commit', { tags: ['v2.3.3'] }, /git tag v2\.3\.4/],
  ['with files that are not committed', { isClean: false }, /working tree/],
])('a version %s is refused', (_, change, reason) => {
  expect(reasonsAgainstRelease({ ...complete, ...change })).toEqual([
    expect.stringMatching(reason),
  ]);
});

/** A checkout with the command, whose `npm` and build only write down that they were called. */
let checkout = '';
beforeEach(() => {
  checkout = mkdtempSync(join(tmpdir(), 'lite-alloc-release-'));
  for (const file of [
    'tools/release.mjs',
    'tools/lib/processes.mjs',
    'tools/lib/release-checks.mjs',
  ]) {
    cpSync(join(repository, file), join(checkout, file));
  }
  writeFileSync(join(checkout, 'tools/prepare.mjs'), '');
  writeFileSync(join(checkout, 'CHANGELOG.md'), complete.changelog);
  writeFileSync(join(checkout, '.gitignore'), 'bin/\nnpm-was-called\n');
  mkdirSync(join(checkout, 'bin'));
  const npm = join(checkout, 'bin', 'npm');
  writeFileSync(npm, '#!/bin/sh\necho "$@" > npm-was-called\n');
  chmodSync(npm, 0o755);
});
afterEach(() => rmSync(checkout, { recursive: true }));

/** Commits and tags the checkout, runs the command; what it printed, and how it called npm. */
function release(manifest: object): { status: number | null; stderr: string; npm: string } {
  writeFileSync(join(checkout, 'package.json'), JSON.stringify({ type: 'module', ...manifest }));
  const identity = ['-c', 'user.name=Test', '-c', 'user.email=test@example.org'];
  for (const step of [
    ['init', '-q'],
    ['add', '.'],
    ['commit', '-qm', 'All'],
    ['tag', 'v2.3.4'],
  ]) {
    execFileSync('git', [...identity, ...step], { cwd: checkout, stdio: 'pipe' });
  }
  const { status, stderr } = spawnSync(process.execPath, ['tools/release.mjs'], {
    cwd: checkout,
    encoding: 'utf8',
    env: { ...process.env, PATH: join(checkout, 'bin') + delimiter + (process.env['PATH'] ?? '') },
  });
  const called = join(checkout, 'npm-was-called');
  return { status, stderr, npm: existsSync(called) ? readFileSync(called, 'utf8').trim() : '' };
}

test('the command publishes nothing where package.json has no repository', () => {
  const { status, stderr, npm } = release({ version: '2.3.4' });
  expect(stderr).toContain('package.json has no "repository"');
  expect([status, npm]).toEqual([1, '']);
});

test('the command publishes with provenance where nothing is missing', () => {
  const { status, stderr, npm } = release(complete.manifest);
  expect([status, stderr]).toEqual([0, '']);
  expect(npm).toBe('publish --provenance --access public');
});
