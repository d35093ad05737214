// SPDX-License-Identifier: MIT
//
// Packs the package as npm would publish it and installs that in an empty folder outside of the
// repository, once for the tests of this folder.

import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { TestProject } from 'vitest/node';

const repository = fileURLToPath(new URL('../..', import.meta.url));

/** The members of the output of `npm pack --json` that are used here. */
interface PackReport {
  readonly filename: string;
  readonly size: number;
  readonly files: readonly { readonly path: string }[];
}

export default function install(project: TestProject): () => void {
  const folder = mkdtempSync(join(tmpdir(), 'lite-alloc-package-'));
  const consumerFolder = join(folder, 'consumer');
  mkdirSync(consumerFolder);
  writeFileSync(join(consumerFolder, 'package.json'), '{ "name": "consumer", "private": true }\n');

  const packed = npm(
    repository,
    'pack',
    '--json',
    '--ignore-scripts',
    '--pack-destination',
    folder,
  );
  const [report] = JSON.parse(packed) as PackReport[];
  if (report === undefined) throw new Error('npm pack made no tarball');
  const tarball = join(folder, report.filename);
  npm(consumerFolder, 'install', '--offline', '--no-audit', '--no-fund', tarball);

  project.provide('consumerFolder', consumerFolder);
  project.provide('tarball', tarball);
  project.provide(
    'packedFiles',
    report.files.map((file) => file.path),
  );
  project.provide('packedBytes', report.size);
  return () => rmSync(folder, { recursive: true, force: true });
}

function npm(cwd: string, ...commandArguments: string[]): string {
  return execFileSync('npm', [...commandArguments, '--loglevel=error'], { cwd, encoding: 'utf8' });
}
