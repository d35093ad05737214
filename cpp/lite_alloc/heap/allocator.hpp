// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>

#include "lite_alloc/core/layout.hpp"
#include "lite_alloc/heap/tracking.hpp"

namespace lite_alloc {

/// A stretch of a heap, as a walk meets it.
struct Extent {
  enum class State : std::uint8_t { kUsed, kFree };

  Address begin = 0;
  Size size = 0;
  State state = State::kFree;

  [[nodiscard]] constexpr Address end() const noexcept { return begin + size; }
  friend constexpr bool operator==(const Extent&, const Extent&) = default;
};

/// What an invariant check found, and where.
struct Corruption {
  enum class Kind : std::uint8_t {
    kNone,
    kFreeListOutsideHeap,   // a link of the free list was overwritten
    kFreeListOverlap,       // two free blocks share bytes: freed twice, or with a wrong size
    kCountersDisagree,      // the walk and the counters differ: freed with a wrong size
    kHeaderOverwritten,     // a block's header was overwritten
    kRegionOverwritten,     // the record at the start of a region was overwritten
    kSpareListOverwritten,  // a link in the list of spare slabs was overwritten
    kSlabMapOverwritten,    // the map of slabs was overwritten
  };

  Kind kind = Kind::kNone;
  Address address = 0;

  [[nodiscard]] constexpr explicit operator bool() const noexcept { return kind != Kind::kNone; }
};

/// What every allocator offers. Blocks have no header: the owner keeps the layout and says it
/// again.
///
///   allocate(layout)                     a block, or 0: out of memory, heap as it was
///   deallocate(address, layout)          the block is free; `layout` as it was last sized
///   reallocate(address, layout, size)    the block with `size` bytes, perhaps elsewhere, contents
///                                        kept up to the smaller size; 0 if it cannot be had, and
///                                        the old block is as it was
///   reset()                              every block is gone, the memory stays for reuse
///   owns(address, size)                  whether all these bytes are this heap's
///   has_handed_out(address, size)        whether they have been part of a block, too
///   statistics()                         counters
///   walk()                               a cursor: `next(Extent&)` gives the stretches in address
///                                        order, false at the end; any other call ends its validity
///   find_corruption()                    what is wrong with the heap's own structure
// The formatter takes the requirements for statements.
// clang-format off
template <typename A>
concept Allocator = requires(A heap, Layout layout, Address address, Size size, Extent& extent) {
  { heap.allocate(layout) } noexcept -> std::same_as<Address>;
  { heap.deallocate(address, layout) } noexcept -> std::same_as<void>;
  { heap.reallocate(address, layout, size) } noexcept -> std::same_as<Address>;
  { heap.reset() } noexcept -> std::same_as<void>;
  { heap.owns(address, size) } noexcept -> std::same_as<bool>;
  { heap.has_handed_out(address, size) } noexcept -> std::same_as<bool>;
  { heap.statistics() } noexcept -> std::same_as<Statistics>;
  { heap.walk().next(extent) } noexcept -> std::same_as<bool>;
  { heap.find_corruption() } noexcept -> std::same_as<Corruption>;
  heap.pages();
};
// clang-format on

}  // namespace lite_alloc
