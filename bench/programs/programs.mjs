// SPDX-License-Identifier: MIT

import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { linkableMallocs, peers, root } from '../wasm/allocators.mjs';
import { median, ratioTables, significant } from '../wasm/ratios.mjs';
import { buildPrograms } from './build.mjs';
import { debianFolder, programs } from './list.mjs';

const script = fileURLToPath(new URL('case.mjs', import.meta.url));
/** A program that takes longer than the limit with a malloc is stopped, and does not run with it again. */
const modes = {
  smoke: { rounds: 1, level: '-O0', limitSeconds: 60 },
  medium: { rounds: 5, level: '-O2', limitSeconds: 15 },
  heavy: { rounds: 15, level: '-O2', limitSeconds: 60 },
};

/** With which mallocs smoke mode links the programs; each link takes seconds. */
const smokePeers = ['dlmalloc'];

/** The processes of a run take turns: allocator by allocator, program by program. */
export async function measure({ mode, progress, malloc = [], ...choice }) {
  const { level, rounds: usual, limitSeconds } = modes[mode];
  const rounds = Number((mode === 'smoke' ? undefined : choice.rounds) ?? usual);
  const temporary = mkdtempSync(join(tmpdir(), 'lite-alloc-bench-'));
  try {
    const build = resolve(root, choice.build ?? 'build/wasm-release');
    const allocators = findAllocators(build, malloc, temporary).filter(
      ({ name, isPeer }) => !isPeer || mode !== 'smoke' || smokePeers.includes(name),
    );
    const { present, missing } = findPrograms(mode, choice.columns?.split(','));
    const folder = join(root, 'build', 'bench', 'programs');
    progress.start(present.length * allocators.length * (1 + rounds), 0, { now: 'compiling' });
    const modules = await buildPrograms(present, allocators, {
      level,
      folder: malloc.length === 0 ? folder : join(temporary, 'programs'),
      progress: (now) => progress.increment(1, { now }),
    });
    const runs = runRounds({
      allocators,
      present,
      modules,
      rounds,
      mode,
      progress,
      cpu: choice.cpu,
      limitSeconds,
    });
    progress.stop();
    return tablesOf(runs, present, missing, malloc.length === 0 ? [] : allocators);
  } finally {
    rmSync(temporary, { recursive: true });
  }
}

function findAllocators(build, malloc, temporary) {
  const library = join(build, 'cpp', 'lite_alloc', 'malloc', 'liblite_alloc_malloc.a');
  const ours =
    malloc.length === 0
      ? [{ name: 'lite-alloc', link: [library, '-sMALLOC=none'] }]
      : linkableMallocs(malloc, join(build, 'bench', 'wasm'), temporary).map(
          ({ name, objects }) => ({
            name,
            link: [...objects, '-sMALLOC=none'],
            isOwn: true,
          }),
        );
  return [...peers.map((name) => ({ name, link: [`-sMALLOC=${name}`], isPeer: true })), ...ours];
}

/** The programs whose sources are here, or can be fetched; smoke mode fetches nothing. */
function findPrograms(mode, chosen) {
  const names = programs.map(({ name }) => name);
  for (const name of (chosen ?? []).filter((one) => !names.includes(one))) {
    throw new Error(`--columns: there is no program ${name}; there are ${names.join(', ')}.`);
  }
  const wanted = programs.filter(({ name }) => chosen?.includes(name) ?? true);
  const packages = wanted.flatMap(({ debian }) => debian ?? []);
  if (mode !== 'smoke' && packages.length > 0) fetchSources(packages);
  const isPresent = ({ folder, debian }) =>
    existsSync(debian === undefined ? folder : join(folder, 'debian-version'));
  const missing = wanted.filter((program) => !isPresent(program));
  if (missing.length > 0) {
    const list = missing.map(({ name }) => name).join(', ');
    console.log(`Programs left out, since their sources are not here: ${list}.`);
  }
  return { present: wanted.filter(isPresent), missing };
}

/** A system without Debian's archive leaves these programs out. */
function fetchSources(packages) {
  const fetch = join(root, 'tools', 'debian-sources');
  spawnSync(fetch, [debianFolder, ...packages], { stdio: ['ignore', 2, 2] });
}

function runRounds({ allocators, present, modules, rounds, mode, progress, ...limits }) {
  const runs = allocators.map(({ name }) => ({
    name,
    cases: new Map(present.map((program) => [program.name, []])),
  }));
  for (let round = 0; round < rounds; round++) {
    for (const { name: program, scale } of present) {
      for (const { name, cases } of runs) {
        progress.increment(1, { now: `${name}: ${program}` });
        const found = cases.get(program);
        if (found[0]?.failure !== undefined) continue;
        const module = modules.get(`${program}.${name}`);
        const run = runOnce(module, mode === 'smoke' ? 1 : scale, limits);
        if (run.failure === undefined) found.push(run);
        else cases.set(program, [run]);
      }
    }
  }
  for (const { name } of present) requireSameResults(name, runs);
  return runs;
}

function runOnce(module, scale, { cpu, limitSeconds }) {
  const command = [process.execPath, script, module, String(scale)];
  if (cpu !== undefined) command.unshift('taskset', '-c', cpu);
  const options = { encoding: 'utf8', timeout: limitSeconds * 1000 };
  try {
    const output = execFileSync(command[0], command.slice(1), options);
    const { milliseconds, ...rest } = JSON.parse(output);
    return { minimum: milliseconds, ...rest };
  } catch (error) {
    if (error.code === 'ETIMEDOUT') return { failure: `over ${limitSeconds} s` };
    throw error;
  }
}

/** A program that computes something else with another malloc was broken by it. */
export function requireSameResults(program, runs) {
  const results = runs.flatMap(({ name, cases }) =>
    cases
      .get(program)
      .filter(({ failure }) => failure === undefined)
      .map(({ result }) => ({ name, result })),
  );
  const different = results.find(({ result }) => result !== results[0].result);
  if (different === undefined) return;
  throw new Error(
    `${program} gives ${results[0].result} with ${results[0].name}, but ${different.result} with ${different.name}.`,
  );
}

function tablesOf(runs, present, missing, allocators) {
  const names = present.map(({ name }) => name);
  const own = allocators.filter(({ isOwn }) => isOwn).map(({ name }) => name);
  const rows = (take) =>
    runs.map(({ name, cases }) => ({
      name,
      ...Object.fromEntries(
        names.map((program) => {
          const found = cases.get(program);
          return [program, found[0].failure ?? take(found)];
        }),
      ),
    }));
  const speed = rows((found) => significant(Math.min(...found.map(({ minimum }) => minimum))));
  return {
    speed: { title: 'Whole programs: milliseconds, minimum', rows: speed },
    'speed-median': {
      title: 'Whole programs: milliseconds, median',
      rows: rows((found) => significant(median(found.map(({ minimum }) => minimum)))),
    },
    ...ratioTables(speed, runs, names, own),
    memory: {
      title: 'Whole programs: KB grown',
      rows: rows(([run]) => run.grownKb),
    },
    sources: {
      title: 'Sources of the programs',
      rows: [...present, ...missing].map((program) => ({
        name: program.name,
        version: missing.includes(program) ? 'left out: not fetched' : versionOf(program),
      })),
    },
  };
}

function versionOf({ folder, debian, sources }) {
  if (debian !== undefined) {
    return `Debian ${debian} ${readFileSync(join(folder, 'debian-version'), 'utf8').trim()}`;
  }
  const [, name] = /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(folder) ?? [];
  if (sources.length === 0 || name === undefined) return 'this repository, over libc++';
  const [packageFolder] = folder.split(`${name}/`);
  const file = join(
    packageFolder.replace(/\/$/, ''),
    ...(packageFolder.endsWith(name) ? [] : [name]),
    'package.json',
  );
  return `npm ${name} ${JSON.parse(readFileSync(file, 'utf8')).version}`;
}
