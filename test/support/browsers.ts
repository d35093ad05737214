// SPDX-License-Identifier: MIT
//
// The browsers that the tests run in, and how to start them.

import { playwright } from '@vitest/browser-playwright';
import type { BrowserProviderOption } from 'vitest/node';
import { findChromium, findFirefox, findWebKit } from '../../tools/lib/browsers.mjs';
import { firefox, type SpawnedBrowser, webkit } from './spawned-browser.js';

export { findChromium };

/** Tests load nothing but their own pages: no sandbox (root has none), no updates, no telemetry. */
export const chromiumArguments = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--no-first-run',
];

const chromiumPath = findChromium();
const firefoxPath = findFirefox();
const webkitPaths = findWebKit();

export interface Browser {
  readonly name: 'chromium' | 'firefox' | 'webkit';
  readonly provider: BrowserProviderOption;
  readonly parsesUsing: boolean;
}

/** The browsers that this machine has, each with its provider for Vitest. */
export const browsers: Browser[] = [];
if (chromiumPath !== undefined) {
  const launchOptions = { executablePath: chromiumPath, args: chromiumArguments };
  const provider = playwright({ launchOptions });
  browsers.push({ name: 'chromium', provider, parsesUsing: true });
}
if (firefoxPath !== undefined) {
  browsers.push({ name: 'firefox', provider: spawning(firefox(firefoxPath)), parsesUsing: true });
}
if (webkitPaths !== undefined) {
  browsers.push({ name: 'webkit', provider: spawning(webkit(webkitPaths)), parsesUsing: false });
}

/** Playwright drives no Firefox or WebKit but its own builds. The page of a test run needs no driver. */
function spawning(browser: SpawnedBrowser): BrowserProviderOption {
  return {
    name: browser.name,
    options: {},
    // The server of Vitest's browser mode is the same for all browsers.
    serverFactory: playwright().serverFactory,
    providerFactory: () => ({
      name: browser.name,
      supportsParallelism: false,
      getCommandsContext: () => ({}),
      openPage: (_session, url) => browser.open(url),
      close: () => browser.close(),
    }),
  };
}
