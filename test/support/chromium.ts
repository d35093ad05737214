// SPDX-License-Identifier: MIT

export { findChromium } from '../../tools/lib/chromium.mjs';

/** Tests load nothing but their own pages: no sandbox (root has none), no updates, no telemetry. */
export const chromiumArguments = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--no-first-run',
];
