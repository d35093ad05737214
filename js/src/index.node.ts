// SPDX-License-Identifier: MIT

// A file more costs nothing here. A debug heap can be had without a promise, and the reader of traces is
// there before a stream that is handed to it can fail: such a failure, unheard, would end the process.
import { planDebug } from './debug.js';
import { provideDebug } from './debug-loader.js';
import './trace-format.js';

export * from './index.js';

provideDebug(planDebug);
