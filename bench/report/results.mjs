// SPDX-License-Identifier: MIT

import { existsSync, readFileSync } from 'node:fs';
import { tablesOf } from '../tables.mjs';

const benches = ['javascript', 'wasm', 'programs', 'sizes'];

/** The stored results, and the tables of each, by the bench's name. */
export function readResults() {
  const results = Object.fromEntries(
    benches
      .map((name) => [name, new URL(`../results/${name}.json`, import.meta.url)])
      .filter(([, file]) => existsSync(file))
      .map(([name, file]) => [name, JSON.parse(readFileSync(file, 'utf8'))]),
  );
  const tables = Object.fromEntries(
    Object.entries(results).map(([name, result]) => [name, tablesOf(name, result)]),
  );
  return { results, tables };
}

/** The origin of the figures: one line for each run. */
export function originsOf(results) {
  const all = Object.values(results);
  const runs = new Set(all.map(({ run }) => run));
  return [...runs].map((run) => {
    const members = all.filter((result) => result.run === run);
    const {
      date,
      machine,
      node,
      emscripten,
      versions = {},
    } = members.find((result) => result.versions !== undefined) ?? members[0];
    const commands = members.map(({ command }) => `\`${command}\``).join(', ');
    const packages = Object.entries(versions).map(([name, version]) => `, ${name} ${version}`);
    return `Run ${run}, ${date}: ${commands}. ${machine}, Node ${node}, ${emscripten}${packages.join('')}.`;
  });
}
