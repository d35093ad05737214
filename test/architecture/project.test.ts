// SPDX-License-Identifier: MIT

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { listSources, repository } from '../support/sources.js';

const reasonsKey = 'lite-alloc/reasons';

interface Preset {
  readonly name: string;
  readonly inherits?: string | readonly string[];
  readonly cacheVariables?: Readonly<Record<string, string>>;
  readonly vendor?: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

const { configurePresets: presets } = JSON.parse(
  readFileSync(join(repository, 'CMakePresets.json'), 'utf8'),
) as { configurePresets: Preset[] };

/** A preset and those that it inherits from. */
function withAncestors(preset: Preset): Preset[] {
  const parents = [preset.inherits ?? []].flat();
  const found = presets.filter(({ name }) => parents.includes(name));
  expect(found).toHaveLength(parents.length);
  return [preset, ...found.flatMap(withAncestors)];
}

/** Flags in the order in which they stand; a flag and its own argument are two. */
function flagsOf(preset: Preset): string[] {
  return Object.entries(preset.cacheVariables ?? {})
    .filter(([name]) => /^CMAKE_CXX_FLAGS|^LITE_ALLOC_.*_FLAGS$/.test(name))
    .flatMap(([, flags]) => flags.split(/[ ;]/));
}

function reasonsOf(preset: Preset): [string, string][] {
  return withAncestors(preset).flatMap(({ vendor }) => Object.entries(vendor?.[reasonsKey] ?? {}));
}

describe('CMake presets', () => {
  test('hold flags', () => {
    expect(presets.flatMap(flagsOf).length).toBeGreaterThan(20);
  });

  test('are all used: hidden ones by other presets, the rest by a command', () => {
    const commands = listSources('tools', ['.mjs']).map(({ text }) => text);
    const inherited = presets.flatMap(({ inherits = [] }) => inherits);
    const unused = presets.filter(
      ({ name }) =>
        !inherited.includes(name) && !commands.some((text) => text.includes(`'${name}'`)),
    );
    expect(unused.map(({ name }) => name)).toEqual([]);
  });

  test.each(presets)('the preset $name gives a reason for each flag', (preset) => {
    const explained = reasonsOf(preset).flatMap(([flags]) => flags.split(/[ ;]/));
    expect(flagsOf(preset).filter((flag) => !explained.includes(flag))).toEqual([]);
  });

  test.each(
    presets,
  )('the preset $name gives no reason for a flag that it does not have', (preset) => {
    const own = Object.keys(preset.vendor?.[reasonsKey] ?? {}).flatMap((flags) =>
      flags.split(/[ ;]/),
    );
    expect(own.filter((flag) => !flagsOf(preset).includes(flag))).toEqual([]);
  });

  test.each(presets)('the preset $name gives reasons in words', (preset) => {
    expect(reasonsOf(preset).filter(([, reason]) => !/\w+ \w+/.test(reason))).toEqual([]);
  });
});

/** Returns the paths of all files in the repository, and of new ones that the next commit can add. */
function trackedFiles(): string[] {
  return execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '-z'], {
    cwd: repository,
    encoding: 'utf8',
  })
    .split('\0')
    .filter((path) => path !== '');
}

test('the version of the package stands in package.json and its lock file only', () => {
  const { version } = JSON.parse(readFileSync(join(repository, 'package.json'), 'utf8')) as {
    version: string;
  };
  const papers =
    /^(package\.json|package-lock\.json|CHANGELOG\.md)$|^bench\/(traces\/|results\/|RESULTS\.md|package)/;
  const others = trackedFiles().filter((path) => !papers.test(path));
  const pattern = new RegExp(`(?<![\\d.])${version.replaceAll('.', '\\.')}(?![\\d.]*\\d)`);
  expect(others.filter((path) => pattern.test(readText(path)))).toEqual([]);
});

test('every source file names its licence on top', () => {
  const sources = ['cpp', 'js', 'test', 'tools', 'bench', 'examples'].flatMap((folder) =>
    listSources(folder, ['.ts', '.mjs', '.js', '.cpp', '.hpp']).map(({ path, text }) => ({
      path: `${folder}/${path}`,
      text,
    })),
  );
  const lacking = sources.filter(
    ({ text }) => !text.slice(0, 200).includes('SPDX-License-Identifier: MIT'),
  );
  expect(sources.length).toBeGreaterThan(20);
  expect(lacking.map(({ path }) => path)).toEqual([]);
});

function readText(path: string): string {
  try {
    return readFileSync(join(repository, path), 'utf8');
  } catch {
    return ''; // deleted, and not committed yet
  }
}

test('the names of functions that stacks are searched for stay in dist', () => {
  const stacks = readText('js/src/debug/call-stacks.ts');
  const searched = /new Set\(\s*'([\w ]+)'/.exec(stacks)?.[1]?.split(' ') ?? [];
  const shortened =
    /internalNames = `([^`]+)`/.exec(readText('tools/build-package.mjs'))?.[1] ?? '';
  expect(searched).toContain('runOperation');
  expect(searched.filter((name) => shortened.split(/\s+/).includes(name))).toEqual([]);
});
