// SPDX-License-Identifier: MIT
//
// How tools/emscripten-fetch sets up a private Emscripten, and how tools/debian-sources fetches sources.

import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { writeFiles } from '../support/consumer.js';
import { repository } from '../support/sources.js';

const folder = mkdtempSync(join(tmpdir(), 'lite-alloc-apt-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const hasApt =
  existsSync('/usr/share/keyrings/debian-archive-keyring.gpg') &&
  spawnSync('apt-get', ['--version']).status === 0;

/** An archive as Debian's, with an Emscripten, but without a signature. */
function unsignedArchive(): Record<string, string> {
  const packages = ['emscripten', 'patchelf']
    .map(
      (name) =>
        `Package: ${name}\nVersion: 99.0.0\nArchitecture: amd64\nMaintainer: nobody\n` +
        `Description: harmful\nFilename: pool/${name}.deb\nSize: 1\nSHA256: ${'0'.repeat(64)}\n`,
    )
    .join('\n');
  const digest = createHash('sha256').update(packages).digest('hex');
  const release =
    'Origin: Debian\nLabel: Debian\nSuite: sid\nCodename: sid\nArchitectures: amd64\nComponents: main\n' +
    `Date: ${new Date().toUTCString().replace('GMT', 'UTC')}\n` +
    `SHA256:\n ${digest} ${packages.length} main/binary-amd64/Packages\n`;
  return {
    'debian/dists/sid/Release': release,
    'debian/dists/stable/Release': release,
    'debian/dists/sid/main/binary-amd64/Packages': packages,
  };
}

/** Settings of a system that trusts every archive. */
function carelessSettings(): string {
  const state = ['Lists', 'Status', 'Extended_States'].map(
    (name) => `Dir::State::${name} "${folder}/state/${name.toLowerCase()}";\n`,
  );
  return `${state.join('')}
    Dir::Cache "${folder}/cache";
    Dir::Etc::SourceList "${folder}/sources.list";
    Dir::Etc::SourceParts "/dev/null";
    Acquire::AllowInsecureRepositories "true";
    Acquire::AllowWeakRepositories "true";
    Acquire::AllowDowngradeToInsecureRepositories "true";
    APT::Get::AllowUnauthenticated "true";
    APT::Sandbox::User "";`;
}

describe.runIf(hasApt)('on a system whose apt is set to trust archives without a signature', () => {
  const environment = { ...process.env, APT_CONFIG: join(folder, 'apt.conf'), LC_ALL: 'C' };

  beforeAll(() => {
    for (const name of ['state/lists/partial', 'cache/archives/partial', 'toolchain']) {
      mkdirSync(join(folder, name), { recursive: true });
    }
    writeFiles(folder, {
      ...unsignedArchive(),
      'apt.conf': carelessSettings(),
      'sources.list': `deb file:${folder}/debian/ sid main\n`,
      'state/status': '',
    });
    execFileSync('apt-get', ['update'], { env: environment, stdio: 'ignore' });
  });

  test('the archive is used by the apt of the system', () => {
    const planned = execFileSync('apt-get', ['-y', '--print-uris', 'install', 'emscripten'], {
      env: environment,
      encoding: 'utf8',
    });
    expect(planned).toContain('pool/emscripten.deb');
  });

  test('no package comes from an archive without a signature', () => {
    const script = join(repository, 'tools', 'emscripten-fetch');
    const toolchain = join(folder, 'toolchain');
    const { status, stderr } = spawnSync(script, [toolchain, '4.0.0'], {
      env: environment,
      encoding: 'utf8',
    });
    expect(stderr).toMatch(/sid: E: The repository '.*' is not signed/);
    expect(stderr).not.toContain('Downloading');
    expect(status).toBe(1);
  }, 60_000);

  test('no sources come from an archive without a signature', () => {
    const script = join(repository, 'tools', 'debian-sources');
    const { status, stderr } = spawnSync(script, [join(folder, 'sources'), 'emscripten'], {
      env: environment,
      encoding: 'utf8',
    });
    expect(stderr).toMatch(/E: The repository '.* stable Release' is not signed/);
    expect(stderr).toContain('no mirror gave the sources of emscripten');
    expect(status).toBe(1);
    expect(existsSync(join(folder, 'sources', 'emscripten'))).toBe(false);
  }, 60_000);
});
