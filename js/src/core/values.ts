// SPDX-License-Identifier: MIT
//
// Determines the real kind of a caller's value, and shows the value in messages. A subclass may override the properties
// that describe it, an object of another realm (a frame, a context of a test runner) has other classes, and some values
// cannot be converted to a string.

import type { Bytes } from './host-types.js';

/** The getters that subclasses and objects cannot override. `Reflect.get` takes several times as long. */
const typedArray = Object.getOwnPropertyDescriptors(
  Object.getPrototypeOf(Uint8Array.prototype) as Uint8Array,
);
const dataView = Object.getOwnPropertyDescriptors(DataView.prototype);
const kindName = typedArray[Symbol.toStringTag];

/**
 * Returns the name of the basic kind of a typed array, whatever its class and realm; undefined for every
 * other value.
 */
export function kindNameOf(value: unknown): string | undefined {
  return kindName.get?.call(value);
}

/**
 * Returns the bytes of a typed array or `DataView`, in place, whatever its class and realm.
 *
 * @throws TypeError where its buffer is detached, or has become too small for it.
 */
export function bytesOf(view: ArrayBufferView): Bytes {
  const isTypedArray = kindNameOf(view) !== undefined;
  const { buffer, byteOffset, byteLength } = isTypedArray ? typedArray : dataView;
  const bytes = new Uint8Array(
    buffer.get?.call(view) as ArrayBuffer,
    byteOffset.get?.call(view),
    byteLength.get?.call(view),
  );
  // A typed array without its memory reads as an empty one, but this call throws for it.
  if (isTypedArray && bytes.length === 0) typedArray.keys.value?.call(view as Uint8Array);
  return bytes;
}

/**
 * Returns the name of the class that an object says it has. It works for objects of another realm, and
 * where the host lacks the class.
 */
export function classOf(value: unknown): string {
  return Object.prototype.toString.call(value).slice('[object '.length, -1);
}

const mostCharacters = 100;

/** Returns the first 100 characters of a text, for messages. */
export function cut(text: string): string {
  return text.length > mostCharacters ? `${text.slice(0, mostCharacters)}...` : text;
}

/**
 * Returns a value as messages show it: at most 100 characters, then its type. It never throws, and never
 * takes long.
 */
export function show(value: unknown): string {
  if (value === null || value === undefined) return `${value}`;
  const type = typeof value;
  let text = 'unknown';
  try {
    text = String(
      type === 'object'
        ? classOf(value)
        : type === 'function'
          ? (value as { readonly name: unknown }).name
          : type === 'bigint' && BigInt.asIntN(300, value as bigint) !== value
            ? 'huge'
            : value,
    );
  } catch {
    // A getter or a Proxy threw.
  }
  return `${type === 'string' ? `'${cut(text)}'` : cut(text)} (${type})`;
}

/** Returns an address as messages show it. */
export function formatAddress(address: number): string {
  return Number.isSafeInteger(address) && address >= 0
    ? `0x${address.toString(16)}`
    : show(address);
}

/** A function that says why an object cannot be cloned. */
export type Uncloneable = (object: object) => unknown;

/**
 * Returns a function that does `action`. Objects that belong to one thread have such a function as their first property:
 * structured cloning and `postMessage` then throw, and most engines quote the function in the error. So its text says
 * what to post instead. Without it a clone would be an empty object.
 */
export function makeUncloneable(action?: (object: object) => undefined): Uncloneable {
  return (object) =>
    action?.(object) ?? 'stays in its thread; post array.slice(), String(string) or trace.write()';
}

/** Does nothing. */
export const uncloneable = makeUncloneable();
