// SPDX-License-Identifier: MIT
//
// The two hottest calls, compiled for speed with what they call: on a heap of the default strategy
// there is one comparison on their way at most. The linker takes this file first, so other calls
// use what is here where it is not inlined.

#include "default_heap.hpp"

// What they seldom reach is compiled for size, in heap_functions.cpp.
// `new_slab` would be inlined all the same where it is seen: 160 bytes of what a page loads. With
// `put_in_slab` inlined, the rest of `free` would not be: a pair 1 ns slower.
namespace lite_alloc {

extern template __attribute__((noinline))
Address SegregatedFit<bindings::Memory>::new_slab(Size) noexcept;
extern template __attribute__((noinline)) bool SegregatedFit<bindings::Memory>::was_freed(
    Address) const noexcept;
extern template bool SegregatedFit<bindings::Memory>::grow(Size, Size, Size) noexcept;
extern template bool SegregatedFit<bindings::Memory>::reclaim() noexcept;
extern template bool SegregatedFit<bindings::Memory>::is_free_in_slab(Address, Size) const noexcept;
extern template Address SegregatedFit<bindings::Memory>::find_in_bin(Address, Size, Size,
                                                                     Size) const noexcept;
extern template
    __attribute__((noinline)) void SegregatedFit<bindings::Memory>::put_in_slab(Address,
                                                                                Size) noexcept;

}  // namespace lite_alloc

namespace lite_alloc::bindings {

Address malloc(Size size) noexcept {
  return uses_default() ? default_heap.malloc(size) : malloc_headerless(size);
}

Size free(Address address) noexcept {
  return uses_default() ? static_cast<Size>(default_heap.free(address)) : free_headerless(address);
}

}  // namespace lite_alloc::bindings
