// SPDX-License-Identifier: MIT
//
// Where a call came from: taken at once, put into words only when somebody asks.

/** What engines offer beside the standard. */
interface StackTracing {
  captureStackTrace?(holder: object, from?: object): void;
  stackTraceLimit?: number;
}

const engine = Error as StackTracing;

/** Frames that are read, up to eight of the package itself among them. */
const keptFrames = 12;

/** Calls that allocate or free: minifiers keep the names of methods. */
const ownCalls = new Set(
  'malloc tryMalloc calloc zeroed memalign realloc free allocate deallocate reallocate array from string arena resize resizeBlock runOperation lose'.split(
    ' ',
  ),
);

/** The stack of a call. */
export class CallStack {
  /** The engine's text, which it makes when that is first read; by a hook of the program, anything. */
  stack?: unknown;

  /** The frames outside of this package, one a line, the innermost first. */
  toString(): string {
    const frames = textOf(this)
      .split('\n')
      .filter((line) => /^\s+at |@/.test(line));
    const isOwn = ownFrames(frames[0] ?? '');
    let first = Math.max(frames.findIndex(isOwn), 0);
    for (let index = first; index < frames.length; index++) {
      const frame = frames[index] ?? '';
      // What these two call has no name, or that of a class.
      const mostUnnamed = /^(runOperation|lose)$/.test(functionOf(frame)) ? 3 : 0;
      if (isOwn(frame) && index <= first + mostUnnamed) first = index + 1;
    }
    return frames
      .slice(first)
      .map((frame) => frame.trim())
      .join('\n');
  }
}

/** The stack of the call under way, from below the function `from`, where the engine can. */
export function captureStack(from: object): CallStack {
  const holder = new CallStack();
  if (engine.captureStackTrace === undefined) {
    holder.stack = new Error().stack ?? '';
    return holder;
  }
  const limit = Object.getOwnPropertyDescriptor(engine, 'stackTraceLimit');
  // A frozen `Error` keeps its limit.
  const isSet = Reflect.set(engine, 'stackTraceLimit', keptFrames);
  engine.captureStackTrace(holder, from);
  if (isSet) {
    if (limit === undefined) delete engine.stackTraceLimit;
    else Object.defineProperty(engine, 'stackTraceLimit', limit);
  }
  return holder;
}

/** `Error.prepareStackTrace` may return the call sites instead of a text, or throw. */
function textOf(holder: CallStack): string {
  try {
    const { stack } = holder;
    if (Array.isArray(stack)) return stack.map((site) => `    at ${String(site)}`).join('\n');
    return typeof stack === 'string' ? stack : '';
  } catch {
    return '';
  }
}

/** By their text: places that allocate are few, however many blocks come from them. */
const readStacks = new Map<string, CallStack>();
const mostReadStacks = 10_000;

/**
 * The same stack as text. Until then engines keep the objects whose methods are on it, and no handle
 * that these own would be collected as garbage.
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

/** What tells the package's own frames: their folder, or in an application's bundle their name. */
function ownFrames(innermost: string): (frame: string) => boolean {
  const folder = /\/lite-alloc[^/]*\/dist\/(?=[^/]*$)/.exec(innermost)?.[0];
  return folder === undefined
    ? (frame) => ownCalls.has(functionOf(frame))
    : (frame) => frame.includes(folder);
}

/** `malloc` of `    at Heap.malloc (file:///app.js:1:2)` and of `malloc@file:///app.js:1:2`. */
function functionOf(frame: string): string {
  const path = /^\s+at (?:async )?([^ ]+)|^([^@]*)@/.exec(frame);
  return (path?.[1] ?? path?.[2] ?? '').replace(/^.*[.#/]/, '');
}
