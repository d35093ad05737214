// SPDX-License-Identifier: MIT

/**
 * Returns the reasons why a version cannot be published, as sentences; an empty list if it can be.
 *
 * @param {object} release
 * @param {{ version: string, repository?: unknown }} release.manifest the contents of package.json
 * @param {string} release.changelog the text of CHANGELOG.md
 * @param {string[]} release.tags the git tags that name the current commit
 * @param {boolean} release.isClean whether the working tree equals that commit
 */
export function reasonsAgainstRelease({ manifest, changelog, tags, isClean }) {
  const { version, repository } = manifest;
  const heading = changelog.split('\n').find((line) => line.startsWith(`## ${version}`));
  const reasons = [];
  if (repository === undefined) {
    reasons.push('package.json has no "repository": set it to the URL of the public repository.');
  }
  if (heading === undefined || !/, \d{4}-\d{2}-\d{2}$/.test(heading)) {
    reasons.push(`CHANGELOG.md has no heading "## ${version}, YYYY-MM-DD".`);
  }
  if (!tags.includes(`v${version}`)) {
    reasons.push(`The tag v${version} does not name this commit: git tag v${version}.`);
  }
  if (!isClean) reasons.push('The working tree differs from the commit: commit or stash it.');
  return reasons;
}
