// SPDX-License-Identifier: MIT
//
// Typed arrays, strings and frames over bare addresses, as careful users of malloc write them.

const encoder = new TextEncoder();
const decoder = new TextDecoder();

class Block {
  constructor(type, address, length, buffer) {
    this.address = address;
    this.length = length;
    this.view = new type(buffer, address, length);
  }
}

/** `buffer()` gives the memory as it is now. */
export function arraysByHand({ malloc, free, realloc, buffer }) {
  const array = (type, length) =>
    new Block(type, malloc(length * type.BYTES_PER_ELEMENT), length, buffer());
  const release = (block) => free(block.address);
  return {
    array,
    release,
    /** A view of memory that has grown is empty. */
    view(block) {
      if (block.view.length === 0) {
        block.view = new block.view.constructor(buffer(), block.address, block.length);
      }
      return block.view;
    },
    resize(block, length) {
      const type = block.view.constructor;
      const address = realloc(block.address, length * type.BYTES_PER_ELEMENT);
      return new Block(type, address, length, buffer());
    },
    ...framesByHand({ array, release }),
  };
}

export function framesByHand({ array, release }) {
  return {
    frame(work) {
      const allocated = [];
      work((type, length) => {
        const handle = array(type, length);
        allocated.push(handle);
        return handle;
      });
      for (const handle of allocated) release(handle);
    },
  };
}

export function stringsByHand({ malloc, free, buffer }) {
  return {
    store(text) {
      const bytes = encoder.encode(text);
      const address = malloc(bytes.length);
      new Uint8Array(buffer(), address, bytes.length).set(bytes);
      return { address, length: bytes.length };
    },
    read: ({ address, length }) => decoder.decode(new Uint8Array(buffer(), address, length)),
    forget: ({ address }) => free(address),
  };
}

export function outOfMemory() {
  throw new Error('out of memory');
}
