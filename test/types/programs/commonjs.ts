// SPDX-License-Identifier: MIT
//
// A CommonJS module for versions of TypeScript in which these cannot require ES modules.

import { createHeap, type Heap } from 'lite-alloc';

export const open = (): Promise<Heap> => createHeap();

export async function openLater(): Promise<Heap> {
  const later = await import('lite-alloc');
  return later.createHeap();
}
