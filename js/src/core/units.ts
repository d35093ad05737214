// SPDX-License-Identifier: MIT
//
// Constants of memory. This file holds nothing else, because lazily loaded files have copies of it.

/** Bytes of a granule. Every block of the heap starts at a multiple of it and has a multiple of it in size. */
export const granuleBytes = 16;

/** Bytes of a WebAssembly page: memory grows by whole pages. */
export const pageBytes = 65536;

/** The largest number that the module takes as a size. No memory can hold a block of that size. */
export const largestSize = 0xffffffff;
