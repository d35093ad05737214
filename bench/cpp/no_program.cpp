// SPDX-License-Identifier: MIT
//
// An empty source: a module that only exports an allocator needs no code of its own.
