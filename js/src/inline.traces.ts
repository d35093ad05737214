// SPDX-License-Identifier: MIT

import * as replay from './replay/replay.js';
import { replayPart } from './replay/replay-part.js';
import { traceFilePart } from './traces/trace.js';
import * as traceFile from './traces/trace-file.js';

export * from './inline.js';

replayPart.part = replay;
traceFilePart.part = traceFile;
