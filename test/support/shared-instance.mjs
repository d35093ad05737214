// SPDX-License-Identifier: MIT
//
// Instances of the module for shared heaps, and threads that use one at random. Plain JavaScript, since workers of Node
// load it as it is.

/**
 * Makes an instance of the module: that of the calling thread.
 *
 * @param {WebAssembly.Module} module
 * @param {WebAssembly.Memory} memory
 */
export function openInstance(module, memory) {
  const words = new Int32Array(memory.buffer);
  const wait = (address, value) => void Atomics.wait(words, address >>> 2, value, 1);
  const { exports } = new WebAssembly.Instance(module, { env: { memory, wait } });
  const id = exports.claim();
  if (id === 0) throw new Error('there are too many threads');
  exports.__stack_pointer.value = exports.stackOf(id);
  if (exports.enter(id) === 0) throw new Error('there is no memory for another thread');
  return { heap: exports, id };
}

/** Numbers that look random. */
export function randomNumbers(seed) {
  let state = seed;
  return (bound) => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return (state >>> 8) % bound;
  };
}

/** Live blocks, by address. The contents of each tell its address and size: it has at least 12 bytes. */
export class CheckedBlocks {
  /** @type {number[]} */
  live = [];
  #heap;
  #memory;
  #words;

  constructor(heap, memory) {
    this.#heap = heap;
    this.#memory = memory;
    this.#words = new Uint32Array(memory.buffer);
  }

  allocate(size) {
    const address = this.#heap.malloc(size) >>> 0;
    if (address === 0) throw new Error(`there is no memory for ${size} bytes`);
    const words = this.#wordsUpTo(address + size);
    words[address >>> 2] = address;
    words[(address >>> 2) + 1] = size;
    words[((address + size) >>> 2) - 1] = ~address;
    this.live.push(address);
  }

  /** Takes a block out of the list. */
  take(index) {
    const address = this.live[index];
    this.live[index] = this.live.at(-1);
    this.live.pop();
    return address;
  }

  /** Checks the contents of a block of any thread, and frees it. */
  free(address) {
    const size = this.#wordsUpTo(address + 8)[(address >>> 2) + 1];
    const words = this.#wordsUpTo(address + size);
    const last = words[((address + size) >>> 2) - 1];
    if (words[address >>> 2] !== address || last !== ~address >>> 0) {
      throw new Error(`the contents of block ${address}, ${size} bytes, were overwritten`);
    }
    const result = this.#heap.free(address);
    if (result !== 0) throw new Error(`free of ${address}, ${size} bytes, returned ${result}`);
  }

  freeAll() {
    while (this.live.length > 0) this.free(this.live.pop());
  }

  /** Another thread may have grown memory. Growth by nothing lets this thread's buffer follow at once. */
  #wordsUpTo(end) {
    if (end > this.#words.byteLength) {
      this.#memory.grow(0);
      this.#words = new Uint32Array(this.#memory.buffer);
    }
    return this.#words;
  }
}

/**
 * Allocates and frees blocks at random. A quarter of them goes through `mailbox`, where any thread may take them.
 *
 * @param {CheckedBlocks} blocks
 * @param {Int32Array} mailbox places for addresses; undefined where threads keep their blocks
 */
export function useHeap(blocks, random, operations, mailbox) {
  for (let count = 0; count < operations; count++) {
    if (blocks.live.length < 200 || (blocks.live.length < 400 && random(2) === 0)) {
      blocks.allocate(randomSize(random));
      continue;
    }
    const address = blocks.take(random(blocks.live.length));
    const isSent = mailbox !== undefined && random(4) === 0;
    const freed = isSent ? Atomics.exchange(mailbox, random(mailbox.length), address) : address;
    if (freed !== 0) blocks.free(freed >>> 0);
  }
}

/** A size in bytes: most are small, one in twenty needs the lock. */
function randomSize(random) {
  if (random(20) === 0) return 4 * (9000 + random(15_000));
  return 16 + 4 * random(random(10) === 0 ? 3000 : 120);
}
