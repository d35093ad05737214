// SPDX-License-Identifier: MIT
/// <reference lib="esnext.disposable" preserve="true" />

import { Allocator, type Freeable } from './allocator.js';
import { Arena, type ArenaOptions, planArena } from './arena.js';
import { assertType, mustBe, toSize } from './arguments.js';
import { type BlockOwner, disposeSymbol } from './blocks.js';
import { UseAfterFreeError } from './errors.js';

/** So many blocks at first make a scope forget those that were freed; then twice what is left. */
const firstSweep = 256;

/** Frees what is allocated through it when it closes, the last first. */
export class Scope extends Allocator {
  readonly #heapOwner: BlockOwner;
  readonly #blocks = new Set<Freeable>();
  /** Of the heap when the blocks were allocated: in another one they are gone. */
  #epoch: number;
  #sweepAt = firstSweep;
  #isClosed = false;

  /**
   * Use `scope`, `scopeAsync` or `openScope` of a heap.
   *
   * @internal
   */
  constructor(owner: BlockOwner) {
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
  static run<Result>(owner: BlockOwner, fn: (scope: Scope) => Result): Result {
    assertRunsAtOnce(fn);
    const scope = new Scope(owner);
    let result: Result;
    try {
      result = fn(scope);
      assertNoPromise(result);
    } catch (error) {
      return scope.#fail(error);
    }
    return scope.#finish(result);
  }

  /**
   * What `Heap.scopeAsync` does.
   *
   * @internal
   */
  static async runAsync<Result>(
    owner: BlockOwner,
    fn: (scope: Scope) => Result | PromiseLike<Result>,
  ): Promise<Result> {
    assertType('fn', fn, 'function');
    const scope = new Scope(owner);
    let result: Result;
    try {
      result = await fn(scope);
    } catch (error) {
      return scope.#fail(error);
    }
    return scope.#finish(result);
  }

  /**
   * The block with `size` bytes, as `Heap.realloc` does it; it is this scope's if it was before.
   *
   * @throws RangeError, OutOfMemoryError, InvalidFreeError as `Heap.realloc` does.
   */
  realloc(address: number, size: number): number {
    const moved = this.owner.realloc(address, 0, toSize('size', size));
    return address === 0 || this.#blocks.delete(address) ? this.note(moved) : moved;
  }

  /**
   * Frees a raw block before the scope closes; 0 is ignored. Handles free themselves.
   *
   * @throws InvalidFreeError, DoubleFreeError as `Heap.free` does.
   */
  free(address: number): void {
    this.owner.free(address);
    this.#blocks.delete(address);
  }

  /**
   * An arena, which lives until the scope closes.
   *
   * @throws RangeError, TypeError where an option is wrong.
   * @throws OutOfMemoryError where memory cannot hold it.
   */
  arena(options: ArenaOptions): Arena {
    return this.note(new Arena(planArena(options), this.owner));
  }

  /**
   * Takes out of the scope what it is given, so that it stays alive: a handle, an arena, a raw address,
   * or arrays and plain objects of these. Returns it. What is not of this scope stays as it is.
   *
   * @throws UseAfterFreeError where the scope was closed.
   */
  keep<Value>(value: Value): Value {
    this.#assertOpen();
    this.#release(value);
    return value;
  }

  /**
   * Frees all that is not kept, the last first. Does nothing where that was done.
   *
   * @throws what a free throws, after all others were freed; an `AggregateError` of several.
   */
  close(): void {
    const errors = this.#freeAll();
    if (errors.length > 0) throw combine(errors);
  }

  [disposeSymbol](): void {
    this.close();
  }

  /** @internal */
  protected override get owner(): BlockOwner {
    this.#assertOpen();
    return this.#heapOwner;
  }

  /** @internal */
  protected override note<Block extends Freeable>(block: Block): Block {
    this.#forgetOtherEpoch();
    if (this.#blocks.add(block).size >= this.#sweepAt) this.#sweep();
    return block;
  }

  #assertOpen(): void {
    if (this.#isClosed) throw new UseAfterFreeError('the scope was closed');
  }

  #forgetOtherEpoch(): void {
    if (this.#epoch === this.#heapOwner.epoch) return;
    this.#epoch = this.#heapOwner.epoch;
    this.#blocks.clear();
  }

  #sweep(): void {
    for (const block of this.#blocks) {
      if (typeof block !== 'number' && !block.alive) this.#blocks.delete(block);
    }
    this.#sweepAt = Math.max(firstSweep, 2 * this.#blocks.size);
  }

  #release(value: unknown, seen = new Set<unknown>()): void {
    if (this.#blocks.delete(value as Freeable) || !isCollection(value) || seen.has(value)) return;
    seen.add(value);
    for (const part of Object.values(value)) this.#release(part, seen);
  }

  #freeAll(): unknown[] {
    this.#isClosed = true;
    this.#forgetOtherEpoch();
    const blocks = [...this.#blocks].reverse();
    this.#blocks.clear();
    const errors: unknown[] = [];
    for (const block of blocks) {
      try {
        if (typeof block === 'number') this.#heapOwner.free(block);
        else block.free();
      } catch (error) {
        errors.push(error);
      }
    }
    return errors;
  }

  #finish<Result>(result: Result): Result {
    this.#release(result);
    this.close();
    return result;
  }

  #fail(error: unknown): never {
    throw combine([error, ...this.#freeAll()]);
  }
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
  if (result instanceof Promise) result.catch(() => {});
  throw new TypeError(`${mustBe('fn', 'synchronous', 'a promise')}: there is scopeAsync`);
}

function isCollection(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return Array.isArray(value) || prototype === Object.prototype || prototype === null;
}

function combine(errors: readonly unknown[]): unknown {
  return errors.length === 1
    ? errors[0]
    : new AggregateError(errors, `${errors.length} errors until the scope was closed`);
}
