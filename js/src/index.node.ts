// SPDX-License-Identifier: MIT

// A file more costs nothing here, and a debug heap can be had without a promise.
import './debug.js';

export * from './index.js';
