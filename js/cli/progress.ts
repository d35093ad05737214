// SPDX-License-Identifier: MIT

import cliProgress from 'cli-progress';

/** Runs `work` with a progress bar on the standard error, if that is a terminal. */
export async function withProgress<Result>(
  name: string,
  work: (onProgress: (share: number) => void) => Promise<Result>,
): Promise<Result> {
  if (!process.stderr.isTTY) return work(() => {});
  const bar = new cliProgress.SingleBar({
    format: `${name} [{bar}] {percentage}%`,
    stream: process.stderr,
    hideCursor: true,
    clearOnComplete: true,
  });
  bar.start(1, 0);
  try {
    return await work((share) => bar.update(share));
  } finally {
    bar.stop();
  }
}
