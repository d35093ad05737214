// SPDX-License-Identifier: MIT
//
// The operators that get the size of the block they delete, for the malloc family with
// LITE_ALLOC_CHECKED: they compare it with the block's. Those of the standard library ignore it.
// A program may define its own.

#include <new>

#include "lite_alloc/malloc/process_heap.hpp"

using lite_alloc::address_of;
using lite_alloc::kGranule;
using lite_alloc::Size;
using lite_alloc::process::check_size;

[[gnu::weak]] void operator delete(void* block, std::size_t size) noexcept {
  check_size(address_of(block), Size{size}, kGranule);
  operator delete(block);
}

[[gnu::weak]] void operator delete[](void* block, std::size_t size) noexcept {
  check_size(address_of(block), Size{size}, kGranule);
  operator delete[](block);
}

[[gnu::weak]] void operator delete(void* block, std::size_t size,
                                   std::align_val_t alignment) noexcept {
  check_size(address_of(block), Size{size}, static_cast<Size>(alignment));
  operator delete(block, alignment);
}

[[gnu::weak]] void operator delete[](void* block, std::size_t size,
                                     std::align_val_t alignment) noexcept {
  check_size(address_of(block), Size{size}, static_cast<Size>(alignment));
  operator delete[](block, alignment);
}
