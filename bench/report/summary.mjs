// SPDX-License-Identifier: MIT

import { defaultPeer } from '../peers/index.mjs';

/** One peer of each kind, for tables without room for all. */
const chosen = ['engine', 'dlmalloc', '@thi.ng/malloc', 'AssemblyScript heap', defaultPeer];

/** A row for each timed workload from JavaScript, a column for each of the chosen. */
export function summaryRows({ addresses, handles }) {
  return [addresses, handles].flatMap(({ rows }) => {
    const [first] = rows;
    return Object.keys(first)
      .filter((column) => column !== 'name')
      .map((workload) => {
        const figureOf = (peer) => rows.find(({ name }) => name === peer)?.[workload];
        return {
          name: workload,
          ...Object.fromEntries(chosen.map((peer) => [peer, figureOf(peer)])),
        };
      });
  });
}
