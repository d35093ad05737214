// SPDX-License-Identifier: MIT
//
// `malloc` and `free`, the most frequent calls, compiled for speed together with the functions that
// they call. On a heap of the default strategy they need at most one comparison to choose the heap.
// The linker takes this file first, so other files also use the functions compiled here, unless
// they inline them.

// Functions that they seldom reach (`LITE_ALLOC_RARE_CODE`) are compiled in heap_functions.cpp, for
// size, and are not inlined here. Inlining `take_empty_slab` would add 160 bytes to what a page
// loads. If the compiler inlined `free_to_slab`, it would no longer inline the rest of `free`, and
// a pair of calls would take 1 ns more.
#pragma clang diagnostic ignored "-Wgnu-inline-cpp-without-extern"
#define LITE_ALLOC_RARE_CODE inline __attribute__((noinline, gnu_inline))
#define LITE_ALLOC_HAS_ROOM 0

#include "default_heap.hpp"

namespace lite_alloc::bindings {

Address malloc(Size size) noexcept {
  return uses_default() ? default_heap.malloc(size) : malloc_headerless(size);
}

Size free(Address address) noexcept {
  return uses_default() ? static_cast<Size>(default_heap.free(address)) : free_headerless(address);
}

}  // namespace lite_alloc::bindings
