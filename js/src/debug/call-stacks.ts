// SPDX-License-Identifier: MIT
//
// Stacks of calls. They are captured at once, and formatted only when they are read.

/** Properties of `Error` that engines have beside the standard ones. */
interface StackTracing {
  captureStackTrace?(holder: object, from?: object): void;
  stackTraceLimit?: number;
}

const engine = Error as StackTracing;

/** The number of captured frames. Up to eight of them are of this package. */
const keptFrames = 12;

/** Methods of this package that allocate or free. Minifiers keep the names of methods. */
const ownCalls = new Set(
  'malloc tryMalloc calloc zeroed memalign realloc free allocate deallocate reallocate array from string arena resize resizeBlock runOperation lose'.split(
    ' ',
  ),
);

/** The stack of a call. */
export class CallStack {
  /** The engine's text, made when it is first read. A hook of the program may return anything instead. */
  stack?: unknown;

  /** Returns the frames outside of this package, one a line, the innermost first. */
  toString(): string {
    const frames = textOf(this)
      .split('\n')
      .filter((line) => /^\s+at |@/.test(line));
    const isOwn = ownFrames(frames[0] ?? '');
    let first = Math.max(frames.findIndex(isOwn), 0);
    for (let index = first; index < frames.length; index++) {
      const frame = frames[index] ?? '';
      // The functions that these two call have no name, or the name of a class.
      const mostUnnamed = /^(runOperation|lose)$/.test(functionOf(frame)) ? 3 : 0;
      if (isOwn(frame) && index <= first + mostUnnamed) first = index + 1;
    }
    return frames
      .slice(first)
      .map((frame) => frame.trim())
      .join('\n');
  }
}

/** Captures the stack of the running call, without the frames from `from` inwards if the engine can do that. */
export function captureStack(from: object): CallStack {
  const holder = new CallStack();
  if (engine.captureStackTrace === undefined) {
    holder.stack = new Error().stack ?? '';
    return holder;
  }
  const limit = Object.getOwnPropertyDescriptor(engine, 'stackTraceLimit');
  // The limit of a frozen `Error` cannot be set.
  const isSet = Reflect.set(engine, 'stackTraceLimit', keptFrames);
  engine.captureStackTrace(holder, from);
  if (isSet) {
    if (limit === undefined) delete engine.stackTraceLimit;
    else Object.defineProperty(engine, 'stackTraceLimit', limit);
  }
  return holder;
}

/** Returns the text of a stack. `Error.prepareStackTrace` may return call sites instead of a text, or throw. */
function textOf(holder: CallStack): string {
  try {
    const { stack } = holder;
    if (Array.isArray(stack)) return stack.map((site) => `    at ${String(site)}`).join('\n');
    return typeof stack === 'string' ? stack : '';
  } catch {
    return '';
  }
}

/** Stacks by their text. A program allocates at few places, however many blocks it allocates. */
const readStacks = new Map<string, CallStack>();
const mostReadStacks = 10_000;

/**
 * Returns the same stack as text. An unread stack keeps the objects whose methods are on it reachable, so that no
 * handle which they own would be collected as garbage.
 */
export function readStack(stack: CallStack): CallStack {
  const text = textOf(stack);
  let known = readStacks.get(text);
  if (known === undefined) {
    known = new CallStack();
    known.stack = text;
    if (readStacks.size === mostReadStacks) readStacks.clear();
    readStacks.set(text, known);
  }
  return known;
}

/** Returns a test for frames of this package: by their folder or, in an application's bundle, by their name. */
function ownFrames(innermost: string): (frame: string) => boolean {
  const folder = /\/lite-alloc[^/]*\/dist\/(?=[^/]*$)/.exec(innermost)?.[0];
  return folder === undefined
    ? (frame) => ownCalls.has(functionOf(frame))
    : (frame) => frame.includes(folder);
}

/** Returns `malloc` for `    at Heap.malloc (file:///app.js:1:2)` and for `malloc@file:///app.js:1:2`. */
function functionOf(frame: string): string {
  const path = /^\s+at (?:async )?([^ ]+)|^([^@]*)@/.exec(frame);
  return (path?.[1] ?? path?.[2] ?? '').replace(/^.*[.#/]/, '');
}
