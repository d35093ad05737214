// SPDX-License-Identifier: MIT
#pragma once

#include <memory_resource>

#include "lite_alloc/adaptors/object_memory.hpp"

namespace lite_alloc {

/// A `std::pmr::memory_resource` over a heap. The containers must not outlive it, nor may it
/// outlive the heap. Any `Allocator` serves, with or without tracking.
///
/// A call takes the time of the heap's own call. Where there is no memory, `allocate` throws
/// `std::bad_alloc`; in a program compiled without exceptions it ends the program.
template <Allocator Heap>
class MemoryResource final : public std::pmr::memory_resource {
 public:
  /// Makes a resource over `heap`, and allocates nothing.
  explicit MemoryResource(Heap& heap) noexcept : heap_(&heap) {}

  /// Returns the heap that the blocks come from.
  [[nodiscard]] Heap& heap() const noexcept { return *heap_; }

 private:
  void* do_allocate(std::size_t bytes, std::size_t alignment) override {
    return allocate_objects(*heap_, bytes, alignment);
  }

  void do_deallocate(void* block, std::size_t bytes, std::size_t alignment) override {
    deallocate_objects(*heap_, block, bytes, alignment);
  }

  [[nodiscard]] bool do_is_equal(const std::pmr::memory_resource& other) const noexcept override {
    return this == &other;
  }

  Heap* heap_;
};

}  // namespace lite_alloc
