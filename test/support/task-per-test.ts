// SPDX-License-Identifier: MIT
//
// Browsers grant some hundred memories, and collect those of dropped heaps only once the task ends that
// dropped them. Vitest runs tests that wait for nothing in one task: here each test begins its own.

import { beforeEach } from 'vitest';

const { port1, port2 } = new MessageChannel();

beforeEach(
  () =>
    new Promise<void>((resolve) => {
      port1.onmessage = () => resolve();
      port2.postMessage(undefined);
    }),
);
