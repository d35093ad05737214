// SPDX-License-Identifier: MIT
#pragma once

/// The functions of a started module, once. Calls `X(name, function, parameters...)` for each: its
/// name in JavaScript, its name in `lite_alloc::bindings`, and the names of its parameters.
///
/// embind.cpp registers them, heap_functions.hpp exports them from the module for regions, and the
/// TypeScript types that Emscripten generates from embind list them; a test compares those with
/// `ModuleFunctions`. Each module has a `start` of its own beside these.
#define LITE_ALLOC_MODULE_FUNCTIONS(X)                             \
  X(malloc, malloc, size)                                          \
  X(zeroed, zeroed, size)                                          \
  X(memalign, memalign, alignment, size)                           \
  X(realloc, realloc, address, size)                               \
  X(free, free, address)                                           \
  X(usableSize, usable_size, address)                              \
  X(reset, reset)                                                  \
  X(allocate, allocate, size, alignment)                           \
  X(deallocate, deallocate, address, size, alignment)              \
  X(reallocate, reallocate, address, oldSize, newSize, alignment)  \
  X(mayBeSizedBlock, may_be_sized_block, address, size, alignment) \
  X(report, report)                                                \
  X(check, check)                                                  \
  X(walk, walk, restart)
