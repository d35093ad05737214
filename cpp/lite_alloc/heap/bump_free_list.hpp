// SPDX-License-Identifier: MIT
#pragma once

#include "lite_alloc/heap/bump_strategy.hpp"
#include "lite_alloc/heap/headerless_heap.hpp"

namespace lite_alloc {

/// All free blocks in one list. Sizes are rounded up to whole granules.
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
/// Blocks have no header and take whole granules of 16 bytes. The design is that of lite-alloc, a
/// Rust crate of the same name (MIT). Added here:
/// - an allocation takes only the bytes that it needs of a free block, and the rest stays in the
///   list,
/// - blocks that come from the free list have the requested alignment, too,
/// - a block that shrinks frees its tail, and the last block returns to the slack whole,
/// - sizes and ends cannot wrap,
/// - the heap does not touch pages that other code added, and goes on behind them.
///
/// Nothing is coalesced, so free blocks only get smaller. `allocate` and a `reallocate` that moves
/// the block take time in proportion to the number of free blocks that are too small. Everything
/// else takes constant time, except copying contents and growing memory.
template <PageSource Pages, typename Tracker = Tracking>
class BumpFreeList : public HeaderlessHeap<BumpStrategy<Pages, Tracker, OneBin>> {
 public:
  using HeaderlessHeap<BumpStrategy<Pages, Tracker, OneBin>>::HeaderlessHeap;
};

}  // namespace lite_alloc
