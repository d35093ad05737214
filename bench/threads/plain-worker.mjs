// SPDX-License-Identifier: MIT

import { workerData } from 'node:worker_threads';
import { instantiate, separate } from './instance.mjs';

const { module, memory, index } = workerData;
const exports = instantiate(module, memory);
separate(exports, index);
exports.bench_run(index);
