// SPDX-License-Identifier: MIT

/** Milliseconds between two breaks. */
const intervalMilliseconds = 50;

/** Interrupts long work at intervals, so that the event loop can run other tasks. */
export class EventLoopBreaks {
  #last = performance.now();

  isDue(now: number): boolean {
    return now - this.#last > intervalMilliseconds;
  }

  async take(): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve));
    this.#last = performance.now();
  }

  async takeIfDue(): Promise<void> {
    if (this.isDue(performance.now())) await this.take();
  }
}
