// SPDX-License-Identifier: MIT
#pragma once

#include <type_traits>

#include "lite_alloc/adaptors/object_memory.hpp"

namespace lite_alloc {

/// A heap for the containers of the standard library. The heap outlives them; over-aligned types
/// are aligned. Copies, and allocators of other types made from this one, are equal: they use the
/// same heap, which moves and swaps with a container's elements.
///
/// Where memory cannot be had: `std::bad_alloc`, or the end of the program without exceptions.
template <typename T, Allocator Heap>
class StandardAllocator {
 public:
  using value_type = T;
  using is_always_equal = std::false_type;
  using propagate_on_container_move_assignment = std::true_type;
  using propagate_on_container_swap = std::true_type;

  // Implicit, as containers convert a heap's allocator to that of their own nodes.
  StandardAllocator(Heap& heap) noexcept : heap_(&heap) {}  // NOLINT(google-explicit-constructor)

  template <typename Other>
  // NOLINTNEXTLINE(google-explicit-constructor)
  StandardAllocator(const StandardAllocator<Other, Heap>& other) noexcept : heap_(&other.heap()) {}

  [[nodiscard]] T* allocate(std::size_t count) {
    // More than a heap holds fails there; a product that wraps must not.
    const std::size_t bytes = count > kMaxSize / sizeof(T) ? kMaxSize + 1 : count * sizeof(T);
    return static_cast<T*>(allocate_objects(*heap_, bytes, alignof(T)));
  }

  void deallocate(T* objects, std::size_t count) noexcept {
    deallocate_objects(*heap_, objects, count * sizeof(T), alignof(T));
  }

  [[nodiscard]] Heap& heap() const noexcept { return *heap_; }

  template <typename Other>
  [[nodiscard]] bool operator==(const StandardAllocator<Other, Heap>& other) const noexcept {
    return heap_ == &other.heap();
  }

 private:
  Heap* heap_;
};

}  // namespace lite_alloc
