// SPDX-License-Identifier: MIT

import fc from 'fast-check';
import {
  DoubleFreeError,
  type Heap,
  type HeapArray,
  InvalidFreeError,
  OutOfMemoryError,
  type TypedArray,
  UseAfterFreeError,
} from 'lite-alloc';
import { expect } from 'vitest';
import type { ShadowBlock } from '../shadow-heap.js';
import { kinds } from '../typed-arrays.js';
import { type Handle, type HeapModel, type OwnedHandle, unlessFull } from './model.js';

type HeapCommand = fc.Command<HeapModel, Heap>;
type Call<Input> = (model: HeapModel, heap: Heap, input: Input) => void;

/** Every call of the interface, and the mistakes of callers that it must detect. */
export function allCommands(): fc.Arbitrary<HeapCommand>[] {
  return [
    ...rawCalls(),
    ...sizedCalls(),
    ...handleCalls(),
    ...lifetimeCalls(),
    ...wholeHeapCalls(),
    ...mistakes(),
  ];
}

// --- arguments of the calls

const sizes = fc.oneof(
  { weight: 6, arbitrary: fc.nat(128) },
  { weight: 3, arbitrary: fc.nat(2000) },
  { weight: 1, arbitrary: fc.nat(100_000) },
);
const lengths = fc.oneof({ weight: 4, arbitrary: fc.nat(40) }, fc.nat(3000));
const alignments = fc.nat(16).map((power) => 2 ** power);
const kind = fc.constantFrom(...kinds);
const texts = fc.string({ unit: 'binary', maxLength: 60 });
/** A number with which `pick` and `take` choose one of the items that exist when the command runs. */
const choice = fc.nat(1_000_000);

function pick<Item>(items: readonly Item[], chosen: number): Item {
  const item = items[chosen % items.length];
  if (item === undefined) throw new RangeError('nothing to pick from');
  return item;
}

function take<Item>(items: Item[], chosen: number): Item {
  const [item] = items.splice(chosen % items.length, 1);
  if (item === undefined) throw new RangeError('nothing to take');
  return item;
}

function isArray(handle: Handle): handle is HeapArray<TypedArray> {
  return 'view' in handle;
}

class ModelCommand<Input> implements HeapCommand {
  readonly #name: string;
  readonly #input: Input;
  readonly #isPossible: (model: HeapModel) => boolean;
  readonly #call: Call<Input>;

  constructor(
    name: string,
    input: Input,
    isPossible: (model: HeapModel) => boolean,
    call: Call<Input>,
  ) {
    this.#name = name;
    this.#input = input;
    this.#isPossible = isPossible;
    this.#call = call;
  }

  check(model: HeapModel): boolean {
    return this.#isPossible(model);
  }

  run(model: HeapModel, heap: Heap): void {
    model.commands++;
    this.#call(model, heap, this.#input);
  }

  toString(): string {
    return `${this.#name}(${fc.stringify(this.#input)})`;
  }
}

function command<Input>(
  name: string,
  input: fc.Arbitrary<Input>,
  call: Call<Input>,
  isPossible: (model: HeapModel) => boolean = () => true,
): fc.Arbitrary<HeapCommand> {
  return input.map((value) => new ModelCommand(name, value, isPossible, call));
}

const hasBlocks = ({ blocks }: HeapModel): boolean => blocks.length > 0;
const hasSized = ({ sized }: HeapModel): boolean => sized.length > 0;
const hasHandles = ({ handles }: HeapModel): boolean => handles.length > 0;
const hasDead = ({ dead }: HeapModel): boolean => dead.length > 0;
const hasArenas = ({ arenas }: HeapModel): boolean => arenas.length > 0;
const hasScopes = ({ scopes }: HeapModel): boolean => scopes.length > 0;

// --- raw blocks

function rawCalls(): fc.Arbitrary<HeapCommand>[] {
  const keep = (
    { shadow, blocks }: HeapModel,
    address: number | undefined,
    size: number,
    alignment = 16,
    isZero = false,
  ): void => {
    if (address) blocks.push(shadow.add(address, size, alignment, { isZero }));
  };
  return [
    command('malloc', sizes, (model, heap, size) => {
      keep(
        model,
        unlessFull(() => heap.malloc(size)),
        size,
      );
    }),
    command('tryMalloc', sizes, (model, heap, size) => keep(model, heap.tryMalloc(size), size)),
    command('calloc', fc.tuple(fc.nat(40), fc.nat(64)), (model, heap, [count, size]) => {
      keep(
        model,
        unlessFull(() => heap.calloc(count, size)),
        count * size,
        16,
        true,
      );
    }),
    command('memalign', fc.tuple(alignments, sizes), (model, heap, [alignment, size]) => {
      keep(
        model,
        unlessFull(() => heap.memalign(alignment, size)),
        size,
        alignment,
      );
    }),
    command(
      'realloc',
      fc.tuple(choice, sizes),
      ({ blocks, shadow }, heap, [chosen, size]) => {
        const block = take(blocks, chosen);
        shadow.verify(block);
        const moved = unlessFull(() => heap.realloc(block.address, size));
        blocks.push(moved === undefined ? block : shadow.resize(block, moved, size));
      },
      hasBlocks,
    ),
    command(
      'free',
      choice,
      ({ blocks, shadow }, heap, chosen) => {
        const block = take(blocks, chosen);
        shadow.remove(block);
        heap.free(block.address);
      },
      hasBlocks,
    ),
    command(
      'usableSize',
      choice,
      ({ blocks }, heap, chosen) => {
        const { address, size } = pick(blocks, chosen);
        expect(heap.usableSize(address)).toBeGreaterThanOrEqual(size);
      },
      hasBlocks,
    ),
  ];
}

function sizedCalls(): fc.Arbitrary<HeapCommand>[] {
  return [
    command('allocate', fc.tuple(sizes, alignments), (model, heap, [size, alignment]) => {
      const address = unlessFull(() => heap.allocate(size, alignment));
      if (address !== undefined) model.sized.push(model.shadow.add(address, size, alignment));
    }),
    command(
      'reallocate',
      fc.tuple(choice, sizes),
      ({ sized, shadow }, heap, [chosen, size]) => {
        const block = take(sized, chosen);
        shadow.verify(block);
        const moved = unlessFull(() =>
          heap.reallocate(block.address, block.size, size, block.alignment),
        );
        sized.push(moved === undefined ? block : shadow.resize(block, moved, size));
      },
      hasSized,
    ),
    command(
      'deallocate',
      choice,
      ({ sized, shadow }, heap, chosen) => {
        const block = take(sized, chosen);
        shadow.remove(block);
        heap.deallocate(block.address, block.size, block.alignment);
      },
      hasSized,
    ),
  ];
}

// --- handles

/** Chooses the owner of a new handle: the heap, the open scope, or an arena. */
function ownerOf(model: HeapModel, heap: Heap, chosen: number): OwnedHandle['from'] {
  return pick([heap, ...model.scopes.slice(-1), ...model.arenas], chosen);
}

function handleCalls(): fc.Arbitrary<HeapCommand>[] {
  const options = fc.record(
    {
      alignment: fc.oneof(alignments, fc.constantFrom('simd', 'cache', 'gpu', 'page')),
      zero: fc.boolean(),
    },
    { requiredKeys: [] },
  );
  return [
    command(
      'array',
      fc.tuple(choice, kind, lengths, options),
      (model, heap, [chosen, { type, elementBytes }, length, wanted]) => {
        const from = ownerOf(model, heap, chosen);
        const array = unlessFull(() => from.array(type, length, wanted));
        if (array === undefined) return;
        const bytes = { simd: 16, cache: 64, gpu: 256, page: 65536 };
        const alignment =
          typeof wanted.alignment === 'string' ? bytes[wanted.alignment] : wanted.alignment;
        expect(array.address % Math.max(alignment ?? 16, 16)).toBe(0);
        expect(array.byteLength).toBe(length * elementBytes);
        if (wanted.zero) expect(model.bytesOf(array).every((byte) => byte === 0)).toBe(true);
        model.add(from, array);
      },
    ),
    command('from', fc.tuple(choice, kind), (model, heap, [chosen, { sample }]) => {
      const from = ownerOf(model, heap, chosen);
      const source = sample();
      const array = unlessFull(() => from.from(source));
      if (array === undefined) return;
      expect(array.view).toEqual(source);
      model.add(from, array);
    }),
    command(
      'from an iterable',
      fc.tuple(choice, fc.array(fc.integer({ min: -128, max: 127 }))),
      (model, heap, [chosen, elements]) => {
        const from = ownerOf(model, heap, chosen);
        const array = unlessFull(() => from.from(Int8Array, new Set(elements)));
        if (array === undefined) return;
        expect([...array.view]).toEqual([...new Set(elements)]);
        model.add(from, array);
      },
    ),
    command('string', fc.tuple(choice, texts), (model, heap, [chosen, text]) => {
      const from = ownerOf(model, heap, chosen);
      const handle = unlessFull(() => from.string(text));
      if (handle === undefined) return;
      const wellFormed = new TextDecoder('utf-8', { ignoreBOM: true }).decode(
        new TextEncoder().encode(text),
      );
      expect(handle.toString()).toBe(wellFormed);
      expect(heap.readString(handle.address, handle.byteLength)).toBe(wellFormed);
      model.add(from, handle);
    }),
    command(
      'write through the view',
      fc.tuple(choice, fc.nat(255)),
      (model, _heap, [chosen, value]) => {
        const owned = pick(model.handles, chosen);
        model.verify(owned);
        if (isArray(owned.handle)) {
          const { buffer, byteOffset, byteLength } = owned.handle.view;
          new Uint8Array(buffer, byteOffset, byteLength).fill(value);
          owned.contents.fill(value);
        }
      },
      hasHandles,
    ),
    command(
      'resize',
      fc.tuple(choice, lengths),
      (model, _heap, [chosen, length]) => {
        const owned = pick(model.handles, chosen);
        const { handle } = owned;
        if (!isArray(handle)) return;
        model.verify(owned);
        if (unlessFull(() => handle.resize(length) ?? true) === undefined) return;
        const kept = Math.min(owned.contents.length, handle.byteLength);
        expect(handle.length).toBe(length);
        expect(model.bytesOf(handle).subarray(0, kept)).toEqual(owned.contents.subarray(0, kept));
        owned.contents = model.bytesOf(handle).slice();
      },
      hasHandles,
    ),
    command(
      'slice',
      choice,
      (model, heap, chosen) => {
        const { handle, contents } = pick(model.handles, chosen);
        if (!isArray(handle)) return;
        const copy = handle.slice();
        expect(copy.buffer).not.toBe(heap.memory.buffer);
        expect(new Uint8Array(copy.buffer, copy.byteOffset, copy.byteLength)).toEqual(contents);
      },
      hasHandles,
    ),
    command(
      'free a handle',
      choice,
      (model, _heap, chosen) => {
        const owned = pick(model.handles, chosen);
        model.markDead(owned);
        owned.handle.free();
        expect(owned.handle.alive).toBe(false);
      },
      hasHandles,
    ),
    command(
      'use a dead handle',
      choice,
      (model, _heap, chosen) => {
        const handle = pick(model.dead, chosen);
        handle.free();
        if (isArray(handle)) {
          expect(() => handle.view).toThrow(UseAfterFreeError);
          expect(() => handle.resize(3)).toThrow(UseAfterFreeError);
          expect(() => handle.slice()).toThrow(UseAfterFreeError);
        }
      },
      hasDead,
    ),
  ];
}

// --- lifetimes

function lifetimeCalls(): fc.Arbitrary<HeapCommand>[] {
  return [
    command('openScope', fc.constant(undefined), (model, heap) => {
      if (model.scopes.length < 3) model.scopes.push(heap.openScope());
    }),
    command(
      'close the scope',
      fc.constant(undefined),
      (model) => {
        const scope = model.scopes.pop();
        if (scope === undefined) return;
        model.markAllDeadOf(scope);
        scope.close();
        scope.close();
      },
      hasScopes,
    ),
    command(
      'scope',
      fc.tuple(fc.array(kind, { maxLength: 5 }), fc.nat(4), fc.boolean(), fc.boolean()),
      (model, heap, [arrays, keptIndex, isKept, doesThrow]) => {
        const inside: Handle[] = [];
        const stop = new Error('stop');
        const run = (): Handle | undefined =>
          heap.scope((scope) => {
            for (const { sample } of arrays) inside.push(scope.from(sample()));
            scope.malloc(40);
            const kept = inside[keptIndex];
            if (isKept && kept !== undefined) scope.keep(kept);
            if (doesThrow) throw stop;
            return kept;
          });
        let returned: Handle | undefined;
        let isComplete = true;
        try {
          returned = run();
        } catch (error) {
          isComplete = error === stop;
          if (!isComplete) expect(error).toBeInstanceOf(OutOfMemoryError);
        }
        expect(isComplete && doesThrow && returned !== undefined).toBe(false);
        const kept = isComplete && (isKept || !doesThrow) ? inside[keptIndex] : undefined;
        for (const handle of inside) expect(handle.alive).toBe(handle === kept);
        if (kept !== undefined) model.add(heap, kept);
      },
    ),
    command('arena', fc.nat(20_000), (model, heap, bytes) => {
      if (model.arenas.length >= 3) return;
      const arena = unlessFull(() => heap.arena({ bytes }));
      if (arena !== undefined) model.arenas.push(arena);
    }),
    command(
      'malloc in an arena',
      fc.tuple(choice, fc.nat(300), alignments),
      (model, _heap, [chosen, size, alignment]) => {
        const arena = pick(model.arenas, chosen);
        const before = arena.usedBytes;
        const address = unlessFull(() => arena.memalign(alignment, size));
        if (address === undefined) expect(arena.usedBytes).toBe(before);
        else expect(address % Math.max(alignment, 16)).toBe(0);
        expect(arena.usedBytes).toBeLessThanOrEqual(arena.bytes);
      },
      hasArenas,
    ),
    command(
      'reset an arena',
      choice,
      (model, _heap, chosen) => {
        const arena = pick(model.arenas, chosen);
        model.markAllDeadOf(arena);
        arena.reset();
        expect(arena.usedBytes).toBe(0);
      },
      hasArenas,
    ),
    command(
      'free an arena',
      choice,
      (model, _heap, chosen) => {
        const arena = take(model.arenas, chosen);
        model.markAllDeadOf(arena);
        arena.free();
        arena.free();
        expect(() => arena.malloc(1)).toThrow(UseAfterFreeError);
      },
      hasArenas,
    ),
  ];
}

// --- the heap as a whole

function wholeHeapCalls(): fc.Arbitrary<HeapCommand>[] {
  const nothing = fc.constant(undefined);
  return [
    command('verify everything', nothing, (model, heap) => model.verifyAll(heap)),
    command('blocks', nothing, (_model, heap) => {
      let end = 0;
      for (const { address, size } of heap.blocks()) {
        expect(address).toBeGreaterThanOrEqual(end);
        end = address + size;
      }
      expect(end).toBeLessThanOrEqual(heap.memory.buffer.byteLength);
    }),
    command('stats', nothing, (model, heap) => {
      const stats = heap.stats();
      expect(stats.liveBlocks).toBe(model.liveBlocks);
      expect(stats.liveBytes).toBeGreaterThanOrEqual(model.shadow.liveBytes);
      expect(stats.peakLiveBytes).toBeGreaterThanOrEqual(stats.liveBytes);
      expect(stats.memoryBytes).toBe(heap.memory.buffer.byteLength);
      expect(stats.fragmentation).toBeGreaterThanOrEqual(0);
      expect(stats.fragmentation).toBeLessThan(1);
    }),
    command('memory grown by other code', nothing, (_model, heap) => {
      const { memoryBytes, maximumBytes } = heap.stats();
      if (memoryBytes < maximumBytes) heap.memory.grow(1);
      expect(heap.u8.length).toBe(heap.memory.buffer.byteLength);
    }),
    command('reset', fc.nat(20), (model, heap, chance) => {
      if (chance !== 0) return;
      model.clear();
      heap.reset();
      model.verifyAll(heap);
    }),
    command('more than memory can hold', nothing, (model, heap) => {
      const { maximumBytes } = heap.stats();
      expect(() => heap.malloc(maximumBytes)).toThrow(OutOfMemoryError);
      expect(heap.tryMalloc(2 ** 32 + 16)).toBe(0);
      expect(() => heap.calloc(2 ** 31, 4)).toThrow(OutOfMemoryError);
      const [block] = model.blocks;
      if (block !== undefined) {
        expect(() => heap.realloc(block.address, maximumBytes)).toThrow(OutOfMemoryError);
        model.shadow.verify(block);
      }
    }),
  ];
}

// --- mistakes

function mistakes(): fc.Arbitrary<HeapCommand>[] {
  const badSizes = fc.constantFrom(-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY);
  return [
    command(
      'free twice',
      choice,
      ({ blocks, shadow }, heap, chosen) => {
        const block = take(blocks, chosen);
        shadow.remove(block);
        heap.free(block.address);
        expect(() => heap.free(block.address)).toThrow(DoubleFreeError);
        expect(() => heap.realloc(block.address, 10)).toThrow(InvalidFreeError);
      },
      hasBlocks,
    ),
    command(
      'free inside of a block',
      fc.tuple(choice, fc.nat(2000)),
      ({ blocks }, heap, [chosen, offset]) => {
        const { address, size } = pick(blocks, chosen);
        if (size > 1) {
          const inside = address + 1 + (offset % (size - 1));
          expect(() => heap.free(inside)).toThrow(InvalidFreeError);
        }
      },
      // Without debug, bytes in a block may look like a header, so that free of the address behind them succeeds.
      ({ blocks, isDebug }) => isDebug && blocks.length > 0,
    ),
    command('invalid sizes', badSizes, (_model, heap, size) => {
      expect(() => heap.malloc(size)).toThrow(RangeError);
      expect(() => heap.calloc(size, 1)).toThrow(RangeError);
      expect(() => heap.memalign(16, size)).toThrow(RangeError);
      expect(() => heap.allocate(size)).toThrow(RangeError);
      expect(() => heap.array(Uint8Array, size)).toThrow(RangeError);
      expect(() => heap.arena({ bytes: size })).toThrow(RangeError);
    }),
    command(
      'a wrong size on deallocate',
      choice,
      ({ sized, shadow }, heap, chosen) => {
        const block: ShadowBlock = pick(sized, chosen);
        expect(() => heap.deallocate(block.address, block.size + 17, block.alignment)).toThrow(
          InvalidFreeError,
        );
        shadow.verify(block);
      },
      // Only a debug heap knows the size that was asked for.
      ({ sized, isDebug }) => isDebug && sized.length > 0,
    ),
  ];
}
