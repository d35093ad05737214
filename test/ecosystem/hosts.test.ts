// SPDX-License-Identifier: MIT
//
// Runs the probe in the hosts that this machine has. `npm run ecosystem -- hosts` installs those that are npm packages.

import { readFileSync } from 'node:fs';
import { describe, expect, inject, test } from 'vitest';
import { findAll } from '../support/sources.js';
import { type Check, findHosts } from './hosts.js';
import { guide, isRecording, readRecords, record, withTables } from './records.js';

const { hosts: recorded } = readRecords();
const hosts = findHosts();
const text = readFileSync(guide, 'utf8');

/** The checks that the document explains below its table. No other check may fail. */
const explained = findAll(text, /^- (`.+`):/gm).flatMap((names) => findAll(names, /`(.+?)`/g));

/** The name of a check with its detail where it works. */
const working = (checks: readonly Check[]): [string, string][] =>
  checks.filter(({ ok }) => ok).map(({ name, detail }) => [name, detail]);

describe('the probe', () => {
  const found = new Map<string, readonly Check[]>();

  test.each(
    hosts.map((host) => [host.name, host] as const),
  )('has 28 checks in %s, of which those fail that are recorded', async (name, host) => {
    const checks = await host.probe(inject('consumerFolder'));
    found.set(name, checks);
    expect(new Set(checks.map((check) => check.name)).size).toBe(28);
    const fails = checks.filter(({ ok }) => !ok);
    expect(fails.filter((check) => !explained.includes(check.name))).toEqual([]);
    const { version } = host;
    const errors = Object.fromEntries(fails.map((check) => [check.name, check.detail]));
    record('hosts', name, { version, fails: errors });
    // Other versions may have more features, or fewer.
    const majorOf = (version = ''): string | undefined => version.split('.')[0];
    if (isRecording || majorOf(recorded[name]?.version) !== majorOf(version)) return;
    expect(Object.keys(errors)).toEqual(Object.keys(recorded[name]?.fails ?? {}));
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
  expect(explained.length).toBeGreaterThan(4);
  const current = readFileSync(guide, 'utf8');
  expect(current).toContain('| workerd |');
  expect(withTables(current, readRecords())).toBe(current);
});
