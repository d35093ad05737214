// SPDX-License-Identifier: MIT

import { causeOf } from './causes.mjs';

/** The most characters of a reason that fit into a cell. */
const shortReason = 16;

/** A table's columns, cells as text, and the reasons that are too long for a cell. */
export function layOut(rows) {
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))].filter(
    (column) => column !== 'name',
  );
  const reasons = new Map();
  const cells = rows.map((row) => [
    row.name,
    ...columns.map((column) => {
      const figure = row[column];
      if (figure === undefined) return '-';
      if (typeof figure !== 'string' || figure.length <= shortReason || !isReason(rows, column))
        return format(figure);
      const reason = `${row.name}: ${figure}`;
      reasons.set(reason, [...(reasons.get(reason) ?? []), column]);
      return '-';
    }),
  ]);
  return {
    columns,
    cells,
    reasons: [...reasons].map(([reason, where]) => `${reason} (${where.join(', ')})`),
  };
}

/** Text in a column of figures is the reason why a figure is missing. */
function isReason(rows, column) {
  return rows.some((row) => typeof row[column] === 'number');
}

export function markdownTable(rows) {
  const { columns, cells } = layOut(rows);
  const lines = [['', ...columns], ['---', ...columns.map(() => '---:')], ...cells];
  return lines.map((line) => `| ${line.join(' | ')} |`).join('\n');
}

export function markdownReasons(rows) {
  return layOut(rows)
    .reasons.map((reason) => `- ${reason}`)
    .join('\n');
}

/** Groups thousands, and rounds fractions to three digits. */
export function format(figure) {
  if (typeof figure !== 'number') return String(figure);
  const rounded = Number.isInteger(figure) ? figure : Number(figure.toPrecision(3));
  const [whole, fraction] = String(rounded).split('.');
  const grouped = whole.replace(/\B(?=(\d{3})+$)/g, ' ');
  return fraction === undefined ? grouped : `${grouped}.${fraction}`;
}

/** `lossesOf` as rows of a table, each with its cause. */
export function lossRows(losses) {
  return losses.map(({ column, where, unit, peer, theirs, ours, times }) => ({
    name: `${where}: ${column}`,
    'best peer': peer,
    theirs: withUnit(theirs, unit),
    ours: withUnit(ours, unit),
    times: Number.isFinite(times) ? Number(times.toPrecision(3)) : '-',
    cause: causeOf({ where, column }),
  }));
}

function withUnit(figure, unit) {
  return typeof figure === 'number' ? `${format(figure)} ${unit}`.trimEnd() : String(figure);
}
