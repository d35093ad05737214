// SPDX-License-Identifier: MIT
//
// Runs the probe in the hosts that this machine has. `npm run ecosystem -- hosts` installs those that are npm packages.

import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, inject, test } from 'vitest';
import { type Check, findHosts } from './hosts.js';
import { guide, isRecording, readRecords, record, withTables } from './records.js';

const { hosts: recorded } = readRecords();
const hosts = findHosts();

/** The name of a check with its detail where it works. */
const working = (checks: readonly Check[]): [string, string][] =>
  checks.filter(({ ok }) => ok).map(({ name, detail }) => [name, detail]);

describe('the probe', () => {
  const found = new Map<string, readonly Check[]>();

  beforeAll(async () => {
    const folder = inject('consumerFolder');
    for (const host of hosts) found.set(host.name, await host.probe(folder));
  }, 600_000);

  test.each(
    hosts.map(({ name, version }) => [name, version] as const),
  )('has 28 checks in %s, of which those fail that are recorded', (name, version) => {
    const checks = found.get(name) ?? [];
    expect(new Set(checks.map((check) => check.name)).size).toBe(28);
    const fails = Object.fromEntries(
      checks.filter(({ ok }) => !ok).map((check) => [check.name, check.detail]),
    );
    record('hosts', name, { version, fails });
    if (isRecording) return;
    const majorOf = (text = ''): string | undefined => text.split('.')[0];
    if (majorOf(recorded[name]?.version) === majorOf(version)) {
      expect(Object.keys(fails)).toEqual(Object.keys(recorded[name]?.fails ?? {}));
    } else {
      // Other versions of the host may lack what other hosts lack.
      const known = Object.values(recorded).flatMap((host) => Object.keys(host.fails));
      expect(Object.keys(fails).filter((check) => !known.includes(check))).toEqual([]);
    }
  });

  test('finds the same in all hosts where a check works', () => {
    const all = new Map([...found.values()].flatMap(working));
    const others = [...found].flatMap(([name, checks]) =>
      working(checks)
        .filter(([check, detail]) => all.get(check) !== detail)
        .map((pair) => [name, ...pair]),
    );
    expect(others).toEqual([]);
  });
});

test('docs/loading.md has the tables of what was found last', () => {
  const text = readFileSync(guide, 'utf8');
  expect(text).toContain('| workerd |');
  expect(withTables(text, readRecords())).toBe(text);
});
