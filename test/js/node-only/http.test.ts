// SPDX-License-Identifier: MIT

import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createHeap, createHeapSync, WasmLoadError } from 'lite-alloc';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readPackagedWasm } from '../../support/host.js';

let server: Server;
let origin: string;
let requests: string[] = [];
let listener: RequestListener;

beforeAll(async () => {
  server = createServer((request, response) => {
    requests.push(request.url ?? '');
    listener(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterAll(() => {
  server.closeAllConnections();
  server.close();
});

const wasmType = { 'Content-Type': 'application/wasm' };

test('createHeap fetches a wasm file once for concurrent and later heaps', async () => {
  const bytes = await readPackagedWasm();
  listener = (_, response) => response.writeHead(200, wasmType).end(bytes);
  requests = [];
  const wasm = `${origin}/once.wasm`;
  const heaps = await Promise.all([
    createHeap({ wasm }),
    createHeap({ wasm: new URL(wasm) }),
    createHeap({ wasm }),
  ]);
  heaps.push(await createHeap({ wasm }), createHeapSync({ wasm }));
  for (const heap of heaps) expect(heap.malloc(8)).toBeGreaterThan(0);
  expect(requests).toEqual(['/once.wasm']);
});

test('createHeap compiles a wasm file of any content type', async () => {
  const bytes = await readPackagedWasm();
  listener = (_, response) => response.writeHead(200, { 'Content-Type': 'text/plain' }).end(bytes);
  expect((await createHeap({ wasm: `${origin}/plain.wasm` })).malloc(8)).toBeGreaterThan(0);
});

test.each([
  404, 500,
])('createHeap throws a WasmLoadError that names the status %i, and a later call loads again', async (status) => {
  const bytes = await readPackagedWasm();
  const wasm = `${origin}/status-${status}.wasm`;
  listener = (_, response) => response.writeHead(status).end('no');
  const error: unknown = await createHeap({ wasm }).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(WasmLoadError);
  expect(String(error)).toContain(String(status));
  expect(String(error)).toContain(
    `cannot load ${wasm}, status ${status}, got null: is the file served? If not, pass wasm, or import lite-alloc/inline`,
  );
  listener = (_, response) => response.writeHead(200, wasmType).end(bytes);
  expect((await createHeap({ wasm })).malloc(8)).toBeGreaterThan(0);
});

test.each([
  'text/html',
  'text/html; charset=utf-8',
  'application/wasm',
])('createHeap throws a WasmLoadError with a cause for an HTML page of type %s, and a later call loads again', async (type) => {
  const bytes = await readPackagedWasm();
  const wasm = `${origin}/page.wasm?${type}`;
  listener = (_, response) =>
    response.writeHead(200, { 'Content-Type': type }).end('<!doctype html>');
  await expect(createHeap({ wasm })).rejects.toMatchObject({
    code: 'WASM_LOAD',
    message: `cannot load ${new URL(wasm).href}, status 200, got ${type}: is the file served? If not, pass wasm, or import lite-alloc/inline`,
    cause: expect.any(WebAssembly.CompileError) as Error,
  });
  listener = (_, response) => response.writeHead(200, wasmType).end(bytes);
  expect((await createHeap({ wasm })).malloc(8)).toBeGreaterThan(0);
});

test('createHeap throws a WasmLoadError with a cause if the connection breaks', async () => {
  listener = (request) => request.socket.destroy();
  await expect(createHeap({ wasm: `${origin}/broken.wasm` })).rejects.toMatchObject({
    code: 'WASM_LOAD',
    cause: expect.any(Error) as Error,
  });
});

test('createHeap throws a WasmLoadError with a cause if the connection breaks in the middle of the file', async () => {
  const bytes = await readPackagedWasm();
  listener = (request, response) => {
    response.writeHead(200, { ...wasmType, 'Content-Length': bytes.length });
    response.write(bytes.subarray(0, 1000), () => request.socket.destroy());
  };
  await expect(createHeap({ wasm: `${origin}/middle.wasm` })).rejects.toMatchObject({
    code: 'WASM_LOAD',
    cause: expect.any(Error) as Error,
  });
});
