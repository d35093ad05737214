// SPDX-License-Identifier: MIT

import { AllocationTrace, advise, createHeap } from 'lite-alloc';

/** Makes heaps that need every file of the package, and returns what they hold. */
export async function useHeap() {
  const heap = await createHeap({ maximumBytes: 16 << 20, debug: true });
  const recorder = heap.record();
  const array = heap.from(Float32Array.of(1, 2, 3));
  heap.malloc(1 << 20);
  heap.check();
  const trace = await AllocationTrace.read(recorder.stop().write());
  const ranking = await advise(trace, { rounds: 1 });
  const memory = new WebAssembly.Memory({ initial: 2 });
  const region = await createHeap({ memory, start: 0, end: 1 << 17 });
  const text = region.string('Zoë');
  return [array.view.join(), ranking.length, heap.leaks().length, String(text)].join(' ');
}
