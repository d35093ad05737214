// SPDX-License-Identifier: MIT
//
// The two hottest calls, compiled for speed with what they call: on a heap of the default strategy
// there is one comparison on their way at most. The linker takes this file first, so other calls
// use what is here where it is not inlined.

// What they seldom reach is not compiled here: a call leads to heap_functions.cpp, which is
// compiled for size. Nor is it inlined: `take_empty_slab` would be 160 bytes more of what a page
// loads; with `free_to_slab` inlined, the rest of `free` would not be, and a pair would take 1 ns
// more.
#pragma clang diagnostic ignored "-Wgnu-inline-cpp-without-extern"
#define LITE_ALLOC_RARE_CODE inline __attribute__((noinline, gnu_inline))

#include "default_heap.hpp"

namespace lite_alloc::bindings {

Address malloc(Size size) noexcept {
  return uses_default() ? default_heap.malloc(size) : malloc_headerless(size);
}

Size free(Address address) noexcept {
  return uses_default() ? static_cast<Size>(default_heap.free(address)) : free_headerless(address);
}

}  // namespace lite_alloc::bindings
