// SPDX-License-Identifier: MIT
#pragma once

#include "lite_alloc/heap/bump_heap.hpp"

namespace lite_alloc {

/// All free blocks in one list.
struct OneBin {
  static constexpr Size kLists = 1;
  [[nodiscard]] static constexpr Size block_bytes(const Layout& layout) noexcept {
    return block_size(layout);
  }
  [[nodiscard]] static constexpr Size list_of(Size) noexcept { return 0; }
};

/// A bump pointer over grown pages and one unordered free list, last in first out, searched first
/// fit. The smallest of the allocators, for short-lived work.
///
/// Blocks have no header and take whole units of 16 bytes. The design is that of lite-alloc, a Rust
/// crate of the same name (MIT); on top of it here
/// - a free block gives away just what is asked, the rest stays in the list,
/// - alignments hold for free blocks too,
/// - a block that shrinks gives its tail back, and the last block gives all to the slack,
/// - sizes and ends are computed so that they cannot wrap,
/// - pages that somebody else grew are stepped over: the heap goes on behind them.
///
/// Nothing is coalesced, so free blocks only get smaller, and the search takes time in proportion
/// to the free blocks that are too small. All else is constant time, but copying and growing.
template <PageSource Pages, typename Tracker = Tracking>
class BumpFreeList : public BumpHeap<Pages, Tracker, OneBin> {
 public:
  using BumpHeap<Pages, Tracker, OneBin>::BumpHeap;
};

}  // namespace lite_alloc
