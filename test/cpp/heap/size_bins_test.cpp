// SPDX-License-Identifier: MIT
#include "lite_alloc/heap/size_bins.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>
#include <set>

#include "support/random.hpp"

namespace lite_alloc::test {
namespace {

constexpr Size kLargestSize = 0xFFFF'FFF0;

/// Sizes on both sides of every place where bins may change, in order.
[[nodiscard]] std::set<Size> telling_sizes() {
  std::set<Size> sizes;
  for (Size size = kGranule; size <= 65536; size += kGranule) sizes.insert(size);
  for (Size power = 65536; power != 0; power *= 2) {
    for (Size step = 0; step < 64; ++step) {
      const Size size = power + step * (power / 64);
      sizes.insert({size - kGranule, size, size + kGranule});
    }
  }
  sizes.insert({kLargestSize - kGranule, kLargestSize});
  return sizes;
}

TEST(SizeBins, LargerSizesAreInHigherBinsOrTheSame) {
  Size previous = 0;
  for (const Size size : telling_sizes()) {
    const Size bin = SizeBins::of(size);
    ASSERT_GE(bin, previous) << size;
    ASSERT_LE(bin, previous + 1) << size << ": no bin stays empty for ever";
    previous = bin;
  }
  EXPECT_EQ(previous, SizeBins::kCount - 1);
}

TEST(SizeBins, EverySizeBelow512HasItsOwnBin) {
  std::set<Size> bins;
  for (Size size = kGranule; size < 512; size += kGranule) bins.insert(SizeBins::of(size));
  EXPECT_EQ(bins.size(), 31U);
}

TEST(SizeBins, TheSizesOfABinDifferByASixteenthAtMost) {
  Size lowest = kGranule;
  for (const Size size : telling_sizes()) {
    if (SizeBins::of(size) != SizeBins::of(lowest)) lowest = size;
    ASSERT_LE(size - lowest, lowest / 16) << size;
  }
}

TEST(SizeBins, NothingIsFoundInAnEmptySet) {
  const SizeBins bins;
  for (Size bin = 0; bin <= SizeBins::kCount; ++bin) ASSERT_EQ(bins.next(bin), SizeBins::kCount);
  EXPECT_EQ(bins.highest(), SizeBins::kCount);
}

TEST(SizeBins, EveryBinAloneIsFoundFromBelowAndNotFromAbove) {
  for (Size only = 0; only < SizeBins::kCount; ++only) {
    SizeBins bins;
    bins.add(only);
    for (Size bin = 0; bin <= SizeBins::kCount; ++bin) {
      ASSERT_EQ(bins.next(bin), bin <= only ? only : SizeBins::kCount) << bin << " of " << only;
    }
    ASSERT_EQ(bins.highest(), only);
    bins.remove(only);
    ASSERT_EQ(bins.next(0), SizeBins::kCount);
    ASSERT_EQ(bins.highest(), SizeBins::kCount);
  }
}

TEST(SizeBins, IsASetInOrder) {
  Random random;
  SizeBins bins;
  std::set<Size> expected;
  for (int i = 0; i < 100'000; ++i) {
    // Adds for a while, then removes for a while, so that the set gets both full and empty.
    const Size bin = random.below(SizeBins::kCount);
    if (random.below(100) < (i / 5000 % 2 == 0 ? 60U : 3U)) {
      bins.add(bin);
      expected.insert(bin);
    } else {
      bins.remove(bin);
      expected.erase(bin);
    }
    const Size from = random.below(SizeBins::kCount + 1);
    const auto found = expected.lower_bound(from);
    ASSERT_EQ(bins.next(from), found == expected.end() ? SizeBins::kCount : *found) << i;
    const Size highest = expected.empty() ? SizeBins::kCount : *expected.rbegin();
    ASSERT_EQ(bins.highest(), highest) << i;
  }
}

}  // namespace
}  // namespace lite_alloc::test
