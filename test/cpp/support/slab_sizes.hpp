// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <iterator>
#include <vector>

#include "lite_alloc/core/layout.hpp"

namespace lite_alloc::test {

// Which sizes `SegregatedFit` puts in slabs. Tests name these instead of numbers of their own. They
// are written out, not taken from the heap: so a test fails if the heap chooses other sizes.

/// The size of the largest block that lies in a slab. A larger block fills a chunk of its own.
inline constexpr Size kMaxSmall = 1008;

/// Up to this size each multiple of 16 is a size class.
inline constexpr Size kMaxExact = 512;

/// The block sizes of the classes above: 7, 6, 5 and 4 blocks fill a slab.
inline constexpr Size kCoarseSizes[] = {576, 672, 800, 1008};

/// Returns the usable size of a block of `size` bytes that lies in a slab.
[[nodiscard]] constexpr Size usable_in_slab(Size size) {
  if (size <= kMaxExact) return std::max(round_to_granules(size), kGranule);
  return *std::lower_bound(std::begin(kCoarseSizes), std::end(kCoarseSizes), size);
}

/// Returns the block size of every class.
[[nodiscard]] inline std::vector<Size> sizes_in_slabs() {
  std::vector<Size> sizes;
  for (Size size = kGranule; size <= kMaxExact; size += kGranule) sizes.push_back(size);
  sizes.insert(sizes.end(), std::begin(kCoarseSizes), std::end(kCoarseSizes));
  return sizes;
}

}  // namespace lite_alloc::test
