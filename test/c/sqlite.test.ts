// SPDX-License-Identifier: MIT

import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { expect, inject, test } from 'vitest';
import { runNode } from '../support/consumer.js';
import { buildWithCmake } from '../support/emscripten.js';
import { repository } from '../support/sources.js';

test("SQLite gives the same results on this malloc as on Emscripten's", () => {
  const consumer = inject('consumerFolder');
  const folder = join(consumer, 'sqlite');
  cpSync(join(repository, 'examples', 'sqlite'), folder, { recursive: true });
  cpSync(join(consumer, 'node_modules'), join(folder, 'node_modules'), { recursive: true });
  const settings = {
    SQLITE_FOLDER: join(repository, 'node_modules', 'cordova-sqlite-storage-dependencies'),
    CMAKE_C_FLAGS: '-O1',
    CMAKE_CXX_FLAGS: '-O2',
  };
  const build = join(folder, 'build');
  buildWithCmake(folder, build, settings, ['workload', 'workload-dlmalloc']);

  const [ours, theirs] = ['workload', 'workload-dlmalloc'].map((program) => {
    const lines = runNode(build, `${program}.js`).split('\n');
    return { results: lines.slice(0, -1), memory: lines.at(-1) };
  });
  expect(ours?.results.filter((line) => line.includes('checksum'))).toHaveLength(28);
  expect(ours?.results).toEqual(theirs?.results);
  expect(ours?.memory).toMatch(/^memory: \d+ KiB$/);
  console.log(`SQLite: ${ours?.memory}, with dlmalloc ${theirs?.memory}`);
});
