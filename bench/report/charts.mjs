// SPDX-License-Identifier: MIT
//
// The charts, as SVG with colours for light and for dark pages.

import * as Plot from '@observablehq/plot';
import { parseHTML } from 'linkedom';
import { workloads } from '../javascript/workloads.mjs';
import { defaultPeer, peers } from '../peers/index.mjs';

const { document } = parseHTML('<html><body></body></html>');
const width = 860;
const lineHeight = 20;

const rivals = peers.filter(({ kind }) => kind === 'rival').map(({ name }) => name);
const strategies = peers
  .filter(({ kind, options }) => kind === 'own' && !options.debug)
  .map(({ name }) => name);

/** Colours that are legible on white and on black. */
const ownColour = '#e5383b';
const palette = [
  '#8a8f98', // engine
  '#2f81f7',
  '#c58800',
  '#1f9d6b',
  '#c264c2',
  '#00a3b4',
  '#7c6cf0',
  '#b5651d',
];
const colours = new Map([
  ...rivals.map((name, index) => [name, palette[index]]),
  [defaultPeer, ownColour],
  ['lite-alloc', ownColour],
  ...strategies
    .filter((name) => name !== defaultPeer)
    .map((name, index) => [name, palette[index + 1]]),
]);
const isOwn = (name) => name === defaultPeer || name === 'lite-alloc';

/** Every chart for which the results have figures, by file name: `{ title, svg }`. */
export function chartsOf({ results, tables }) {
  const charts = {};
  const add = (name, title, chart) => {
    if (chart !== undefined) charts[name] = { title, svg: finish(title, chart) };
  };
  const { javascript, wasm } = tables;
  if (javascript !== undefined) {
    const among = [...rivals, defaultPeer];
    add(
      'time-addresses',
      'Addresses from JavaScript: nanoseconds per operation',
      timeChart(javascript.addresses.rows, among),
    );
    add(
      'time-handles',
      'Typed arrays, strings and scopes: nanoseconds per operation',
      timeChart(javascript.handles.rows, among),
    );
    add(
      'time-strategies',
      'The strategies: nanoseconds per operation',
      timeChart(
        javascript.addresses.rows.map((row) => ({
          ...row,
          ...javascript.handles.rows.find(({ name }) => name === row.name),
        })),
        strategies,
      ),
    );
    add(
      'time-live',
      'A random block replaced among live ones: nanoseconds',
      liveChart(javascript.addresses.rows, among),
    );
    add(
      'memory',
      'Memory over the peak of live bytes, along two histories; grey: live bytes',
      memoryChart(results.javascript.cases, ['lua', 'buffers'], among),
    );
    add('size', 'What a page loads, bytes after gzip', sizeChart(javascript.ships.rows));
  }
  if (wasm !== undefined) {
    const among = ['dlmalloc', 'emmalloc', 'mimalloc', 'lite-alloc'];
    add(
      'time-wasm',
      'malloc inside wasm: nanoseconds per operation',
      timeChart(wasm.speed.rows, among),
    );
  }
  return charts;
}

/** A row of dots for each workload. */
function timeChart(rows, among) {
  const points = among.flatMap((peer) => {
    const row = rows.find(({ name }) => name === peer) ?? {};
    return Object.entries(row)
      .filter(([, figure]) => typeof figure === 'number')
      .map(([workload, nanoseconds]) => ({ peer, workload, nanoseconds }));
  });
  const order = Object.keys(rows[0] ?? {}).filter((column) => column !== 'name');
  const known = order.filter((column) => points.some(({ workload }) => workload === column));
  return {
    names: among.filter((name) => points.some(({ peer }) => peer === name)),
    options: {
      height: known.length * 26 + 50,
      marginLeft: 150,
      marginRight: 24,
      x: {
        type: 'log',
        label: 'nanoseconds per operation →',
        grid: true,
        inset: 8,
        tickFormat: shortNumber,
      },
      y: { domain: known, label: null },
      marks: [
        Plot.ruleY(known, { strokeOpacity: 0.15 }),
        ...dots(points, { x: 'nanoseconds', y: 'workload' }),
      ],
    },
  };
}

function liveChart(rows, among) {
  const series = workloads.filter(({ series: name }) => name === 'replace');
  const points = among.flatMap((peer) =>
    series.map(({ name, live }) => ({
      peer,
      live,
      nanoseconds: rows.find((row) => row.name === peer)?.[name],
    })),
  );
  const known = points.filter(({ nanoseconds }) => typeof nanoseconds === 'number');
  return {
    names: among.filter((name) => known.some(({ peer }) => peer === name)),
    options: {
      height: 320,
      marginLeft: 60,
      marginRight: 24,
      x: { type: 'log', label: 'live blocks →', tickFormat: shortNumber, ticks: 5 },
      y: { type: 'log', label: '↑ nanoseconds', grid: true, tickFormat: shortNumber },
      marks: [
        ...lines(known, { x: 'live', y: 'nanoseconds' }),
        ...dots(known, { x: 'live', y: 'nanoseconds' }),
      ],
    },
  };
}

/** Values above this are not drawn; the legend names the peers that have such values. */
const memoryTop = 3;

function memoryChart(cases, histories, among) {
  const points = [];
  const live = [];
  for (const history of histories) {
    for (const peer of among) {
      const found = cases.find((one) => one.peer === peer && one.workload === `memory, ${history}`);
      const [run] = found?.runs ?? [];
      if (run === undefined) continue;
      const last = run.way.at(-1)[0];
      for (const [operation, memory, liveBytes] of run.way) {
        const share = operation / last;
        points.push({ peer, history, share, memory: memory / run.peakBytes });
        if (peer === defaultPeer) live.push({ history, share, live: liveBytes / run.peakBytes });
      }
    }
  }
  const shown = points.filter(({ memory }) => memory <= memoryTop);
  const visible = (name) => shown.some(({ peer }) => peer === name);
  const hidden = new Set(points.map(({ peer }) => peer).filter((name) => !visible(name)));
  return {
    names: among.filter(visible),
    shape: 'line',
    note: hidden.size === 0 ? '' : `above ${memoryTop}: ${[...hidden].join(', ')}`,
    options: {
      height: 340,
      marginLeft: 44,
      marginRight: 24,
      fx: { label: null, domain: histories },
      x: { label: 'share of the history →', domain: [0, 1], ticks: 5, tickFormat: '.0%' },
      y: { label: null, domain: [0, memoryTop], grid: true },
      marks: [
        Plot.areaY(live, {
          x: 'share',
          y: 'live',
          fx: 'history',
          fill: 'currentColor',
          fillOpacity: 0.15,
        }),
        ...lines(shown, { x: 'share', y: 'memory', fx: 'history' }),
      ],
    },
  };
}

function sizeChart(rows) {
  const sorted = rows.toSorted((a, b) => a.together - b.together);
  const stroke = ({ name }) => (isOwn(name) ? ownColour : palette[0]);
  return {
    names: [],
    options: {
      height: rows.length * 26 + 50,
      marginLeft: 150,
      marginRight: 80,
      x: {
        type: 'log',
        domain: [1000, 1e6],
        label: 'bytes →',
        grid: true,
        tickFormat: shortNumber,
      },
      y: { domain: sorted.map(({ name }) => name), label: null },
      marks: [
        Plot.ruleY(sorted, { x1: 1000, x2: 'together', y: 'name', stroke, strokeWidth: 8 }),
        Plot.text(sorted, {
          x: 'together',
          y: 'name',
          dx: 8,
          textAnchor: 'start',
          text: ({ together }) => together.toLocaleString('en').replaceAll(',', ' '),
        }),
      ],
    },
  };
}

/** The diamonds of lite-alloc are filled and lie on top. */
function dots(points, channels) {
  const rivalPoints = points.filter(({ peer }) => !isOwn(peer));
  const ownPoints = points.filter(({ peer }) => isOwn(peer));
  return [
    Plot.dot(rivalPoints, { ...channels, stroke: colourOf, strokeWidth: 2, r: 4 }),
    Plot.dot(ownPoints, { ...channels, fill: ownColour, r: 5, symbol: 'diamond' }),
  ];
}

function lines(points, channels) {
  const line = (of, strokeWidth) =>
    Plot.line(of, { ...channels, z: 'peer', stroke: colourOf, strokeWidth });
  return [
    line(
      points.filter(({ peer }) => !isOwn(peer)),
      1.5,
    ),
    line(
      points.filter(({ peer }) => isOwn(peer)),
      3,
    ),
  ];
}

function colourOf({ peer }) {
  return colours.get(peer);
}

/** Puts the title and the legend above a plot, and the page's colours behind it. */
function finish(title, { names, note = '', shape = 'dot', options }) {
  const legend = legendOf(names, note, shape);
  const top = lineHeight * (legend.lines + 1) + 12;
  const plot = Plot.plot({
    document,
    width,
    marginTop: 26,
    marginBottom: 36,
    style: { fontSize: '12px' },
    color: { type: 'identity' },
    ...options,
  });
  plot.setAttribute('y', String(top));
  const height = top + options.height;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" font-family="system-ui, sans-serif" font-size="12" fill="currentColor">`,
    `<title>${escapeXml(title)}</title>`,
    '<style>svg{color:#1f2328}.page{fill:#fff}@media (prefers-color-scheme:dark){svg{color:#e6edf3}.page{fill:#0d1117}}</style>',
    `<rect class="page" width="${width}" height="${height}"/>`,
    `<text x="12" y="22" font-size="15" font-weight="600">${escapeXml(title)}</text>`,
    ...legend.marks,
    plot.outerHTML,
    '</svg>\n',
  ].join('\n');
}

/** Pixels of a letter, an estimate: no browser is here to measure text. */
const letterWidth = 7;

function legendOf(names, note, shape) {
  let x = 16;
  let line = 1;
  const marks = [];
  for (const name of [...names, ...(note === '' ? [] : [note])]) {
    const space = 30 + name.length * letterWidth;
    if (x + space > width) [x, line] = [16, line + 1];
    const y = 24 + line * lineHeight;
    if (colours.has(name)) marks.push(legendMark(name, shape, x, y - 4));
    const weight = isOwn(name) ? ' font-weight="600"' : '';
    marks.push(`<text x="${x + 10}" y="${y}"${weight}>${escapeXml(name)}</text>`);
    x += space;
  }
  return { marks, lines: marks.length === 0 ? 0 : line };
}

/** The mark that the plot has for a name: a line, or a circle, or the diamond of lite-alloc. */
function legendMark(name, shape, x, y) {
  const colour = colours.get(name);
  if (shape === 'line') {
    const width = isOwn(name) ? 3 : 1.5;
    return `<path d="M${x - 6},${y}h12" stroke="${colour}" stroke-width="${width}"/>`;
  }
  return isOwn(name)
    ? `<path d="M${x},${y - 8}l5,8l-5,8l-5,-8z" fill="${colour}"/>`
    : `<circle cx="${x}" cy="${y}" r="4.5" fill="none" stroke="${colour}" stroke-width="2"/>`;
}

function shortNumber(value) {
  if (value >= 1e6) return `${value / 1e6} M`;
  return value >= 1e3 ? `${value / 1e3} k` : String(value);
}

function escapeXml(text) {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
}
