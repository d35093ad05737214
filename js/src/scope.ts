// SPDX-License-Identifier: MIT
/// <reference lib="esnext.disposable" preserve="true" />

import { Allocator, type Freeable } from './allocator.js';
import { Arena, type ArenaOptions, planArena } from './arena.js';
import { assertType, mustBe } from './arguments.js';
import { disposeSymbol, doubleFree, type HeapOwner, lostEpoch } from './blocks.js';
import { UseAfterFreeError } from './errors.js';

/** Blocks in a set, and objects in a result, at most: a `Set` of the engine ends at 2^24. */
const mostTogether = 1 << 22;

/** Frees what is allocated through it when it closes, the last first. */
export class Scope extends Allocator {
  readonly #heapOwner: HeapOwner;
  /** In the order of allocation. */
  readonly #blocks = [new Set<Freeable>()];
  /** How many blocks are added before those that were freed are dropped. */
  #room = 256;
  /** Of the heap when the scope last looked which of its blocks are still its own. */
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
   * What `Heap.scope` does.
   *
   * @internal
   */
  static run<Result>(owner: HeapOwner, fn: (scope: Scope) => Result): Result {
    assertRunsAtOnce(fn);
    const scope = new Scope(owner);
    const outer = owner.runningScope as Scope | undefined;
    let result: Result | undefined;
    const errors: unknown[] = [];
    try {
      result = scope.#call(fn, scope);
      assertNoPromise(result);
    } catch (error) {
      errors.push(error);
    }
    scope.#end(errors, result, outer);
    return result as Result;
  }

  /**
   * What `Heap.scopeAsync` does.
   *
   * @internal
   */
  static async runAsync<Result>(
    owner: HeapOwner,
    fn: (scope: Scope) => Result | PromiseLike<Result>,
  ): Promise<Result> {
    assertType('fn', fn, 'function');
    const scope = new Scope(owner);
    let result: Result | undefined;
    const errors: unknown[] = [];
    try {
      // It outlives the scope whose function calls it now: none is around it.
      result = await scope.#call(fn);
    } catch (error) {
      errors.push(error);
    }
    scope.#end(errors, result);
    return result as Result;
  }

  /**
   * The block with `size` bytes, as `Heap.realloc` does it; it is this scope's if it was before.
   *
   * @throws RangeError, OutOfMemoryError, InvalidFreeError as `Heap.realloc` does.
   */
  realloc(address: number, size: number): number {
    if (address === 0) return this.malloc(size);
    const { owner } = this;
    if (!this.#find('has', address)) return owner.heap.realloc(address, size);
    const moved = owner.realloc(address, 0, size);
    this.#find('delete', address);
    return this.note(moved);
  }

  /**
   * Frees a raw block before the scope closes; 0 is ignored. Handles free themselves.
   *
   * @throws InvalidFreeError, DoubleFreeError as `Heap.free` does.
   */
  free(address: number): void {
    const { owner } = this;
    (this.#find('has', address) ? owner : owner.heap).free(address);
    this.#find('delete', address);
    owner.growth.notice();
  }

  /**
   * An arena, which lives until the scope closes.
   *
   * @throws RangeError, TypeError where an option is wrong.
   * @throws OutOfMemoryError where memory cannot hold it.
   */
  arena(options: ArenaOptions): Arena {
    const bytes = planArena(options);
    return this.note(new Arena(bytes, this.owner));
  }

  /**
   * Takes a value out of this scope and every outer one, so that it stays alive, and returns it: a handle,
   * an arena, a raw address, or arrays and plain objects of these, read as `Heap.scope` reads a result.
   * Blocks that this scope did not allocate stay as they are.
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
   * Frees all that is not kept, the last first. Does nothing where that was done.
   *
   * @throws what a free throws, after all others were freed; an `AggregateError` of several.
   */
  close(): void {
    this.#end([]);
  }

  [disposeSymbol](): void {
    this.close();
  }

  /** @internal */
  protected override get owner(): HeapOwner {
    this.#assertOpen();
    return this.#heapOwner;
  }

  /** @internal */
  protected override note<Block extends Freeable>(block: Block): Block {
    this.#take(block);
    return super.note(block);
  }

  #assertOpen(): void {
    if (this.#isClosed) throw new UseAfterFreeError('the scope was closed');
  }

  /** Looks which blocks are still this scope's, where something happened in the heap. */
  #refresh(): void {
    if (this.#epoch !== this.#heapOwner.epoch) this.#sweep(false);
  }

  #take(block: Freeable): void {
    this.#refresh();
    this.#add(block);
    if (--this.#room < 0) this.#sweep(true);
  }

  #add(block: Freeable): void {
    if (this.#last.size === mostTogether) this.#blocks.push(new Set());
    this.#last.add(block);
  }

  get #last(): Set<Freeable> {
    return this.#blocks[this.#blocks.length - 1] as Set<Freeable>;
  }

  /** Drops raw blocks that are no longer this scope's and, with `isFull`, handles that were freed. */
  #sweep(isFull: boolean): void {
    const owner = this.#heapOwner;
    const before = this.#epoch;
    this.#epoch = owner.epoch;
    for (const blocks of this.#blocks) {
      for (const block of blocks) {
        if (isRaw(block)) {
          const now = before === owner.epoch ? before : owner.renew(block, before);
          if (now < 0) blocks.delete(block);
          if (now === lostEpoch) this.#add(lostBlock(block));
        } else if (isFull && !block.alive) {
          blocks.delete(block);
        }
      }
    }
    this.#room = this.#blocks.reduce((sum, { size }) => sum + size, 256);
  }

  /** Calls `fn` while `running` is the innermost scope. */
  #call<Result>(fn: (scope: Scope) => Result, running?: Scope): Result {
    const owner = this.#heapOwner;
    const outer = owner.runningScope;
    owner.runningScope = running;
    try {
      return fn(this);
    } finally {
      owner.runningScope = outer;
    }
  }

  /** Whether the block is this scope's; `delete` takes it out. */
  #find(action: 'has' | 'delete', block: Freeable): boolean {
    this.#refresh();
    return this.#blocks.some((blocks) => blocks[action](block));
  }

  /** A raw block that leaves the scopes is the caller's. */
  #handOver(block: Freeable): void {
    if (isRaw(block)) this.#heapOwner.disown(block);
  }

  /** A value, and what is in its arrays and plain objects: objects, and addresses of this scope's blocks. */
  #partsOf(value: unknown): Set<unknown> {
    const parts = new Set([value]);
    // The loop comes to what is added meanwhile.
    for (const part of parts) {
      if (!isCollection(part)) continue;
      // A copy of a million elements takes longer than all else.
      const values: readonly unknown[] =
        Array.isArray(part) && part.length <= mostTogether ? part : Object.values(part);
      for (let index = 0, { length } = values; index < length; index++) {
        const child = values[index];
        const mayBeBlock =
          typeof child === 'number' ? this.#find('has', child) : typeof child === 'object';
        if (mayBeBlock && parts.add(child).size > mostTogether) {
          throw new RangeError(`a result of more than ${mostTogether} objects`);
        }
      }
    }
    return parts;
  }

  /**
   * Closes the scope and frees its blocks, the last first, but for those in `result`: they go to the `outer`
   * one. Where there are errors nothing is returned, and they are freed, too.
   *
   * @throws `errors`, and what the walk of the result and the frees throw.
   */
  #end(errors: unknown[], result?: unknown, outer?: Scope): void {
    let returned: ReadonlySet<unknown> = new Set();
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
      returned = this.#partsOf(result);
    } catch (error) {
      errors.push(error);
    }
    this.#isClosed = true;
    this.#refresh();
    this.#heapOwner.growth.runOperation(() => {
      for (const blocks of this.#blocks.reverse()) {
        for (const block of [...blocks].reverse()) {
          if (returned.has(block)) kept.push(block);
          else free(block);
        }
        blocks.clear();
      }
      if (errors.length > 0) kept.forEach(free);
    });
    if (errors.length > 0) throw combine(errors);
    for (const block of kept.reverse()) {
      if (outer && !outer.#isClosed) outer.#take(block);
      else this.#handOver(block);
    }
  }
}

/** In place of a raw block that other code freed. */
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

/** A scope would be closed before such a function goes on. */
function assertRunsAtOnce(fn: unknown): void {
  assertType('fn', fn, 'function');
  const tag = (fn as { readonly [Symbol.toStringTag]?: string })[Symbol.toStringTag];
  if (tag !== undefined) {
    throw new TypeError(`${mustBe('fn', 'synchronous', tag)}: there is scopeAsync`);
  }
}

function assertNoPromise(result: unknown): void {
  if (typeof (result as PromiseLike<unknown> | undefined)?.then !== 'function') return;
  // It fails on what is freed now, and nobody else hears of it.
  if ((result as Promise<unknown>)[Symbol.toStringTag] === 'Promise') {
    (result as Promise<unknown>).catch(() => {});
  }
  throw new TypeError(`${mustBe('fn', 'synchronous', 'a promise')}: there is scopeAsync`);
}

/** Arrays, and objects whose prototype is the last of its chain: `Object.prototype` of any realm, or none. */
function isCollection(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return !prototype || !Object.getPrototypeOf(prototype) || Array.isArray(value);
}

/** A heap that has trapped throws the same error for each block. */
function combine(thrown: readonly unknown[]): unknown {
  const errors = [...new Set(thrown)];
  return errors.length === 1
    ? errors[0]
    : new AggregateError(errors, `${errors.length} errors until the scope was closed`);
}
