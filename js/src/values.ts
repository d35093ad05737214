// SPDX-License-Identifier: MIT
//
// What the values of callers really are. A subclass may override what it says of itself, another realm has
// classes of its own, and some values cannot be converted to a string.

/** The getters that subclasses and objects cannot override. `Reflect.get` takes several times as long. */
const typedArray = Object.getOwnPropertyDescriptors(
  Object.getPrototypeOf(Uint8Array.prototype) as Uint8Array,
);
const dataView = Object.getOwnPropertyDescriptors(DataView.prototype);
const kindName = typedArray[Symbol.toStringTag];

/** The name of the basic kind of a typed array of any class and realm; undefined for every other value. */
export function kindNameOf(value: unknown): string | undefined {
  return kindName.get?.call(value);
}

/**
 * The bytes of a typed array or `DataView` of any class and realm, in place.
 *
 * @throws TypeError where its buffer is detached, or was made too small for it.
 */
export function bytesOf(view: ArrayBufferView): Uint8Array<ArrayBuffer> {
  const isTypedArray = kindNameOf(view) !== undefined;
  const { buffer, byteOffset, byteLength } = isTypedArray ? typedArray : dataView;
  const bytes = new Uint8Array(
    buffer.get?.call(view) as ArrayBuffer,
    byteOffset.get?.call(view),
    byteLength.get?.call(view),
  );
  // A typed array that lost its memory reads as an empty one; this throws then.
  if (isTypedArray && bytes.length === 0) typedArray.keys.value?.call(view as Uint8Array);
  return bytes;
}

/** The class that an object names itself with: in any realm, and where the host lacks the class. */
export function classOf(value: unknown): string {
  return Object.prototype.toString.call(value).slice('[object '.length, -1);
}

const mostCharacters = 100;

/** The start of a text, for messages. */
export function cut(text: string): string {
  return text.length > mostCharacters ? `${text.slice(0, mostCharacters)}...` : text;
}

/** A value as messages show it: at most 100 characters, and its type. Never fails, and never takes long. */
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
    // A getter or a Proxy that throws.
  }
  return `${type === 'string' ? `'${cut(text)}'` : cut(text)} (${type})`;
}

/** An address as messages show it. */
export function formatAddress(address: number): string {
  return Number.isSafeInteger(address) && address >= 0
    ? `0x${address.toString(16)}`
    : show(address);
}

/**
 * A function as an own property of an object makes structured cloning and `postMessage` throw: they would
 * give an empty object otherwise.
 */
export function uncloneable(): void {}
