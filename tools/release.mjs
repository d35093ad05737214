// SPDX-License-Identifier: MIT
//
// npm run release
//
// Builds the package and publishes it to npm with a provenance statement. .github/workflows/release.yml runs
// it for each tag `vVERSION`, after the suites. Refuses, and lists every reason, where package.json names no
// repository, CHANGELOG.md has no date for the version, the tag is missing or files are not committed.

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './lib/processes.mjs';
import { reasonsAgainstRelease } from './lib/release-checks.mjs';

const read = (file) => readFileSync(join(root, file), 'utf8');
const git = (...options) => execFileSync('git', options, { cwd: root, encoding: 'utf8' }).trim();

const reasons = reasonsAgainstRelease({
  manifest: JSON.parse(read('package.json')),
  changelog: read('CHANGELOG.md'),
  tags: git('tag', '--points-at', 'HEAD').split('\n'),
  isClean: git('status', '--porcelain') === '',
});
if (reasons.length > 0) {
  console.error(`The release is refused:\n${reasons.map((reason) => `- ${reason}`).join('\n')}`);
  process.exit(1);
}
const options = { cwd: root, stdio: 'inherit' };
execFileSync(process.execPath, ['tools/prepare.mjs'], options);
execFileSync('npm', ['publish', '--provenance', '--access', 'public'], options);
