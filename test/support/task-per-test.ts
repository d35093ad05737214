// SPDX-License-Identifier: MIT
//
// A browser grants a few hundred memories, and collects the memory of an unreachable heap only after the current task.
// Vitest runs synchronous tests in one task: this makes each test begin in a task of its own.

import { beforeEach } from 'vitest';

const { port1, port2 } = new MessageChannel();

beforeEach(
  () =>
    new Promise<void>((resolve) => {
      port1.onmessage = () => resolve();
      port2.postMessage(undefined);
    }),
);
