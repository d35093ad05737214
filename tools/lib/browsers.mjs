// SPDX-License-Identifier: MIT
//
// Finds the browsers that the tests run in.

import { accessSync, constants, readdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** The path of the browser to test with: `CHROMIUM_PATH`, or the first on PATH. Undefined if none is found. */
export function findChromium() {
  return named('CHROMIUM_PATH') ?? onPath('chromium', 'chromium-browser', 'google-chrome');
}

/** The path of a Firefox: `FIREFOX_PATH`, or the first on PATH. Undefined if none is found. */
export function findFirefox() {
  return named('FIREFOX_PATH') ?? onPath('firefox-esr', 'firefox');
}

/**
 * The paths of WebKitGTK's MiniBrowser (`MINIBROWSER_PATH`, or where Debian and Fedora install it) and of the X server
 * that it draws to, for it has no headless mode. Undefined if one of them is missing.
 */
export function findWebKit() {
  const browser =
    named('MINIBROWSER_PATH') ?? ['/usr/lib', '/usr/libexec'].flatMap(miniBrowsers).at(-1);
  const display = onPath('Xvfb');
  return browser === undefined || display === undefined ? undefined : { browser, display };
}

function named(variable) {
  return [process.env[variable]].find((path) => path && isExecutable(path));
}

function onPath(...names) {
  const folders = (process.env.PATH ?? '').split(delimiter);
  return names.flatMap((name) => folders.map((folder) => join(folder, name))).find(isExecutable);
}

/** The MiniBrowsers in `webkit2gtk-4.1` and the like: in a library folder, or in one for each architecture. */
function miniBrowsers(folder) {
  return [folder, ...subfolders(folder).filter((path) => path.endsWith('-linux-gnu'))]
    .flatMap(subfolders)
    .filter((path) => /\/webkit(2gtk|gtk)-[\d.]+$/.test(path))
    .map((path) => join(path, 'MiniBrowser'))
    .filter(isExecutable);
}

function subfolders(folder) {
  try {
    return readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => join(folder, name));
  } catch {
    return [];
  }
}

function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
