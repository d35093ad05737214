// SPDX-License-Identifier: MIT
#pragma once

#include <cstdlib>
#include <new>

#include "lite_alloc/heap/allocator.hpp"

namespace lite_alloc {

/// Does what the standard library does where there is no memory: throws `std::bad_alloc`, or ends a
/// program that is compiled without exceptions.
[[noreturn]] inline void fail_allocation() {
#ifdef __cpp_exceptions
  throw std::bad_alloc();
#else
  std::abort();
#endif
}

/// Returns a pointer to a new block of `bytes` bytes at a multiple of `alignment`, a power of two.
/// Fails (`fail_allocation`) iff there is no memory or `alignment` is above `kMaxAlignment`.
template <Allocator Heap>
[[nodiscard]] void* allocate_objects(Heap& heap, std::size_t bytes, std::size_t alignment) {
  if (bytes > kMaxSize || alignment > kMaxAlignment) fail_allocation();
  const Address address =
      heap.allocate({.size = static_cast<Size>(bytes), .alignment = static_cast<Size>(alignment)});
  if (address == 0) fail_allocation();
  return heap.pages().template at<void>(address);
}

/// Frees a block of `allocate_objects`. `bytes` and `alignment` are those that it was allocated
/// with.
template <Allocator Heap>
void deallocate_objects(Heap& heap, void* objects, std::size_t bytes,
                        std::size_t alignment) noexcept {
  const Address begin = heap.pages().begin();
  const auto offset = static_cast<std::byte*>(objects) - heap.pages().template at<std::byte>(begin);
  heap.deallocate(begin + static_cast<Address>(offset),
                  {.size = static_cast<Size>(bytes), .alignment = static_cast<Size>(alignment)});
}

}  // namespace lite_alloc
