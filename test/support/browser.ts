// SPDX-License-Identifier: MIT
//
// Pages of the tests' own in a Chromium. A page says what came out in its `<output>`.

import { chromium } from 'playwright';
import { chromiumArguments, findChromium } from './chromium.js';

const executablePath = findChromium();

/** What to put behind the name of a suite that needs a browser: empty, or why it is skipped. */
export const noBrowser =
  executablePath === undefined ? ' (no Chromium found: install one or set CHROMIUM_PATH)' : '';

/** Runs a script that gives what it has to say to `report`. */
export function pageWith(script: string, attributes = 'type="module"'): string {
  return `<!doctype html><title>test</title><output></output><script ${attributes} src="${script}"></script>`;
}

/** Lines for the scripts of such pages. */
export const report = `
  const report = (text) => { document.querySelector('output').textContent = text; };
`;

export interface Visit {
  /** What the page reports in the end. */
  readonly reported: string;
  /** What the browser complained of meanwhile. */
  readonly complaints: readonly string[];
  /** The files that the page loaded, by name. */
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
