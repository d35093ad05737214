// SPDX-License-Identifier: MIT
#pragma once

#include <bit>

#include "lite_alloc/heap/bump_heap.hpp"

namespace lite_alloc {

/// Lists for 16, 32, 64 and 128 bytes, and one for larger blocks. Blocks of up to 128 bytes are
/// rounded to these sizes, so that the first in a list always fits.
struct PowerOfTwoBins {
  static constexpr Size kLists = 5;
  static constexpr Size kLargestBin = 128;

  [[nodiscard]] static constexpr Size block_bytes(const Layout& layout) noexcept {
    const Size size = block_size(layout);
    return size <= kLargestBin ? std::bit_ceil(size) : size;
  }

  /// Rests may lie between two bins: they go to the lower one.
  [[nodiscard]] static constexpr Size list_of(Size size) noexcept {
    return size <= kLargestBin ? static_cast<Size>(std::countr_zero(std::bit_floor(size))) - 4 : 4;
  }
};

template <PageSource Pages, typename Tracker = Tracking>
class SegregatedBump : public BumpHeap<Pages, Tracker, PowerOfTwoBins> {
 public:
  using BumpHeap<Pages, Tracker, PowerOfTwoBins>::BumpHeap;
};

}  // namespace lite_alloc
