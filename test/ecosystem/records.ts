// SPDX-License-Identifier: MIT
//
// What `npm run ecosystem` found last, in recorded.json and in the tables of docs/loading.md: the versions of the tools
// with which each application was built, and for each host its version and the checks that fail in it.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { repository } from '../support/sources.js';

export interface HostRecord {
  readonly version: string;
  /** The names of the checks that fail, with their errors. */
  readonly fails: Readonly<Record<string, string>>;
}

export interface Records {
  readonly apps: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly hosts: Readonly<Record<string, HostRecord>>;
}

/** The document with the tables. */
export const guide = join(repository, 'docs', 'loading.md');

const file = fileURLToPath(new URL('recorded.json', import.meta.url));

export function readRecords(): Records {
  return JSON.parse(readFileSync(file, 'utf8')) as Records;
}

/** Whether this is a run of `npm run ecosystem`. */
export const isRecording = process.env['LITE_ALLOC_RECORD'] !== undefined;

/** Stores a result, and writes it into the document, if this is a run of `npm run ecosystem`. */
export function record<Kind extends keyof Records>(
  kind: Kind,
  name: string,
  result: Records[Kind][string],
): void {
  if (!isRecording) return;
  const records = readRecords();
  const changed = { ...records, [kind]: { ...records[kind], [name]: result } };
  writeFileSync(file, `${JSON.stringify(changed, undefined, 2)}\n`);
  writeFileSync(guide, withTables(readFileSync(guide, 'utf8'), changed));
}

/** Returns the document with tables of the records between its comments. */
export function withTables(document: string, { apps, hosts }: Records): string {
  const hostRows = Object.entries(hosts).map(([name, { version, fails }]) => {
    const failing = Object.keys(fails).map((check) => `\`${check}\``);
    return [name, version, failing.join(', ') || 'nothing'];
  });
  const used = Object.values(apps).flatMap((versions) => Object.entries(versions));
  const toolRows = [...new Set(used.map(([tool]) => tool))].toSorted().map((tool) => {
    const versions = used.filter(([name]) => name === tool).map(([, version]) => version);
    return [tool, [...new Set(versions)].join(', ')];
  });
  return [
    ['hosts', table(['host', 'version', 'what fails'], hostRows)] as const,
    ['tools', table(['package', 'version'], toolRows)] as const,
  ].reduce(
    (text, [name, rows]) =>
      text.replace(
        new RegExp(`(<!-- ecosystem: ${name} -->\\n)[\\s\\S]*?(<!-- end -->)`),
        (_, begin: string, end: string) => `${begin}\n${rows}\n\n${end}`,
      ),
    document,
  );
}

function table(titles: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [titles, titles.map(() => '---'), ...rows];
  return lines.map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}
