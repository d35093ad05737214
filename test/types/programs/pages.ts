// SPDX-License-Identifier: MIT
//
// Passes views and copies to interfaces of pages that refuse shared memory, and objects of pages to the package.

import { AllocationTrace, createHeap, type Heap, type HeapArray, replay } from 'lite-alloc';

declare const heap: Heap;
declare const bytes: HeapArray<Uint8Array>;
declare const samples: HeapArray<Float32Array>;
declare const trace: AllocationTrace;
/** The method of WebGPU's `GPUQueue`, whose types not every version has. */
declare const queue: { writeBuffer(buffer: object, offset: number, data: BufferSource): void };

export async function pass(page: {
  audio: AudioBuffer;
  gl: WebGL2RenderingContext;
  port: MessagePort;
  socket: WebSocket;
  file: FileSystemWritableFileStream;
}): Promise<Blob> {
  page.audio.copyToChannel(samples.view, 0);
  page.audio.copyFromChannel(heap.f32.subarray(0, 128), 0);
  page.gl.bufferData(page.gl.ARRAY_BUFFER, samples.view, page.gl.STATIC_DRAW);
  page.socket.send(bytes.view);
  queue.writeBuffer({}, 0, samples.view);
  crypto.getRandomValues(bytes.view);
  new TextEncoder().encodeInto('text', heap.u8.subarray(0, 16));
  new TextDecoder().decode(bytes.view);
  new ImageData(heap.from(new Uint8ClampedArray(4)).view, 1);
  const copy = bytes.slice();
  page.port.postMessage(copy, [copy.buffer]);
  await page.file.write(bytes.view);
  await crypto.subtle.digest('SHA-256', bytes.view);
  await WebAssembly.compile(bytes.view);
  const response = await fetch('/upload', { method: 'POST', body: bytes.view });
  const stored: HeapArray<Uint8Array> = heap.from(new Uint8Array(await response.arrayBuffer()));
  return new Blob([stored.view, samples.slice(), heap.u8]);
}

export async function take(response: Response, blob: Blob, signal: AbortSignal): Promise<Heap[]> {
  const compiled = await WebAssembly.compileStreaming(response);
  const heaps = [
    await createHeap({ wasm: fetch('/lite-alloc.wasm') }),
    await createHeap({ wasm: new URL('/lite-alloc.wasm', location.href) }),
    await createHeap({ wasm: compiled }),
    await createHeap({ wasm: await response.arrayBuffer() }),
    await createHeap({ memory: new WebAssembly.Memory({ initial: 1 }), start: 0, end: 1 << 16 }),
  ];
  new WebAssembly.Instance(compiled, { env: { memory: heap.memory } });
  const saved = new Response(trace.write());
  await AllocationTrace.read(saved.body ?? blob);
  await AllocationTrace.read(blob.stream());
  await replay(trace, { signal });
  return heaps;
}
