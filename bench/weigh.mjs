// SPDX-License-Identifier: MIT

import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const sizeReport = fileURLToPath(new URL('../tools/size-report.mjs', import.meta.url));

/**
 * The sizes of files below dist/ or at full paths, in their order: `{ name, raw, gzip, brotli }` in bytes.
 * A script is bundled with what it loads at once, and minified, before it is weighed.
 */
export function weigh(files) {
  const options = { encoding: 'utf8', maxBuffer: 1 << 26 };
  return JSON.parse(execFileSync(process.execPath, [sizeReport, '--json', ...files], options));
}
