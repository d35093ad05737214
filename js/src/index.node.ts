// SPDX-License-Identifier: MIT
//
// The entry for Node, where more code costs nothing. It contains all parts, so that `createHeapSync` can make every
// kind of heap, and so that a stream that is passed to the trace reader has an error handler at once: if it failed while
// the reader is still loading, the failure would end the process. It also contains the wasm, because tools that bundle
// for Node rewrite the addresses of files, and programs that they made run without the files of the package.

import './inline.debug.js';
import './inline.region.js';
import './inline.traces.js';

export * from './inline.js';
