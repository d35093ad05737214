// SPDX-License-Identifier: MIT

import { javascriptTables } from './javascript/tables.mjs';

/** The tables of a bench's result: `{ title, rows }` by name. */
export function tablesOf(bench, result) {
  if (bench === 'javascript') return javascriptTables(result);
  return result.tables;
}
