// SPDX-License-Identifier: MIT
//
// Loads, compiles and instantiates the wasm. This is the only file that imports the generated glue.

import instantiateGlue from '#glue';
import { wrapFailure } from '../core/errors.js';
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
import { fileSystem } from './node-host.js';
import { randomSecret } from './secret.js';

/** A source of the wasm: a compiled module, bytes, or a URL or response to read them from. */
export type WasmSource = WasmModule | WasmBytes | HostUrl | string | HostResponse;

/** What to do where the package's wasm files cannot be loaded. */
export const cure = 'pass wasm, or import lite-alloc/inline';

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
  if (kind !== 'URL' && typeof source !== 'string') {
    const bytes = toBytes(source);
    return wrapFailure('cannot compile the wasm', () =>
      isSync ? new WebAssembly.Module(bytes) : WebAssembly.compile(bytes),
    );
  }

  const url = wrapFailure(
    `wasm: ${show(source)} is not a URL`,
    () => new URL(source as URL | string, globalThis.location?.href),
  );
  const { href } = url;
  const known = modules.get(href);
  if (known !== undefined && !(isSync && known instanceof Promise)) return known;
  const module = loadUrl(url, isSync);
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
    const { start, ...functions } = instantiateGlue(module, memory) as ModuleFunctions;
    return start(strategy, randomSecret()) === 0
      ? undefined
      : heapFunctions(functions, memory, onTrap);
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

function loadUrl(url: URL, isSync: boolean): WebAssembly.Module | Promise<WebAssembly.Module> {
  const failure = describeFailure(url.href);
  const fs = fileSystem();
  if (url.protocol === 'file:' && fs !== undefined) {
    // Compiling a few kilobytes takes less time than waiting for another thread.
    return wrapFailure(failure, () => new WebAssembly.Module(fs.readFileSync(url)));
  }
  return isSync
    ? fetchSync(url)
    : wrapFailure(failure, async () => compileResponse(await fetch(url)));
}

/** Fetches and compiles in a worker. The engine lets no other thread wait for the network. */
function fetchSync(url: URL): WebAssembly.Module {
  const request = wrapFailure(
    'cannot load the wasm on this thread: pass wasm as a module or bytes, import lite-alloc/inline, or await createHeap with the same options once before',
    () => {
      const made = new XMLHttpRequest();
      made.responseType = 'arraybuffer';
      made.open('GET', url, false);
      made.send();
      return made;
    },
  );
  const type = request.getResponseHeader('content-type');
  return wrapFailure(
    describeFailure(url.href, request.status, type),
    () => new WebAssembly.Module(request.response),
  );
}

/**
 * Compiles the contents of a response, also those of an error page, which are not wasm. The streaming compiler would
 * save no time with a few kilobytes, and refuses responses of another type.
 */
async function compileResponse(response: Response): Promise<WebAssembly.Module> {
  const { url, status, headers } = response;
  return wrapFailure(describeFailure(url, status, headers.get('content-type')), async () =>
    WebAssembly.compile(await response.arrayBuffer()),
  );
}

function describeFailure(url: string, status = 0, type: string | null = 'nothing'): string {
  return `cannot load ${cut(url)}, status ${status}, got ${type}: is the file served? If not, ${cure}`;
}
