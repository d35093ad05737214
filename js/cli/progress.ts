// SPDX-License-Identifier: MIT

import cliProgress from 'cli-progress';

/**
 * Runs `work` with a progress bar on the standard error, if that is a terminal. The bar hides no cursor and leaves the
 * line wrap of the terminal as it is, so a signal that ends the command leaves nothing to restore.
 */
export async function withProgress<Result>(
  name: string,
  work: (onProgress: (share: number) => void) => Promise<Result>,
): Promise<Result> {
  if (!process.stderr.isTTY) return work(() => {});
  const bar = new cliProgress.SingleBar({
    format: `${name} [{bar}] {percentage}%`,
    stream: process.stderr,
    hideCursor: false,
    linewrap: true, // cut lines at the terminal's width instead of turning its line wrap off
    clearOnComplete: true,
  });
  bar.start(1, 0);
  try {
    return await work((share) => bar.update(share));
  } finally {
    bar.stop();
  }
}
