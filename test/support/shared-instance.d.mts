// SPDX-License-Identifier: MIT

/** An instance of the module for shared heaps. */
export interface SharedInstance {
  readonly id: number;
  readonly heap: {
    readonly __stack_pointer: WebAssembly.Global;
    start(secretLow: number, secretHigh: number): number;
    claim(): number;
    stackOf(id: number): number;
    enter(id: number): number;
    leave(): number;
    malloc(size: number): number;
    free(address: number): number;
    usableSize(address: number): number;
    ownerOf(address: number): number;
    lockOwner(): number;
    recover(id: number, frees: number): number;
    trim(): number;
    check(): number;
    report(): number;
  };
}

export function openInstance(
  module: WebAssembly.Module,
  memory: WebAssembly.Memory,
): SharedInstance;

export function randomNumbers(seed: number): (bound: number) => number;

export class CheckedBlocks {
  constructor(heap: SharedInstance['heap'], memory: WebAssembly.Memory);
  free(address: number): void;
  freeAll(): void;
}

export function useHeap(
  blocks: CheckedBlocks,
  random: (bound: number) => number,
  operations: number,
  mailbox?: Int32Array,
): void;
