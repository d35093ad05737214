// SPDX-License-Identifier: MIT
#pragma once

#include "lite_alloc/inspect/segregated_fit_check.hpp"
#include "lite_alloc/inspect/walk.hpp"

namespace lite_alloc {

/// Looks for anything in a heap that cannot be: in the allocator's own structure, in its walk, in
/// the headers of blocks, and between these and the counters. Changes nothing.
template <Allocator A>
[[nodiscard]] Corruption find_corruption(MallocAdaptor<A>& heap) noexcept {
  // First what a walk relies on: it would follow a broken link out of memory.
  if (const Corruption found = heap.allocator().find_corruption()) return found;

  Size headers = 0;
  Address unclaimed = 0;  // a used stretch that no header explains
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

/// The same for a heap whose blocks have no header to look at.
template <PageSource Pages, typename Tracker, typename Hardening>
[[nodiscard]] Corruption find_corruption(
    const SegregatedFit<Pages, Tracker, Hardening>& heap) noexcept {
  return heap.find_corruption();
}

}  // namespace lite_alloc
