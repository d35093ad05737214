// SPDX-License-Identifier: MIT
//
// The workloads of the JavaScript benches. They use peers through the interface that `peers/index.mjs` describes. A
// workload has
//
//   name, api       `addresses` or `handles`: which of a peer's interfaces it is about;
//   needs           what of it, by the names in a peer's `cannot`;
//   prepare(peer, smoke)  { operations, run(times) }: `run` does that many operations `times` over;
//   alone           a name of what `case.mjs` measures in its own way, instead.

import { Operation, readTrace } from '../trace.mjs';

const powersOfTen = (from, to) => Array.from({ length: to - from + 1 }, (_, index) => from + index);

export const histories = ['cfrac', 'lua', 'buffers', 'vectors', 'frames'];

export const workloads = [
  ...['16 B', '64 B', '1 KiB', '64 KiB'].map((title) => ({
    name: `pair ${title}`,
    api: 'addresses',
    needs: ['addresses'],
    prepare: (peer) => pair(peer, toBytes(title)),
  })),
  { name: 'batch of 1000', api: 'addresses', needs: ['addresses'], prepare: batch },
  ...powersOfTen(2, 6).map((power) => ({
    name: `replace in 10^${power}`,
    series: 'replace',
    live: 10 ** power,
    api: 'addresses',
    needs: ['addresses', 'blocks'],
    prepare: (peer, smoke) => replace(peer, smoke ? 100 : 10 ** power),
  })),
  {
    name: 'grow to 4 MiB',
    api: 'addresses',
    needs: ['addresses', 'realloc'],
    prepare: growBlocks,
  },
  { name: '64 KiB to 256 MiB', api: 'addresses', needs: ['addresses', 'growth'], alone: 'growth' },
  ...[
    ['array 256 B', 64],
    ['array 1 MiB', 1 << 18],
  ].map(([name, length]) => ({
    name,
    api: 'handles',
    needs: ['arrays'],
    prepare: (peer) => arrays(peer, length),
  })),
  { name: 'array 256 B, filled', api: 'handles', needs: ['arrays'], prepare: filledArrays },
  { name: 'view[0]', api: 'handles', needs: ['arrays'], prepare: readViews },
  {
    name: 'array grown to 4 MiB',
    api: 'handles',
    needs: ['arrays', 'resize'],
    prepare: growArrays,
  },
  {
    name: 'frames',
    api: 'handles',
    needs: ['arrays'],
    history: 'frames',
    prepare: queueFrames,
  },
  {
    name: 'meshes',
    api: 'handles',
    needs: ['arrays'],
    history: 'buffers',
    prepare: streamMeshes,
  },
  { name: 'strings', api: 'handles', needs: ['strings'], prepare: keepStrings },
  { name: 'scope per frame', api: 'handles', needs: ['frames'], prepare: scopePerFrame },
  { name: 'start', api: 'start', needs: ['arrays'], alone: 'start' },
  ...histories.map((history) => ({
    name: `memory, ${history}`,
    api: 'memory',
    needs: ['addresses', 'realloc', 'memory'],
    alone: 'memory',
    histories: [history],
  })),
  {
    name: 'memory, all in turn',
    api: 'memory',
    needs: ['addresses', 'realloc', 'memory'],
    alone: 'memory',
    histories,
  },
  { name: 'heap per handle', api: 'memory', needs: ['arrays'], alone: 'handleBytes' },
  {
    name: '10 000 frames, addresses',
    api: 'memory',
    needs: ['addresses', 'blocks', 'memory'],
    alone: 'steadyAddresses',
  },
  {
    name: '10 000 frames, handles',
    api: 'memory',
    needs: ['arrays'],
    alone: 'steadyHandles',
  },
];

/** Results are stored here, so that the engine cannot drop the work. */
const sink = { value: undefined };

function toBytes(title) {
  const [number, unit] = title.split(' ');
  return number * { B: 1, KiB: 1024 }[unit];
}

/** Allocates and frees one block per operation. */
function pair({ malloc, free }, size) {
  return {
    operations: 1,
    run(times) {
      for (let time = 0; time < times; time++) free(malloc(size));
    },
  };
}

/** Allocates 1000 blocks of 16 to 128 bytes, then frees them in the same order. */
function batch({ malloc, free }) {
  const next = randomNumbers(1);
  const sizes = Uint32Array.from({ length: 1000 }, () => 16 + next(113));
  const addresses = new Uint32Array(sizes.length);
  return {
    operations: sizes.length,
    run(times) {
      for (let time = 0; time < times; time++) {
        for (let index = 0; index < sizes.length; index++) addresses[index] = malloc(sizes[index]);
        for (let index = 0; index < sizes.length; index++) free(addresses[index]);
      }
    },
  };
}

/** Among `live` blocks of 16 to 511 bytes, frees a random one and allocates another in its place. */
function replace({ malloc, free }, live) {
  const next = randomNumbers(2);
  const addresses = new Uint32Array(live);
  for (let index = 0; index < live; index++) addresses[index] = malloc(16 + next(496));
  const step = () => {
    const index = next(live);
    free(addresses[index]);
    addresses[index] = malloc(16 + next(496));
  };
  // Fresh blocks lie in order. After two replacements each they lie as in a program that has run for long.
  for (let count = 0; count < 2 * live; count++) step();
  return {
    operations: 1,
    run(times) {
      for (let time = 0; time < times; time++) step();
    },
  };
}

const leastBytes = 16;
const mostBytes = (smoke) => (smoke ? 4 << 10 : 4 << 20);

/** Doubles two blocks in turn, each of which is in the way of the other. */
function growBlocks({ malloc, free, realloc }, smoke) {
  const most = mostBytes(smoke);
  const steps = Math.log2(most / leastBytes);
  return {
    operations: 2 * steps,
    run(times) {
      for (let time = 0; time < times; time++) {
        let one = malloc(leastBytes);
        let other = malloc(leastBytes);
        for (let size = 2 * leastBytes; size <= most; size *= 2) {
          one = realloc(one, size);
          other = realloc(other, size);
        }
        free(one);
        free(other);
      }
    },
  };
}

function arrays({ array, release }, length) {
  return {
    operations: 1,
    run(times) {
      for (let time = 0; time < times; time++) {
        const handle = array(Float32Array, length);
        sink.value = handle;
        release(handle);
      }
    },
  };
}

function filledArrays({ array, view, release }) {
  return {
    operations: 1,
    run(times) {
      for (let time = 0; time < times; time++) {
        const handle = array(Float32Array, 64);
        view(handle).fill(time);
        release(handle);
      }
    },
  };
}

/** Reads the first element of 64 handles in turn. */
function readViews({ array, view }) {
  const handles = Array.from({ length: 64 }, (_, index) => {
    const handle = array(Float32Array, 16);
    view(handle)[0] = index;
    return handle;
  });
  return {
    operations: 1,
    run(times) {
      let sum = 0;
      for (let time = 0; time < times; time++) sum += view(handles[time & 63])[0];
      sink.value = sum;
    },
  };
}

function growArrays({ array, view, resize, release }, smoke) {
  const most = mostBytes(smoke) / 4;
  const least = leastBytes / 4;
  return {
    operations: Math.log2(most / least),
    run(times) {
      for (let time = 0; time < times; time++) {
        let handle = array(Float32Array, least);
        for (let length = 2 * least; length <= most; length *= 2) {
          handle = resize(handle, length);
          view(handle)[length - 1] = length;
        }
        release(handle);
      }
    },
  };
}

/** Replays the history of media queues. Writes both ends of each array, and reads it before it is freed. */
function queueFrames(peer, smoke) {
  return replayArrays(peer, 'frames', smoke ? 200 : 20_000, (elements) => {
    elements[0] = 1;
    elements[elements.length - 1] = 1;
  });
}

/** Replays the history of meshes and textures. Writes each array from end to end. */
function streamMeshes(peer, smoke) {
  return replayArrays(peer, 'buffers', smoke ? 100 : 2_000, (elements) => elements.fill(1));
}

/** An operation is one of the history: it allocates or frees an array. */
function replayArrays({ array, view, release }, history, operations, write) {
  const { pairs, blocks } = readTrace(history);
  const steps = pairs.subarray(0, operations * 2);
  const handles = new Array(blocks).fill(undefined);
  return {
    operations,
    run(times) {
      let sum = 0;
      for (let time = 0; time < times; time++) {
        for (let index = 0; index < steps.length; index += 2) {
          const id = steps[index] >>> 2;
          if ((steps[index] & 3) === Operation.allocate) {
            const handle = array(Float32Array, Math.ceil(steps[index + 1] / 4));
            write(view(handle));
            handles[id] = handle;
          } else {
            sum += view(handles[id])[0];
            release(handles[id]);
            handles[id] = undefined;
          }
        }
        for (const [id, handle] of handles.entries()) {
          if (handle === undefined) continue;
          release(handle);
          handles[id] = undefined;
        }
      }
      sink.value = sum;
    },
  };
}

/** 1000 strings of 5 to 60 characters, one in eight not plain ASCII: stored, read, freed. */
function keepStrings({ store, read, forget }) {
  const next = randomNumbers(3);
  const texts = Array.from({ length: 1000 }, (_, index) => {
    const text = 'vertex shader: position '.repeat(3).slice(0, 5 + next(56));
    return index % 8 === 0 ? `${text}é` : text;
  });
  const handles = new Array(texts.length);
  return {
    operations: texts.length,
    run(times) {
      for (let time = 0; time < times; time++) {
        for (let index = 0; index < texts.length; index++) handles[index] = store(texts[index]);
        let length = 0;
        for (const handle of handles) length += read(handle).length;
        for (const handle of handles) forget(handle);
        sink.value = length;
      }
    },
  };
}

/** Allocates 200 arrays of 64 bytes to 1 KiB in a frame, and frees all of them at its end. */
function scopePerFrame({ frame }) {
  const next = randomNumbers(4);
  const lengths = Uint32Array.from({ length: 200 }, () => 16 + next(241));
  return {
    operations: lengths.length,
    run(times) {
      for (let time = 0; time < times; time++) {
        frame((allocate) => {
          for (let index = 0; index < lengths.length; index++) {
            sink.value = allocate(Float32Array, lengths[index]);
          }
        });
      }
    },
  };
}

/** A generator of integers from 0 to below a limit: the same numbers in every run. */
export function randomNumbers(seed) {
  let state = seed >>> 0;
  return (limit) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * limit);
  };
}
