// SPDX-License-Identifier: MIT
#pragma once

#include <memory>
#include <optional>

#include "lite_alloc/inspect/check.hpp"
#include "lite_alloc/inspect/statistics.hpp"
#include "module_heap.hpp"

/// The heap as functions of plain numbers, the form in which a call through embind costs least.
/// Addresses and sizes are unsigned; the caller has checked that they are whole numbers under 2^32.
namespace lite_alloc::bindings {

/// Begins anew with an empty heap over the memory that is there now.
inline void start() noexcept {
  std::destroy_at(&heap);
  std::construct_at(&heap);
  heap.allocator().claim();
}

[[nodiscard]] inline Address malloc(Size size) noexcept { return heap.malloc(size); }
[[nodiscard]] inline Address zeroed(Size size) noexcept { return heap.zeroed(size); }
[[nodiscard]] inline Address memalign(Size alignment, Size size) noexcept {
  return heap.memalign(alignment, size);
}
[[nodiscard]] inline Address realloc(Address address, Size size) noexcept {
  return heap.realloc(address, size);
}
[[nodiscard]] inline Size free(Address address) noexcept {
  return static_cast<Size>(heap.free(address));
}
[[nodiscard]] inline Size usable_size(Address address) noexcept {
  return heap.usable_size(address);
}
inline void reset() noexcept { heap.reset(); }

[[nodiscard]] inline Address allocate(Size size, Size alignment) noexcept {
  return heap.allocator().allocate({.size = size, .alignment = alignment});
}

/// Whether a block of the sized calls may be here: what a few comparisons can tell.
[[nodiscard]] inline bool may_be_sized_block(Address address, Size size, Size alignment) noexcept {
  const Size whole = block_size({.size = size});
  return address % std::max(alignment, kUnit) == 0 && whole != 0 &&
         heap.allocator().owns(address, whole) && !heap.is_live(address);
}

/// False, and nothing done, iff no such block may be here.
[[nodiscard]] inline bool deallocate(Address address, Size size, Size alignment) noexcept {
  const bool may = may_be_sized_block(address, size, alignment);
  if (may) heap.allocator().deallocate(address, {.size = size, .alignment = alignment});
  return may;
}

[[nodiscard]] inline Address reallocate(Address address, Size old_size, Size new_size,
                                        Size alignment) noexcept {
  if (!may_be_sized_block(address, old_size, alignment)) return 0;
  return heap.allocator().reallocate(address, {.size = old_size, .alignment = alignment}, new_size);
}

/// One counter or figure of the heap, as a number that JavaScript holds exactly.
template <auto kMember>
[[nodiscard]] double statistic() noexcept {
  return static_cast<double>(heap.allocator().statistics().*kMember);
}
[[nodiscard]] inline double heap_fragmentation() noexcept {
  return fragmentation(heap.allocator().statistics());
}

/// What the last `check` found.
inline constinit Corruption last_corruption{};

/// 0, or the kind of corruption, whose place `corrupt_address` tells.
[[nodiscard]] inline Size check() noexcept {
  last_corruption = find_corruption(heap);
  return static_cast<Size>(last_corruption.kind);
}
[[nodiscard]] inline Address corrupt_address() noexcept { return last_corruption.address; }

/// The walk that `walk_start` starts and `walk_next` moves on.
inline constinit std::optional<BlockWalk<ModuleHeap::Below>> current_walk{};
inline constinit Block current_block{};

inline void walk_start() noexcept { current_walk.emplace(heap); }

/// The address of the next block or free stretch; 0 behind the last.
[[nodiscard]] inline Address walk_next() noexcept {
  return current_walk && current_walk->next(current_block) ? current_block.address : 0;
}
[[nodiscard]] inline Size walk_size() noexcept { return current_block.size; }
[[nodiscard]] inline bool walk_is_used() noexcept {
  return current_block.state == Extent::State::kUsed;
}

}  // namespace lite_alloc::bindings
