// SPDX-License-Identifier: MIT

import { type Arena, type Heap, OutOfMemoryError, type Scope } from 'lite-alloc';
import { type ShadowBlock, ShadowHeap } from '../shadow-heap.js';

/** A handle of any kind: what the model needs of it. */
export interface Handle {
  readonly address: number;
  readonly byteLength: number;
  readonly alive: boolean;
  free(): void;
}

/** A handle whose contents the model knows, and what it was allocated from. */
export interface OwnedHandle {
  readonly handle: Handle;
  /** As bytes. */
  contents: Uint8Array;
  readonly from: Heap | Scope | Arena;
}

/** What must be true of a heap after the calls so far. */
export class HeapModel {
  readonly isDebug: boolean;
  commands = 0;
  /** Raw blocks, of `malloc` and its kin. */
  readonly blocks: ShadowBlock[] = [];
  /** Raw blocks of the sized calls. */
  readonly sized: ShadowBlock[] = [];
  readonly shadow: ShadowHeap;
  readonly handles: OwnedHandle[] = [];
  readonly dead: Handle[] = [];
  /** Scopes that are open, the outermost first. */
  readonly scopes: Scope[] = [];
  readonly arenas: Arena[] = [];
  readonly #memory: WebAssembly.Memory;

  constructor(memory: WebAssembly.Memory, isDebug: boolean) {
    this.#memory = memory;
    this.isDebug = isDebug;
    this.shadow = new ShadowHeap(memory);
  }

  /** Blocks that the heap itself counts: those of arenas lie inside of one. */
  get liveBlocks(): number {
    const ownHandles = this.handles.filter(({ from }) => !this.arenas.includes(from as Arena));
    return this.blocks.length + this.sized.length + ownHandles.length + this.arenas.length;
  }

  /** The bytes of a handle as they lie in memory. */
  bytesOf({ address, byteLength }: Handle): Uint8Array {
    return new Uint8Array(this.#memory.buffer, address, byteLength);
  }

  add<H extends Handle>(from: Heap | Scope | Arena, handle: H): H {
    this.handles.push({ handle, contents: this.bytesOf(handle).slice(), from });
    return handle;
  }

  /** The handle is dead from now on. */
  bury(owned: OwnedHandle): void {
    this.verify(owned);
    this.#remove(owned);
  }

  /** All handles of this arena or scope are dead. */
  buryAllOf(from: Scope | Arena): void {
    for (const owned of this.handles.filter((each) => each.from === from)) this.#remove(owned);
  }

  /** Nothing lives any more. */
  clear(): void {
    this.shadow.clear();
    this.blocks.length = 0;
    this.sized.length = 0;
    this.arenas.length = 0;
    for (const owned of [...this.handles]) this.#remove(owned);
  }

  verify({ handle, contents }: OwnedHandle): void {
    if (!handle.alive) throw new Error(`the handle at ${handle.address} died`);
    const bytes = this.bytesOf(handle);
    const damaged = bytes.findIndex((byte, index) => byte !== contents[index]);
    if (damaged !== -1 || bytes.length !== contents.length) {
      throw new Error(`the handle at ${handle.address} differs at byte ${damaged}`);
    }
  }

  verifyAll(heap: Heap): void {
    this.shadow.verifyAll();
    for (const owned of this.handles) this.verify(owned);
    for (const handle of this.dead) if (handle.alive) throw new Error('a dead handle lives');
    heap.check();
    const { liveBlocks } = heap.stats();
    if (liveBlocks !== this.liveBlocks) {
      throw new Error(`stats tell of ${liveBlocks} blocks, not of ${this.liveBlocks}`);
    }
  }

  /** Frees all that is left: the heap must be empty then. */
  end(heap: Heap): void {
    this.verifyAll(heap);
    for (const scope of this.scopes.splice(0).reverse()) {
      this.buryAllOf(scope);
      scope.close();
    }
    for (const arena of this.arenas.splice(0)) {
      this.buryAllOf(arena);
      arena.free();
    }
    for (const owned of [...this.handles]) {
      this.bury(owned);
      owned.handle.free();
    }
    for (const { address } of this.blocks.splice(0)) heap.free(address);
    for (const { address, size, alignment } of this.sized.splice(0)) {
      heap.deallocate(address, size, alignment);
    }
    heap.assertNoLeaks();
    heap.check();
    const { liveBlocks, liveBytes } = heap.stats();
    if (liveBlocks !== 0 || liveBytes !== 0) {
      throw new Error(`an empty heap tells of ${liveBlocks} blocks with ${liveBytes} bytes`);
    }
  }

  #remove(owned: OwnedHandle): void {
    this.handles.splice(this.handles.indexOf(owned), 1);
    this.dead.push(owned.handle);
    if (this.dead.length > 50) this.dead.shift();
  }
}

/** What the call gives; undefined where memory was full, and everything is as it was. */
export function unlessFull<Result>(call: () => Result): Result | undefined {
  try {
    return call();
  } catch (error) {
    if (error instanceof OutOfMemoryError) return undefined;
    throw error;
  }
}
