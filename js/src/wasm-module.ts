// SPDX-License-Identifier: MIT
//
// The only file that knows the generated module: how it is loaded, and what it offers.

import instantiateGlue from '#glue';
import { WasmLoadError, wrapFailure, wrapRejection } from './errors.js';
import {
  type HeapFunctions,
  heapFunctions,
  type ModuleFunctions,
  type TrapHandler,
} from './heap-functions.js';
import { randomSecret } from './secret.js';
import { bytesOf, classOf, cut, show } from './values.js';

/** Where the wasm can be had: compiled, as bytes, or as what can be fetched. */
export type WasmSource = WebAssembly.Module | BufferSource | URL | string | Response;

/** The pages that the module's own stack and data need, with room for a first region. */
export const minimumPages = 1;

/** What the module's import of its memory accepts. */
export const maximumPages = 65536;

interface NodeHost {
  readonly process?: {
    getBuiltinModule?(id: 'node:fs'): { readFileSync(path: URL): Uint8Array<ArrayBuffer> };
  };
}

/** Modules by address, also those under way: compiled once, shared by all heaps. A failed load is not kept. */
const modules = new Map<string, WebAssembly.Module | Promise<WebAssembly.Module>>();

/** Loads and compiles. Fails with `WasmLoadError`. */
export async function loadModule(source: WasmSource): Promise<WebAssembly.Module> {
  return load(source, false);
}

/** The same without a promise, where the platform can. Fails with `WasmLoadError`. */
export function loadModuleSync(source: WasmSource): WebAssembly.Module {
  return load(source, true) as WebAssembly.Module;
}

/** Gives a promise only where it need not be `atOnce`. */
function load(
  source: WasmSource,
  atOnce: boolean,
): WebAssembly.Module | Promise<WebAssembly.Module> {
  if (isModule(source)) return source;
  if (isResponse(source)) {
    if (!atOnce) return compileResponse(source);
    throw new TypeError('wasm: a Response cannot be read without a promise; use createHeap');
  }
  if (!isAddress(source)) return compile(toBytes(source), atOnce);

  const url = resolveUrl(source);
  const { href } = url;
  const known = modules.get(href);
  if (known !== undefined && !(atOnce && isPending(known))) return known;
  const bytes = readFile(url) ?? (atOnce ? fetchSync(url) : undefined);
  const module = bytes === undefined ? fetchModule(url) : compile(bytes, atOnce);
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
 * An instance of the module over `memory`, its heap of the strategy with this number; undefined where the
 * module lacks that. Fails with `WasmLoadError` where it is another module. What a call of the module throws
 * goes to `onTrap`.
 */
export function instantiate(
  module: WebAssembly.Module,
  memory: WebAssembly.Memory,
  strategy: number,
  onTrap: TrapHandler,
): HeapFunctions | undefined {
  return wrapFailure(
    'the wasm module is not the one this version of the package works with',
    () => {
      const functions = instantiateGlue(module, memory, onTrap) as ModuleFunctions;
      return functions.start(strategy, randomSecret()) === 0
        ? undefined
        : heapFunctions(functions, memory);
    },
  );
}

function isPending(
  module: WebAssembly.Module | Promise<WebAssembly.Module>,
): module is Promise<WebAssembly.Module> {
  return 'then' in module;
}

// By the names of their classes, not by the classes: the host may lack one, and a frame or a context that a
// test runner made has its own.

function isModule(source: WasmSource): source is WebAssembly.Module {
  return classOf(source) === 'WebAssembly.Module';
}

function isResponse(source: WasmSource): source is Response {
  return classOf(source) === 'Response';
}

function isAddress(source: WasmSource): source is URL | string {
  return typeof source === 'string' || classOf(source) === 'URL';
}

/** Engines take typed arrays and buffers, but not every view that the type allows. */
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

/** The file's bytes where there is a file system to read; undefined where there is none. */
function readFile(url: URL): Uint8Array<ArrayBuffer> | undefined {
  const fs = (globalThis as NodeHost).process?.getBuiltinModule?.('node:fs');
  if (url.protocol !== 'file:' || fs === undefined) return undefined;
  return wrapFailure(`cannot read ${cut(url.href)}`, () => fs.readFileSync(url));
}

/** Only workers may wait for the network. */
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
  // Servers that do not know the file type would fail the streaming compiler.
  return wrapRejection(`cannot compile ${cut(response.url)}`, async () =>
    response.headers.get('content-type')?.startsWith('application/wasm')
      ? WebAssembly.compileStreaming(response)
      : WebAssembly.compile(await response.arrayBuffer()),
  );
}

function compile(
  bytes: BufferSource,
  atOnce: boolean,
): WebAssembly.Module | Promise<WebAssembly.Module> {
  const message = 'cannot compile the wasm';
  return atOnce
    ? wrapFailure(message, () => new WebAssembly.Module(bytes))
    : wrapRejection(message, () => WebAssembly.compile(bytes));
}
