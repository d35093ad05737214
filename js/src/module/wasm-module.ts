// SPDX-License-Identifier: MIT
//
// Loads, compiles and instantiates the wasm. This is the only file that imports the generated glue.

import instantiateGlue from '#glue';
import { WasmLoadError, wrapFailure, wrapRejection } from '../core/errors.js';
import { bytesOf, classOf, cut, show } from '../core/values.js';
import {
  type HeapFunctions,
  heapFunctions,
  type ModuleFunctions,
  type TrapHandler,
} from './heap-functions.js';
import { randomSecret } from './secret.js';

/** A source of the wasm: a compiled module, bytes, or a URL or response to read them from. */
export type WasmSource = WebAssembly.Module | BufferSource | URL | string | Response;

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

/** Loads and compiles the wasm. Fails with `WasmLoadError`. */
export async function loadModule(source: WasmSource): Promise<WebAssembly.Module> {
  return load(source, false);
}

/** Does the same without a promise, where the platform allows it. Fails with `WasmLoadError`. */
export function loadModuleSync(source: WasmSource): WebAssembly.Module {
  return load(source, true) as WebAssembly.Module;
}

/** Returns a promise only where `isSync` is false. */
function load(
  source: WasmSource,
  isSync: boolean,
): WebAssembly.Module | Promise<WebAssembly.Module> {
  if (isModule(source)) return source;
  if (isResponse(source)) {
    if (!isSync) return compileResponse(source);
    throw new TypeError('wasm: createHeapSync cannot read a Response; use createHeap');
  }
  if (!isLocation(source)) return compile(toBytes(source), isSync);

  const url = resolveUrl(source);
  const { href } = url;
  const known = modules.get(href);
  if (known !== undefined && !(isSync && isPending(known))) return known;
  const bytes = readFile(url) ?? (isSync ? fetchSync(url) : undefined);
  const module = bytes === undefined ? fetchModule(url) : compile(bytes, isSync);
  modules.set(href, module);
  if (isPending(module)) {
    module.then(
      (compiled) => modules.set(href, compiled),
      () => modules.delete(href),
    );
  }
  return module;
}

/**
 * Instantiates the module over `memory`, with a heap of the strategy that has this number. Returns undefined
 * where the module lacks that strategy. Throws `WasmLoadError` where it is not this package's module. What a
 * call of the module throws goes to `onTrap`.
 */
export function instantiate(
  module: WebAssembly.Module,
  memory: WebAssembly.Memory,
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

function isPending(
  module: WebAssembly.Module | Promise<WebAssembly.Module>,
): module is Promise<WebAssembly.Module> {
  return 'then' in module;
}

// These compare the names of classes, not the classes: the host may lack a class, and a frame or a context of
// a test runner has its own.

function isModule(source: WasmSource): source is WebAssembly.Module {
  return classOf(source) === 'WebAssembly.Module';
}

function isResponse(source: WasmSource): source is Response {
  return classOf(source) === 'Response';
}

function isLocation(source: WasmSource): source is URL | string {
  return typeof source === 'string' || classOf(source) === 'URL';
}

/** Returns bytes that engines accept: typed arrays and buffers, but not every view that the type allows. */
function toBytes(source: unknown): BufferSource {
  if (classOf(source) === 'ArrayBuffer') return source as ArrayBuffer;
  if (ArrayBuffer.isView(source)) return bytesOf(source);
  throw new TypeError(
    `wasm must be a module, bytes, a URL, a string or a response, got ${show(source)}`,
  );
}

function resolveUrl(source: URL | string): URL {
  return wrapFailure(
    `wasm: ${show(source)} is not a URL`,
    () => new URL(source, globalThis.location?.href),
  );
}

async function fetchModule(url: URL): Promise<WebAssembly.Module> {
  return compileResponse(await wrapRejection(`cannot fetch ${cut(url.href)}`, () => fetch(url)));
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
  return wrapRejection(`cannot compile ${cut(response.url)}`, async () =>
    response.headers.get('content-type')?.startsWith('application/wasm')
      ? WebAssembly.compileStreaming(response)
      : WebAssembly.compile(await response.arrayBuffer()),
  );
}

function compile(
  bytes: BufferSource,
  isSync: boolean,
): WebAssembly.Module | Promise<WebAssembly.Module> {
  const message = 'cannot compile the wasm';
  return isSync
    ? wrapFailure(message, () => new WebAssembly.Module(bytes))
    : wrapRejection(message, () => WebAssembly.compile(bytes));
}
