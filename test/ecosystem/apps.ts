// SPDX-License-Identifier: MIT
//
// Applications as the generators make them, changed only as docs/loading.md says. apps.test.ts builds and runs them.

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { pageWith } from '../support/browser.js';
import { findSample, readSamples } from '../support/markdown.js';

export interface App {
  readonly name: string;
  /** Commands that make the application in the current folder, which is empty. */
  readonly create: string;
  /** Packages that the commands install, besides those of the generator. */
  readonly packages: readonly string[];
  /** The packages whose versions the report names. */
  readonly tools: readonly string[];
  /** Files that are written over those of the generator. */
  readonly files: Readonly<Record<string, string>>;
  /** Commands that change files of the generator, and build. */
  readonly build: string;
  /** The folder to serve to a browser, or the command that starts a server on `$PORT`, or the file for Node. */
  readonly run:
    | { readonly folder: string }
    | { readonly server: string }
    | { readonly node: string };
  /**
   * The paths to visit and what each says; those with a star are fetched without a browser. Default: the root says what
   * `useHeap` returns.
   */
  readonly paths?: Readonly<Record<string, string>>;
}

/** What every page, server and program of an application says. */
export const expected = '1,2,3 4 2 Zoë';

const guide = 'docs/loading.md';
const sample = (heading: string, language: string): string =>
  findSample(guide, heading, language).code;
/** The sample as a file of the application, by the name in its first line. */
const sampleFile = (heading: string, language: string): Record<string, string> => {
  const { file = '', code } = findSample(guide, heading, language);
  return { [file]: code };
};

const useHeap = readFileSync(fileURLToPath(new URL('use-heap.js', import.meta.url)), 'utf8');

/** A module that shows the result on its page. */
const main = (path: string): string => `
  import { useHeap } from '${path}';
  const show = (text) => { document.querySelector('output').textContent = text; };
  useHeap().then(show, (error) => show(String(error) + ' ' + String(error.cause)));
`;
/** A module that prints the result. */
const program = `
  import { useHeap } from './use-heap.js';
  useHeap().then(console.log);
`;

/** Commands of the guide. They name programs that npm scripts have on their path. */
function inShell(commands: string): string {
  return `export PATH="$PWD/node_modules/.bin:$PATH"\n${commands}`;
}

/** Makes a package without a generator. */
const newPackage = 'npm init --yes && npm pkg set type=module';

/** The files of an application that no generator made. */
const plain = (page: string, script = pageWith('main.js')): Record<string, string> => ({
  'main.js': main('./use-heap.js'),
  'use-heap.js': useHeap,
  [page]: script,
});

const react = `
  import { useEffect, useState } from 'react';
  import { useHeap } from 'USE_HEAP';
  export default function App() {
    const [text, setText] = useState('');
    useEffect(() => { useHeap().then(setText, (error) => setText(String(error))); }, []);
    return <output>{text}</output>;
  }
`;
const vue = `
  <script setup>
  import { onMounted, ref } from 'vue';
  import { useHeap } from './use-heap.js';
  const text = ref('');
  onMounted(() => useHeap().then((found) => { text.value = found; }, (error) => { text.value = String(error); }));
  </script>
  <template><output>{{ text }}</output></template>
`;
const svelte = `
  <script>
  import { onMount } from 'svelte';
  import { useHeap } from 'USE_HEAP';
  let text = $state('');
  onMount(() => { useHeap().then((found) => { text = found; }, (error) => { text = String(error); }); });
  </script>
  <output>{text}</output>
`;

const vite = (template: string, files: Record<string, string>): App => ({
  name: `vite-${template}`,
  create: `npx --yes create-vite@9 . --template ${template} --no-interactive && npm install`,
  packages: [],
  tools: ['vite', ...(template === 'vanilla' ? [] : [template])],
  files: { 'src/use-heap.js': useHeap, ...files },
  build: 'npm run build',
  run: { folder: 'dist' },
});

const vite7 = {
  create: newPackage,
  packages: ['vite@7'],
  tools: ['vite'],
  files: plain('index.html', pageWith('/main.js')),
};

/** A sample of the guide, by the name of its file. */
function nextSample(name: string): string {
  const found = readSamples(guide).find(({ file }) => file === name);
  if (found === undefined) throw new Error(`${guide} has no sample ${name}`);
  return found.code;
}

const next = (bundler: string): App => ({
  name: `next-${bundler}`,
  create:
    'npx --yes create-next-app@16 made --js --app --no-eslint --no-tailwind --no-src-dir --no-react-compiler --import-alias "@/*" --use-npm --disable-git --yes && mv made/* made/.[a-z]* . && rmdir made',
  packages: [],
  tools: ['next'],
  files: {
    // The layout of the generator loads fonts from Google.
    'app/layout.js': `
      export default function Layout({ children }) {
        return <html lang="en"><body>{children}</body></html>;
      }
    `,
    'app/use-heap.js': useHeap,
    'app/page.js': `'use client';\n${react.replace('USE_HEAP', './use-heap.js')}`,
    'app/server/page.js': `
      import { connection } from 'next/server';
      import { Suspense } from 'react';
      import { useHeap } from '../use-heap.js';
      async function Result() {
        await connection(); // renders at each request
        return <output>{await useHeap()}</output>;
      }
      export default function Page() {
        return <Suspense><Result /></Suspense>;
      }
    `,
    'app/sample/page.js': nextSample('app/page.js'),
    'app/route/route.js': `
      import { connection } from 'next/server';
      import { useHeap } from '../use-heap.js';
      export async function GET() {
        await connection();
        return new Response(await useHeap());
      }
    `,
  },
  build: `npx next build --${bundler}`,
  run: { server: 'npx next start --port $PORT' },
  paths: { '/': expected, '/server': expected, '/route*': expected, '/sample*': '4,5' },
});

/** Routes for the edge runtime, which the settings of the generator exclude. */
const nextEdge = (bundler: string): App => ({
  ...next(bundler),
  name: `next-edge-${bundler}`,
  files: {
    ...next(bundler).files,
    'next.config.mjs': 'export default {};\n',
    'app/edge/route.js': nextSample('app/edge/route.js'),
  },
  paths: { '/': expected, '/edge*': '4,5' },
});

export const apps: readonly App[] = [
  vite('vanilla', { 'index.html': pageWith('/src/main.js'), 'src/main.js': main('./use-heap.js') }),
  vite('react', { 'src/App.jsx': react.replace('USE_HEAP', './use-heap.js') }),
  vite('vue', { 'src/App.vue': vue }),
  vite('svelte', { 'src/App.svelte': svelte.replace('USE_HEAP', './use-heap.js') }),
  { ...vite7, name: 'vite-7-build', build: 'npx vite build', run: { folder: 'dist' } },
  {
    ...vite7,
    name: 'vite-7-dev',
    files: { ...vite7.files, ...sampleFile('Vite 7 and older', 'js') },
    build: 'rm -rf node_modules/.vite',
    run: { server: 'npx vite --host 127.0.0.1 --port $PORT' },
  },
  next('turbopack'),
  next('webpack'),
  nextEdge('turbopack'),
  nextEdge('webpack'),
  {
    // The generator fetches its template from GitHub; these are the files of the minimal one.
    name: 'nuxt',
    create: 'npm init --yes && npm pkg set type=module && npm install nuxt@4',
    packages: [],
    tools: ['nuxt', 'vite'],
    files: {
      'nuxt.config.ts': `export default defineNuxtConfig({ compatibilityDate: '2026-01-01', telemetry: false });\n`,
      'app/app.vue': vue,
      'app/use-heap.js': useHeap,
      'server/api/heap.js': `
        import { useHeap } from '../../app/use-heap.js';
        export default defineEventHandler(() => useHeap());
      `,
    },
    build: 'npx nuxt build',
    run: { server: 'node .output/server/index.mjs' },
    paths: { '/': expected, '/api/heap*': expected },
  },
  {
    name: 'sveltekit',
    create:
      'npx --yes sv@0.17 create . --template minimal --types jsdoc --no-add-ons --no-install && npm install',
    packages: [],
    tools: ['@sveltejs/kit', 'vite'],
    files: {
      'src/lib/use-heap.js': useHeap,
      'src/routes/+page.svelte': svelte.replace('USE_HEAP', '$lib/use-heap.js'),
      'src/routes/server/+server.js': `
        import { useHeap } from '$lib/use-heap.js';
        export const GET = async () => new Response(await useHeap());
      `,
    },
    build: 'npm run build',
    run: { server: 'npx vite preview --host 127.0.0.1 --port $PORT' },
    paths: { '/': expected, '/server*': expected },
  },
  {
    name: 'angular',
    create:
      'npx --yes @angular/cli@22 new app --directory . --defaults --skip-git --skip-tests --ai-config none',
    packages: [],
    tools: ['@angular/build'],
    files: {
      'src/app/use-heap.ts': useHeap,
      'src/app/app.ts': `
        import { Component, signal } from '@angular/core';
        import { useHeap } from './use-heap';
        @Component({ selector: 'app-root', template: '<output>{{ text() }}</output>' })
        export class App {
          protected readonly text = signal('');
          constructor() {
            useHeap().then((found) => this.text.set(found), (error) => this.text.set(String(error)));
          }
        }
      `,
      'change-angular-json.mjs': `
        import { readFileSync, writeFileSync } from 'node:fs';
        const settings = JSON.parse(readFileSync('angular.json', 'utf8'));
        const { options } = settings.projects.app.architect.build;
        options.assets = [...(options.assets ?? []), ${sample('Angular', 'json')}];
        writeFileSync('angular.json', JSON.stringify(settings));
      `,
    },
    build: 'node change-angular-json.mjs && NG_CLI_ANALYTICS=false npx ng build',
    run: { folder: 'dist/app/browser' },
  },
  {
    // The generator fetches its template from GitHub; these are the files of the minimal one.
    name: 'astro',
    create: 'npm init --yes && npm pkg set type=module && npm install astro',
    packages: [],
    tools: ['astro', 'vite'],
    files: {
      'src/pages/index.astro': `<output></output>\n<script>${main('../use-heap.js')}</script>\n`,
      'src/pages/server.txt.js': `
        import { useHeap } from '../use-heap.js';
        export const GET = async () => new Response(await useHeap());
      `,
      'src/use-heap.js': useHeap,
    },
    build: 'ASTRO_TELEMETRY_DISABLED=1 npx astro build',
    run: { folder: 'dist' },
    paths: { '/': expected, '/server.txt*': expected },
  },
  {
    name: 'webpack',
    create: newPackage,
    packages: ['webpack', 'webpack-cli'],
    tools: ['webpack'],
    files: {
      'src/index.js': main('./use-heap.js'),
      'src/use-heap.js': useHeap,
      'dist/index.html': pageWith('main.js', 'defer'),
    },
    build: 'npx webpack --mode production',
    run: { folder: 'dist' },
  },
  {
    name: 'rsbuild',
    create:
      'npx --yes create-rsbuild@2.2.5 --dir . --template vanilla-js --override && npm install',
    packages: [],
    tools: ['@rsbuild/core'],
    files: {
      'src/index.js': `document.body.append(document.createElement('output'));\n${main('./use-heap.js')}`,
      'src/use-heap.js': useHeap,
    },
    build: 'npm run build',
    run: { folder: 'dist' },
  },
  {
    name: 'rspack',
    create: newPackage,
    packages: ['@rspack/core', '@rspack/cli'],
    tools: ['@rspack/core'],
    files: {
      'src/index.js': main('./use-heap.js'),
      'src/use-heap.js': useHeap,
      'dist/index.html': pageWith('main.js', 'defer'),
    },
    build: 'npx rspack build --mode production',
    run: { folder: 'dist' },
  },
  {
    name: 'parcel',
    create: 'npm init --yes && npm pkg delete main && npm pkg set type=module',
    packages: ['parcel'],
    tools: ['parcel'],
    files: {
      'src/index.html': pageWith('index.js'),
      'src/index.js': main('./use-heap.js'),
      'src/use-heap.js': useHeap,
    },
    build: 'npx parcel build src/index.html',
    run: { folder: 'dist' },
  },
  {
    name: 'esbuild-esm',
    create: newPackage,
    packages: ['esbuild'],
    tools: ['esbuild'],
    files: plain('out/index.html'),
    build: inShell(sample('esbuild', 'sh')),
    run: { folder: 'out' },
  },
  {
    // esbuild's default format has no address of the module, so the entry has to contain the wasm.
    name: 'esbuild-iife',
    create: newPackage,
    packages: ['esbuild'],
    tools: ['esbuild'],
    files: {
      ...plain('out/index.html', pageWith('main.js', 'defer')),
      'use-heap.js': useHeap.replace("'lite-alloc'", "'lite-alloc/inline/region'"),
    },
    build: inShell('esbuild main.js --bundle --outdir=out'),
    run: { folder: 'out' },
  },
  {
    name: 'esbuild-node',
    create: newPackage,
    packages: ['esbuild'],
    tools: ['esbuild'],
    files: { ...plain('out/package.json', '{ "type": "module" }'), 'main.js': program },
    // For Node nothing has to be copied.
    build: inShell(
      sample('esbuild', 'sh')
        .replace('--bundle', '--bundle --platform=node')
        .replace(/^cp .*$/m, ''),
    ),
    run: { node: 'out/main.js' },
  },
  {
    name: 'rollup',
    create: newPackage,
    packages: ['rollup', '@rollup/plugin-node-resolve'],
    tools: ['rollup'],
    files: { ...plain('out/index.html'), ...sampleFile('Rollup', 'js') },
    build: inShell(sample('Rollup', 'sh')),
    run: { folder: 'out' },
  },
  {
    name: 'bun-bundler',
    create: newPackage,
    packages: ['bun'],
    tools: ['bun'],
    files: plain('out/index.html'),
    build: inShell(sample('Bun and Deno as bundlers', 'sh')),
    run: { folder: 'out' },
  },
  {
    name: 'deno-bundler',
    create: newPackage,
    packages: ['deno'],
    tools: ['deno'],
    files: plain('out/index.html'),
    build: inShell(sample('Bun and Deno as bundlers', 'bash')),
    run: { folder: 'out' },
  },
];
