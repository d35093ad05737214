// SPDX-License-Identifier: MIT
#pragma once

#include "lite_alloc/inspect/segregated_fit_check.hpp"
#include "lite_alloc/inspect/walk.hpp"

namespace lite_alloc {

/// Looks for broken invariants of a heap: in the allocator's metadata, in the headers of blocks,
/// and between these and the counters. Changes nothing. Takes the time of the allocator's own check
/// and of a walk over all blocks.
template <Inspectable A>
[[nodiscard]] Corruption find_corruption(MallocAdaptor<A>& heap) noexcept {
  // The allocator's own check runs first, since a walk would follow a broken link out of memory.
  if (const Corruption found = heap.allocator().find_corruption()) return found;

  Size headers = 0;
  Address unclaimed = 0;  // a used extent without a header
  BlockWalk<A> walk(heap);
  for (Block block; walk.next(block);) {
    if (block.has_header) {
      ++headers;
    } else if (block.state == Extent::State::kUsed) {
      unclaimed = block.address;
    }
  }
  if (headers != heap.live_blocks()) return {Corruption::Kind::kHeaderOverwritten, unclaimed};
  return {};
}

/// Does the same for a heap whose blocks know their size without a header.
template <PageSource Pages, typename Tracker, typename Hardening>
[[nodiscard]] Corruption find_corruption(
    const SegregatedFit<Pages, Tracker, Hardening>& heap) noexcept {
  return heap.find_corruption();
}

}  // namespace lite_alloc
