// SPDX-License-Identifier: MIT
//
// Compares our allocators, or the user's mallocs, with the peers and with each other.

import { floor, peers, published, sized } from './allocators.mjs';

/** Rounds to three digits: more would be noise. */
export function significant(value) {
  return Number(value.toPrecision(3));
}

/** The tables of ratios; that of the rounds only where the user names mallocs. */
export function ratioTables(speed, runs, chosen, ownMallocs) {
  const tables = {
    ratios: {
      title: "Minimum over that of a peer: under 1 is faster; 'mean' is the geometric one",
      rows: ratios(speed, chosen, ownMallocs),
    },
  };
  if (ownMallocs.length === 0) return tables;
  const paired = {
    title: 'Ratio of the minima of each round, median over the rounds',
    rows: pairedRatios(runs, chosen, ownMallocs),
  };
  return { ...tables, 'ratios-paired': paired };
}

/** The times of our allocators divided by those of each peer, and by the best of them. */
export function ratios(speed, chosen, ownMallocs) {
  return comparisons(speed, chosen, ownMallocs).map(({ own, peer, ratio }) =>
    ratioRow(`${own} / ${peer}`, chosen, ratio),
  );
}

/**
 * The ratios of the user's mallocs within each round, and their median over the rounds. Whatever disturbs the machine
 * for longer than a round is in both times of a ratio.
 */
export function pairedRatios(runs, chosen, ownMallocs) {
  const rows = runs.map(({ name, cases }) => ({
    name,
    timesOf: (column) => (cases.get(column) ?? []).map(({ minimum }) => minimum),
  }));
  const pairs = rows
    .filter(({ name }) => ownMallocs.includes(name))
    .flatMap((own, index, all) =>
      [...all.slice(0, index), ...rows.filter(({ name }) => peers.includes(name))].map((other) => [
        own,
        other,
      ]),
    );
  return pairs.map(([own, other]) =>
    ratioRow(`${own.name} / ${other.name}`, chosen, (column) => {
      const theirs = other.timesOf(column);
      return median(own.timesOf(column).map((time, round) => time / theirs[round]));
    }),
  );
}

/** A row of ratios and their geometric mean, if all are known. */
function ratioRow(name, chosen, ratio) {
  const found = chosen.map((column) => [column, ratio(column)]);
  const known = found.map(([, value]) => value).filter(Number.isFinite);
  const logarithms = known.reduce((sum, one) => sum + Math.log(one), 0);
  const mean = Math.exp(logarithms / known.length);
  return {
    name,
    ...Object.fromEntries(
      found.map(([column, value]) => [column, Number.isFinite(value) ? significant(value) : '-']),
    ),
    mean: known.length === chosen.length ? significant(mean) : '-',
  };
}

/** What an allocator itself takes: its time without that of the floor. */
export function ownCosts(speed, chosen) {
  const least = speed.find(({ name }) => name === floor);
  if (least === undefined) return [];
  return speed
    .filter((row) => row !== least)
    .map(({ name, ...row }) => ({
      name,
      ...Object.fromEntries(
        chosen.map((column) => {
          const cost = row[column] - least[column];
          return [column, Number.isFinite(cost) ? significant(cost) : '-'];
        }),
      ),
    }));
}

export function losses(speed, chosen, ownMallocs) {
  return comparisons(speed, chosen, ownMallocs).map(({ own, peer, ratio }) => {
    const compared =
      peer === published.name
        ? chosen.filter((column) => published.columns.includes(column))
        : chosen;
    const lost = compared.filter((column) => !(ratio(column) <= 1));
    const words = lost.map((column) =>
      Number.isFinite(ratio(column)) ? `${column} ${significant(ratio(column))}` : column,
    );
    return { name: `${own} / ${peer}`, columns: words.join(', ') || 'nowhere' };
  });
}

/** Each of our rows with the peers; each of the user's mallocs also with those before it. */
function comparisons(speed, chosen, ownMallocs) {
  const rivals = speed.filter(({ name }) => peers.includes(name));
  const best = { name: 'best peer' };
  for (const column of chosen) {
    best[column] = Math.min(...rivals.map((row) => row[column]).filter(Number.isFinite));
  }
  const rowsNamed = (other) => speed.filter(({ name }) => name === other);
  return speed
    .filter(({ name }) => ![...peers, published.name, floor].includes(name))
    .flatMap((own, index, all) =>
      [
        ...(ownMallocs.includes(own.name) ? all.slice(0, index) : []),
        ...rivals,
        best,
        ...(own.name === published.rival ? rowsNamed(published.name) : []),
        ...(own.name === sized.name ? rowsNamed(sized.unsized) : []),
      ].map((peer) => ({
        own: own.name,
        peer: peer.name,
        ratio: (column) => own[column] / peer[column],
      })),
    );
}

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? Number.NaN;
}
