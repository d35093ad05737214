// SPDX-License-Identifier: MIT
#pragma once

#include <type_traits>

#include "lite_alloc/adaptors/object_memory.hpp"

namespace lite_alloc {

/// An allocator of the standard library over a heap, which must outlive the containers. Any
/// `Allocator` serves, with or without tracking. Over-aligned types are aligned.
///
/// Two of these are equal iff they use the same heap. A container that is moved or swapped takes
/// its heap along with its elements.
///
/// Where there is no memory, `allocate` throws `std::bad_alloc`; in a program compiled without
/// exceptions it ends the program.
template <typename T, Allocator Heap>
class StandardAllocator {
 public:
  using value_type = T;
  using is_always_equal = std::false_type;
  using propagate_on_container_move_assignment = std::true_type;
  using propagate_on_container_swap = std::true_type;

  // Implicit, so that a heap can be passed where a container takes an allocator.
  StandardAllocator(Heap& heap) noexcept : heap_(&heap) {}  // NOLINT(google-explicit-constructor)

  template <typename Other>
  // NOLINTNEXTLINE(google-explicit-constructor)
  StandardAllocator(const StandardAllocator<Other, Heap>& other) noexcept : heap_(&other.heap()) {}

  /// Returns a pointer to memory for `count` objects, aligned for T. Fails as the class says, iff
  /// there is no memory or the objects would take more than `kMaxSize` bytes.
  [[nodiscard]] T* allocate(std::size_t count) {
    // A product that wraps would pass for a small size. `allocate_objects` rejects `kMaxSize + 1`.
    const std::size_t bytes = count > kMaxSize / sizeof(T) ? kMaxSize + 1 : count * sizeof(T);
    return static_cast<T*>(allocate_objects(*heap_, bytes, alignof(T)));
  }

  /// Frees what `allocate` returned for the same `count`.
  void deallocate(T* objects, std::size_t count) noexcept {
    deallocate_objects(*heap_, objects, count * sizeof(T), alignof(T));
  }

  /// Returns the heap that the blocks come from.
  [[nodiscard]] Heap& heap() const noexcept { return *heap_; }

  template <typename Other>
  [[nodiscard]] bool operator==(const StandardAllocator<Other, Heap>& other) const noexcept {
    return heap_ == &other.heap();
  }

 private:
  Heap* heap_;
};

}  // namespace lite_alloc
