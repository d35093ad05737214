// SPDX-License-Identifier: MIT

import { framesByHand } from './by-hand.mjs';

const array = (type, length) => new type(length);
/** The collector's work, later. */
const release = () => {};

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export const cannot = {
  addresses: 'typed arrays have no address',
  realloc: 'typed arrays have no address',
  growth: 'no memory of its own that grows',
  memory: 'memory goes back when the collector runs',
};

export function open() {
  return {
    array,
    release,
    view: (handle) => handle,
    resize(handle, length) {
      const larger = new handle.constructor(length);
      larger.set(handle);
      return larger;
    },
    store: (text) => encoder.encode(text),
    read: (bytes) => decoder.decode(bytes),
    forget: release,
    ...framesByHand({ array, release }),
  };
}
