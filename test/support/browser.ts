// SPDX-License-Identifier: MIT
//
// Runs pages of the tests in a Chromium. A page writes its result to its `<output>` element.

import { chromium } from 'playwright';
import { chromiumArguments, findChromium } from './browsers.js';

const executablePath = findChromium();

/** The end of the name of a suite that needs a browser: empty, or the reason why the suite is skipped. */
export const noBrowser =
  executablePath === undefined ? ' (no Chromium found: install one or set CHROMIUM_PATH)' : '';

/** The HTML of a page that runs a script, which passes its result to `report`. */
export function pageWith(script: string, attributes = 'type="module"'): string {
  return `<!doctype html><title>test</title><output></output><script ${attributes} src="${script}"></script>`;
}

/** The definition of `report`, for the scripts of such pages. */
export const report = `
  const report = (text) => { document.querySelector('output').textContent = text; };
`;

export interface Visit {
  /** The text that the page reported. */
  readonly reported: string;
  /** The console errors and uncaught errors of the page. */
  readonly complaints: readonly string[];
  /** The paths of the files that the page requested. */
  readonly loaded: readonly string[];
}

export interface TestBrowser {
  visit(url: string): Promise<Visit>;
  close(): Promise<void>;
}

export async function openBrowser(): Promise<TestBrowser> {
  const browser = await chromium.launch({
    executablePath: executablePath ?? '',
    args: chromiumArguments,
  });
  return { visit, close: () => browser.close() };

  async function visit(url: string): Promise<Visit> {
    const tab = await browser.newPage();
    const complaints: string[] = [];
    const loaded: string[] = [];
    // No page has an icon.
    await tab.route('**/favicon.ico', (route) => route.fulfill({ status: 204 }));
    tab.on('console', (message) => {
      if (message.type() === 'error') complaints.push(message.text());
    });
    tab.on('pageerror', (error) => complaints.push(String(error)));
    tab.on('request', (request) => loaded.push(new URL(request.url()).pathname));
    await tab.goto(url);
    const output = tab.locator('output:not(:empty)');
    await output.waitFor({ timeout: 20_000 }).catch((reason: unknown) => {
      throw new Error(`${url} reported nothing; the browser said: ${complaints.join('\n')}`, {
        cause: reason,
      });
    });
    const reported = await output.innerText();
    await tab.close();
    return { reported, complaints, loaded };
  }
}
