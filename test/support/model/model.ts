// SPDX-License-Identifier: MIT

import { type Arena, type Heap, OutOfMemoryError, type Scope } from 'lite-alloc';
import { type ShadowBlock, ShadowHeap } from '../shadow-heap.js';

/** The members of any handle that the model needs. */
export interface Handle {
  readonly address: number;
  readonly byteLength: number;
  readonly alive: boolean;
  free(): void;
}

/** A handle, its expected contents, and the object that allocated it. */
export interface OwnedHandle {
  readonly handle: Handle;
  /** The expected contents as bytes. */
  contents: Uint8Array;
  readonly from: Heap | Scope | Arena;
}

/** The expected state of a heap after the calls so far. */
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

  /** The number of live blocks that the heap reports: an arena is one block, whatever it holds. */
  get liveBlocks(): number {
    const ownHandles = this.handles.filter(({ from }) => !this.arenas.includes(from as Arena));
    return this.blocks.length + this.sized.length + ownHandles.length + this.arenas.length;
  }

  /** The bytes of a handle in memory. */
  bytesOf({ address, byteLength }: Handle): Uint8Array {
    return new Uint8Array(this.#memory.buffer, address, byteLength);
  }

  add<H extends Handle>(from: Heap | Scope | Arena, handle: H): H {
    this.handles.push({ handle, contents: this.bytesOf(handle).slice(), from });
    return handle;
  }

  /** Checks a handle that is about to be freed, and marks it as dead. */
  markDead(owned: OwnedHandle): void {
    this.verify(owned);
    this.#remove(owned);
  }

  /** Marks all handles of an arena or scope as dead. */
  markAllDeadOf(from: Scope | Arena): void {
    for (const owned of this.handles.filter((each) => each.from === from)) this.#remove(owned);
  }

  /** Marks everything as dead, for a reset of the heap. */
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
    const mismatch = bytes.findIndex((byte, index) => byte !== contents[index]);
    if (mismatch !== -1 || bytes.length !== contents.length) {
      throw new Error(`the handle at ${handle.address} differs at byte ${mismatch}`);
    }
  }

  verifyAll(heap: Heap): void {
    this.shadow.verifyAll();
    for (const owned of this.handles) this.verify(owned);
    for (const handle of this.dead) if (handle.alive) throw new Error('a dead handle lives');
    heap.check();
    const { liveBlocks } = heap.stats();
    if (liveBlocks !== this.liveBlocks) {
      throw new Error(`stats report ${liveBlocks} live blocks instead of ${this.liveBlocks}`);
    }
  }

  /** Frees everything that lives; throws unless the heap is empty then. */
  end(heap: Heap): void {
    this.verifyAll(heap);
    for (const scope of this.scopes.splice(0).reverse()) {
      this.markAllDeadOf(scope);
      scope.close();
    }
    for (const arena of this.arenas.splice(0)) {
      this.markAllDeadOf(arena);
      arena.free();
    }
    for (const owned of [...this.handles]) {
      this.markDead(owned);
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
      throw new Error(`an empty heap reports ${liveBlocks} blocks with ${liveBytes} bytes`);
    }
  }

  #remove(owned: OwnedHandle): void {
    this.handles.splice(this.handles.indexOf(owned), 1);
    this.dead.push(owned.handle);
    if (this.dead.length > 50) this.dead.shift();
  }
}

/** Returns the result of the call, or undefined if memory was full and the call changed nothing. */
export function unlessFull<Result>(call: () => Result): Result | undefined {
  try {
    return call();
  } catch (error) {
    if (error instanceof OutOfMemoryError) return undefined;
    throw error;
  }
}
