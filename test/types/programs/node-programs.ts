// SPDX-License-Identifier: MIT
//
// Passes views to interfaces of Node, and objects of Node to the package, with the types of `@types/node`.

import { createReadStream, readFileSync, writeFileSync } from 'node:fs';
import { parentPort } from 'node:worker_threads';
import { AllocationTrace, createHeap, type Heap, type HeapArray, replay } from 'lite-alloc';

declare const heap: Heap;
declare const bytes: HeapArray<Uint8Array>;
declare const trace: AllocationTrace;

export async function use(): Promise<Heap> {
  writeFileSync('copy', bytes.view);
  const copy = bytes.slice();
  parentPort?.postMessage(copy, [copy.buffer]);
  const text: HeapArray<Uint8Array> = heap.from(Buffer.from('text'));
  console.log(Buffer.from(text.view).toString(), heap.memory.buffer.byteLength);
  for (let reader = trace.write().getReader(); ; ) {
    const { done, value } = await reader.read();
    if (done) break;
    writeFileSync('trace', value, { flag: 'a' });
  }
  await AllocationTrace.read(createReadStream('trace'));
  await AllocationTrace.read(readFileSync('trace'));
  await replay(trace, { signal: new AbortController().signal });
  await createHeap({ wasm: new URL('file:///lite-alloc.wasm') });
  return createHeap({ wasm: readFileSync('lite-alloc.wasm') });
}
