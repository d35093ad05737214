// SPDX-License-Identifier: MIT
//
// Runs before each test file. The tests lose thousands of handles, and a warning that is printed while a test process
// exits would fail it. Other tests check the warnings, in separate processes.

const warn = console.warn;

console.warn = (...data: unknown[]): void => {
  if (!String(data[0]).includes('collected as garbage')) warn(...data);
};
