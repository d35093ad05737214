// SPDX-License-Identifier: MIT
//
// A CommonJS module for versions of TypeScript in which these cannot require ES modules.

type Heap = import('lite-alloc', { with: { 'resolution-mode': 'import' }}).Heap;

export async function open(): Promise<Heap> {
  const { createHeap } = await import('lite-alloc');
  return createHeap();
}
