// SPDX-License-Identifier: MIT
#pragma once

#include <bit>

#include "lite_alloc/heap/bump_strategy.hpp"
#include "lite_alloc/heap/headerless_heap.hpp"

namespace lite_alloc {

/// Lists for 16, 32, 64 and 128 bytes, and one for larger free blocks. Blocks of up to 128 bytes
/// are rounded up to these sizes, so that the first block of a list always fits.
struct PowerOfTwoBins {
  static constexpr Size kLists = 5;
  static constexpr Size kLargestBin = 128;

  [[nodiscard]] static constexpr Size block_bytes(const Layout& layout) noexcept {
    const Size size = block_size(layout);
    return size <= kLargestBin ? std::bit_ceil(size) : size;
  }

  /// The rest of a free block may have a size between two bins; it goes to the lower one.
  [[nodiscard]] static constexpr Size list_of(Size size) noexcept {
    return size <= kLargestBin ? static_cast<Size>(std::countr_zero(std::bit_floor(size)) -
                                                   std::countr_zero(kGranule))
                               : kLists - 1;
  }
};

/// A bump pointer over grown pages and five free lists by size, for many small objects of few
/// sizes.
///
/// Blocks have no header. A block of up to 128 bytes takes 16, 32, 64 or 128 bytes, a larger one
/// whole granules of 16 bytes. Allocating up to 128 bytes at an alignment of 16 takes constant
/// time; a search for more visits the larger free blocks that do not fit. Nothing is coalesced.
template <PageSource Pages, typename Tracker = Tracking>
class SegregatedBump : public HeaderlessHeap<BumpStrategy<Pages, Tracker, PowerOfTwoBins>> {
 public:
  using HeaderlessHeap<BumpStrategy<Pages, Tracker, PowerOfTwoBins>>::HeaderlessHeap;
};

}  // namespace lite_alloc
