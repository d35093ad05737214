// SPDX-License-Identifier: MIT
//
// The memory of every module, in pages of 64 KiB: little at the start, so that its growth shows what a heap takes.

export const initialPages = 24;
export const maximumPages = 16384;
