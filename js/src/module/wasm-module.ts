// SPDX-License-Identifier: MIT
//
// Loads, compiles and instantiates the wasm. This is the only file that imports the generated glue.

import instantiateGlue from '#glue';
import { WasmLoadError, wrapFailure } from '../core/errors.js';
import type {
  HostResponse,
  HostUrl,
  WasmBytes,
  WasmMemory,
  WasmModule,
} from '../core/host-types.js';
import { describeMismatch } from '../core/validate.js';
import { bytesOf, classOf, cut, show } from '../core/values.js';
import {
  type HeapFunctions,
  heapFunctions,
  type ModuleFunctions,
  type TrapHandler,
} from './heap-functions.js';
import { randomSecret } from './secret.js';

/** A source of the wasm: a compiled module, bytes, or a URL or response to read them from. */
export type WasmSource = WasmModule | WasmBytes | HostUrl | string | HostResponse;

interface NodeHost {
  readonly process?: {
    getBuiltinModule?(id: 'node:fs'): { readFileSync(path: URL): Uint8Array<ArrayBuffer> };
  };
}

/**
 * Modules by URL, those that are still loading included. Each is compiled once and shared by all heaps. A failed
 * load is removed, so that the next heap tries again.
 */
const modules = new Map<string, WebAssembly.Module | Promise<WebAssembly.Module>>();

/** Loads and compiles the wasm. Fails with `WasmLoadError`. With `isSync` it returns no promise, or throws. */
export function loadModule(source: WasmSource, isSync: true): WasmModule;
export function loadModule(source: WasmSource, isSync: false): WasmModule | Promise<WasmModule>;
export function loadModule(
  source: WasmSource,
  isSync: boolean,
): WebAssembly.Module | Promise<WebAssembly.Module> {
  // This compares the names of classes, not the classes: the host may lack a class, and a frame or a context of a
  // test runner has its own.
  const kind = classOf(source);
  if (kind === 'WebAssembly.Module') return source as WebAssembly.Module;
  if (kind === 'Response') {
    if (!isSync) return compileResponse(source as Response);
    throw new TypeError('wasm: a Response requires createHeap, which can wait for it');
  }
  if (kind !== 'URL' && typeof source !== 'string') return compile(toBytes(source), isSync);

  const url = wrapFailure(
    `wasm: ${show(source)} is not a URL`,
    () => new URL(source as URL | string, globalThis.location?.href),
  );
  const { href } = url;
  const known = modules.get(href);
  if (known !== undefined && !(isSync && known instanceof Promise)) return known;
  const bytes = readFile(url) ?? (isSync ? fetchSync(url) : undefined);
  const module = bytes === undefined ? fetchModule(url) : compile(bytes, isSync);
  modules.set(href, module);
  if (module instanceof Promise) {
    module.then(
      (compiled) => modules.set(href, compiled),
      () => modules.delete(href),
    );
  }
  return module;
}

/**
 * Instantiates the module over `memory`, with a heap of the strategy that has this number. Returns undefined where the
 * module lacks that strategy. Throws `WasmLoadError` if it is not this package's module. If a call of the module
 * throws, `onTrap` receives the error.
 */
export function instantiate(
  module: WasmModule,
  memory: WasmMemory,
  strategy: number,
  onTrap: TrapHandler,
): HeapFunctions | undefined {
  return wrapFailure('wasm: the module is not from this version of lite-alloc', () => {
    const functions = instantiateGlue(module, memory, onTrap) as ModuleFunctions;
    return functions.start(strategy, randomSecret()) === 0
      ? undefined
      : heapFunctions(functions, memory);
  });
}

/** Returns bytes that engines accept: typed arrays and buffers, but not every view that the type allows. */
function toBytes(source: unknown): BufferSource {
  if (classOf(source) === 'ArrayBuffer') return source as ArrayBuffer;
  if (ArrayBuffer.isView(source)) return bytesOf(source);
  throw new TypeError(
    describeMismatch('wasm', 'a module, bytes, a URL, a string or a response', source),
  );
}

async function fetchModule(url: URL): Promise<WebAssembly.Module> {
  return compileResponse(await wrapFailure(`cannot fetch ${cut(url.href)}`, () => fetch(url)));
}

/** Returns the bytes of a file; undefined where the host cannot read files or the URL is not of a file. */
function readFile(url: URL): Uint8Array<ArrayBuffer> | undefined {
  const fs = (globalThis as NodeHost).process?.getBuiltinModule?.('node:fs');
  if (url.protocol !== 'file:' || fs === undefined) return undefined;
  return wrapFailure(`cannot read ${cut(url.href)}`, () => fs.readFileSync(url));
}

/** Fetches in a worker. Other threads may not wait for the network. */
function fetchSync(url: URL): ArrayBuffer {
  if (!('importScripts' in globalThis) || typeof XMLHttpRequest === 'undefined') {
    throw new WasmLoadError(
      'createHeapSync cannot load the wasm on this thread: await createHeap with the same options once before, or pass `wasm` as a module or bytes',
    );
  }
  return wrapFailure(`cannot fetch ${cut(url.href)}`, () => {
    const request = new XMLHttpRequest();
    request.open('GET', url, false);
    request.responseType = 'arraybuffer';
    request.send();
    if (request.status !== 200) throw new Error(`status ${request.status}`);
    return request.response as ArrayBuffer;
  });
}

async function compileResponse(response: Response): Promise<WebAssembly.Module> {
  if (!response.ok) {
    throw new WasmLoadError(`cannot fetch ${cut(response.url)}: status ${response.status}`);
  }
  // The streaming compiler refuses responses of servers that do not know the file type.
  return wrapFailure(`cannot compile ${cut(response.url)}`, async () =>
    response.headers.get('content-type')?.startsWith('application/wasm')
      ? WebAssembly.compileStreaming(response)
      : WebAssembly.compile(await response.arrayBuffer()),
  );
}

function compile(
  bytes: BufferSource,
  isSync: boolean,
): WebAssembly.Module | Promise<WebAssembly.Module> {
  return wrapFailure('cannot compile the wasm', () =>
    isSync ? new WebAssembly.Module(bytes) : WebAssembly.compile(bytes),
  );
}
