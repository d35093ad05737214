// SPDX-License-Identifier: MIT
//
// Run before each file of tests: these lose handles by the thousand, and a warning that comes while a
// test process ends would fail it. The warnings have tests of their own, in processes of their own.

const warn = console.warn;

console.warn = (...data: unknown[]): void => {
  if (!String(data[0]).includes('was collected as garbage')) warn(...data);
};
