// SPDX-License-Identifier: MIT
/// <reference lib="esnext.disposable" preserve="true" />

import { disposeSymbol } from '../core/dispose.js';
import { UseAfterFreeError } from '../core/errors.js';
import { assertType, describeMismatch } from '../core/validate.js';
import { Allocator, type Freeable } from './allocator.js';
import { Arena, type ArenaOptions, planArena } from './arena.js';
import { doubleFree, type HeapOwner, lostEpoch } from './owner.js';

/** The most blocks in one set, and objects in one result. A `Set` of the engine holds at most 2^24. */
const mostTogether = 1 << 22;

/**
 * An allocator that frees its blocks when it closes, the last one first. Closing takes time proportional to the
 * number of blocks that were allocated through it and still live.
 */
export class Scope<B extends ArrayBufferLike = ArrayBuffer> extends Allocator<B> {
  readonly #heapOwner: HeapOwner;
  /** Blocks in the order of allocation, until the scope first has to find one of them. An array takes half the time of a set. */
  #recent: Freeable[] = [];
  /** The blocks before these, in the order of allocation. */
  readonly #sets: Set<Freeable>[] = [];
  /** The number of blocks to add before the scope next removes those that were freed. */
  #room = 256;
  /** The epoch of the heap when the scope last checked which blocks it still owns. */
  #epoch: number;
  #isClosed = false;

  /**
   * Use `scope`, `scopeAsync` or `openScope` of a heap.
   *
   * @internal
   */
  constructor(owner: HeapOwner) {
    super();
    void owner.memory; // throws where the heap was disposed
    this.#heapOwner = owner;
    this.#epoch = owner.epoch;
  }

  /**
   * Implements `Heap.scope`.
   *
   * @internal
   */
  static run<Result, B extends ArrayBufferLike>(
    owner: HeapOwner,
    fn: (scope: Scope<B>) => Result,
  ): Result {
    assertRunsAtOnce(fn);
    const scope = new Scope<B>(owner);
    const outer = owner.runningScope as Scope<B> | undefined;
    let result: Result | undefined;
    const errors: unknown[] = [];
    try {
      result = scope.#call(fn, scope);
      assertNoPromise(result);
    } catch (error) {
      errors.push(error);
    }
    return scope.#end(errors, result, outer) as Result;
  }

  /**
   * Implements `Heap.scopeAsync`.
   *
   * @internal
   */
  static async runAsync<Result, B extends ArrayBufferLike>(
    owner: HeapOwner,
    fn: (scope: Scope<B>) => Result | PromiseLike<Result>,
  ): Promise<Result> {
    assertType('fn', fn, 'function');
    const scope = new Scope<B>(owner);
    let result: Result | undefined;
    const errors: unknown[] = [];
    try {
      // This scope outlives the scope whose function is running now, so it has no outer scope.
      result = await scope.#call(fn);
    } catch (error) {
      errors.push(error);
    }
    return scope.#end(errors, result) as Result;
  }

  /**
   * Resizes a block as `Heap.realloc` does. If the block was this scope's, it still is. Returns its address.
   *
   * @throws RangeError, OutOfMemoryError, InvalidFreeError as `Heap.realloc` does.
   */
  realloc(address: number, size: number): number {
    if (address === 0) return this.malloc(size);
    const { owner } = this;
    if (!this.#find('has', address)) return owner.heap.realloc(address, size);
    const moved = owner.realloc(address, 0, size);
    this.#find('delete', address);
    return this.finish(moved);
  }

  /**
   * Frees a raw block before the scope closes. An address of 0 is ignored. Free a handle with its own `free`.
   *
   * @throws InvalidFreeError, DoubleFreeError as `Heap.free` does.
   */
  free(address: number): void {
    const { owner } = this;
    (this.#find('has', address) ? owner : owner.heap).free(address);
    this.#find('delete', address);
    owner.growth.reportGrowth();
  }

  /**
   * Makes an arena that lives until the scope closes.
   *
   * @throws RangeError, TypeError where an option is wrong.
   * @throws OutOfMemoryError where memory cannot hold it.
   */
  arena(options: ArenaOptions): Arena<B> {
    const bytes = planArena(options);
    return this.finish(new Arena<B>(bytes, this.owner));
  }

  /**
   * Removes a value from this scope, so that it stays alive when this scope and its outer scopes close, and
   * returns it. The value is a handle, an arena, a raw address, or arrays and plain objects of these, as in the
   * result of `Heap.scope`. Blocks that this scope did not allocate are not affected.
   *
   * @throws UseAfterFreeError where the scope was closed.
   * @throws RangeError where the value has more than 4 194 304 arrays and objects.
   */
  keep<Value>(value: Value): Value {
    this.#assertOpen();
    for (const part of this.#partsOf(value)) {
      if (this.#find('delete', part as Freeable)) this.#handOver(part as Freeable);
    }
    return value;
  }

  /**
   * Frees all blocks that were not kept, the last one first. Does nothing if the scope is already closed. In the
   * function of `scope` or `scopeAsync` this ends the scope early: the blocks that the function returns are freed, too,
   * unless they were passed to `keep`, and nothing is freed when it returns.
   *
   * @throws what freeing a block throws, after all other blocks were freed; an `AggregateError` for several errors.
   */
  close(): void {
    this.#end([]);
  }

  /** Closes the scope, at the end of a `using` block. */
  [disposeSymbol](): void {
    this.close();
  }

  /** @internal */
  protected override get owner(): HeapOwner {
    this.#assertOpen();
    return this.#heapOwner;
  }

  /** @internal */
  protected override finish<Block extends Freeable>(block: Block): Block {
    this.#take(block);
    return super.finish(block);
  }

  #assertOpen(): void {
    if (this.#isClosed) throw new UseAfterFreeError('the scope was closed');
  }

  /** Checks which blocks the scope still owns, if the heap's epoch has changed. */
  #refresh(): void {
    if (this.#epoch !== this.#heapOwner.epoch) this.#sweep(false);
  }

  #take(block: Freeable): void {
    this.#refresh();
    this.#recent.push(block);
    if (--this.#room < 0) this.#sweep(true);
  }

  /** Removes raw blocks that the scope no longer owns and, with `isFull`, handles that were freed. */
  #sweep(isFull: boolean): void {
    const owner = this.#heapOwner;
    const before = this.#epoch;
    this.#epoch = owner.epoch;
    const recent: Freeable[] = [];
    const owns = (block: Freeable): boolean => {
      if (!isRaw(block)) return !isFull || block.alive;
      const now = owner.renew(block, before);
      if (now === lostEpoch) recent.push(lostBlock(block));
      return now >= 0;
    };
    for (const blocks of this.#sets) {
      for (const block of blocks) if (!owns(block)) blocks.delete(block);
    }
    for (const block of this.#recent) if (owns(block)) recent.push(block);
    this.#recent = recent;
    this.#room = this.#sets.reduce((sum, { size }) => sum + size, recent.length + 256);
  }

  /** Calls `fn` while `running` is the innermost scope. */
  #call<Result>(fn: (scope: Scope<B>) => Result, running?: Scope<B>): Result {
    const owner = this.#heapOwner;
    const outer = owner.runningScope;
    owner.runningScope = running;
    try {
      return fn(this);
    } finally {
      owner.runningScope = outer;
    }
  }

  /** Returns whether the scope owns the block; `delete` also removes it. */
  #find(action: 'has' | 'delete', block: Freeable): boolean {
    this.#refresh();
    const sets = this.#sets;
    for (const recent of this.#recent) {
      if ((sets.at(-1)?.size ?? mostTogether) === mostTogether) sets.push(new Set());
      sets.at(-1)?.add(recent);
    }
    this.#recent = [];
    return sets.some((blocks) => blocks[action](block));
  }

  /** Gives a raw block that leaves all scopes to the caller. */
  #handOver(block: Freeable): void {
    if (isRaw(block)) this.#heapOwner.disown(block);
  }

  /** Returns a value and what its arrays and plain objects contain: objects, and addresses of this scope's blocks. */
  #partsOf(value: unknown): Set<unknown> {
    const parts = new Set([value]);
    // The loop also visits the parts that it adds.
    for (const part of parts) {
      if (!isCollection(part)) continue;
      // Copying a million elements would take longer than the rest of the walk.
      const values: readonly unknown[] =
        Array.isArray(part) && part.length <= mostTogether ? part : Object.values(part);
      for (let index = 0, { length } = values; index < length; index++) {
        const child = values[index];
        const mayBeBlock =
          typeof child === 'number' ? this.#find('has', child) : typeof child === 'object';
        if (mayBeBlock && parts.add(child).size > mostTogether) {
          throw new RangeError(`the result has more than ${mostTogether} objects`);
        }
      }
    }
    return parts;
  }

  /**
   * Closes the scope and frees its blocks, the last one first. The blocks in `result` move to the `outer` scope. If
   * there are errors, the caller gets no result, so these blocks are freed, too.
   *
   * @throws the errors in `errors`, and every error that searching the result or freeing a block throws.
   */
  #end(errors: unknown[], result?: unknown, outer?: Scope<B>): unknown {
    let returned: ReadonlySet<unknown> | undefined;
    const kept: Freeable[] = [];
    const free = (block: Freeable): void => {
      try {
        if (isRaw(block)) this.#heapOwner.free(block);
        else block.free();
      } catch (error) {
        errors.push(error);
      }
    };
    try {
      if (result !== undefined) returned = this.#partsOf(result);
    } catch (error) {
      errors.push(error);
    }
    this.#isClosed = true;
    this.#refresh();
    this.#heapOwner.growth.runOperation(() => {
      for (const blocks of [...this.#sets, this.#recent].reverse()) {
        for (const block of [...blocks].reverse()) {
          if (returned?.has(block)) kept.push(block);
          else free(block);
        }
      }
      this.#recent = [];
      this.#sets.length = 0;
      if (errors.length > 0) kept.forEach(free);
    });
    if (errors.length > 0) throw combine(errors);
    for (const block of kept.reverse()) {
      if (outer && !outer.#isClosed) outer.#take(block);
      else this.#handOver(block);
    }
    return result;
  }
}

/** Stands in for a raw block that other code freed: its `free` reports that when the scope closes. */
function lostBlock(address: number): Freeable {
  return {
    alive: true,
    free() {
      throw doubleFree(address);
    },
  };
}

function isRaw(block: Freeable): block is number {
  return typeof block === 'number';
}

/** Refuses asynchronous functions: the scope would close before such a function continues. */
function assertRunsAtOnce(fn: unknown): void {
  assertType('fn', fn, 'function');
  const tag = (fn as { readonly [Symbol.toStringTag]?: string })[Symbol.toStringTag];
  if (tag !== undefined) {
    throw new TypeError(`${describeMismatch('fn', 'synchronous', tag)}; use scopeAsync`);
  }
}

function assertNoPromise(result: unknown): void {
  if (typeof (result as PromiseLike<unknown> | undefined)?.then !== 'function') return;
  // The promise will fail, since its blocks are freed now, and the caller cannot handle that failure.
  if ((result as Promise<unknown>)[Symbol.toStringTag] === 'Promise') {
    (result as Promise<unknown>).catch(() => {});
  }
  throw new TypeError(`${describeMismatch('fn', 'synchronous', 'a promise')}; use scopeAsync`);
}

/** Returns whether a value is an array or a plain object: one whose prototype is null or an `Object.prototype`, of any realm. */
function isCollection(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return !prototype || !Object.getPrototypeOf(prototype) || Array.isArray(value);
}

/** Returns one error for all. A heap that has trapped throws the same error for each block. */
function combine(thrown: readonly unknown[]): unknown {
  const errors = [...new Set(thrown)];
  return errors.length === 1
    ? errors[0]
    : new AggregateError(errors, `${errors.length} errors while the scope closed`);
}
