// SPDX-License-Identifier: MIT
#include "lite_alloc/memory/stepped_growth.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "support/page_sources.hpp"

namespace lite_alloc::test {
namespace {

constexpr Size kLeastStep = 4 * kPageBytes;
constexpr Size kLargestStep = 256 * kPageBytes;

using Stepped = SteppedGrowth<WatchedMemory>;

TEST(SteppedGrowth, IsAPageSource) { EXPECT_TRUE(PageSource<Stepped>); }

TEST(SteppedGrowth, GrowsASmallMemoryByTheLeastStep) {
  Stepped memory;
  const Address end = memory.end();
  EXPECT_TRUE(memory.grow(1));
  EXPECT_EQ(memory.end(), end + kLeastStep);
}

TEST(SteppedGrowth, GrowsByASixteenthOfMemory) {
  Stepped memory({.begin = kPageBytes, .initial_pages = 799, .maximum_pages = 1000});
  const Address end = memory.end();
  EXPECT_TRUE(memory.grow(1));
  EXPECT_EQ(memory.end(), end + 50 * kPageBytes);
}

TEST(SteppedGrowth, GrowsALargeMemoryByTheLargestStep) {
  Stepped memory({.begin = 0xC000'0000, .maximum_pages = 1000});
  const Address end = memory.end();
  EXPECT_TRUE(memory.grow(1));
  EXPECT_EQ(memory.end(), end + kLargestStep);
}

TEST(SteppedGrowth, GrowsByTheRequestWhereThatIsMore) {
  Stepped memory;
  const Address end = memory.end();
  EXPECT_TRUE(memory.grow(kLeastStep + 1));
  EXPECT_EQ(memory.end(), end + kLeastStep + kPageBytes);
  EXPECT_EQ(memory.requests(), std::vector<Size>{kLeastStep + 1});
}

TEST(SteppedGrowth, GrowsByTheRequestWhereAStepFails) {
  Stepped memory;
  memory.fail_grow(1);
  const Address end = memory.end();
  EXPECT_TRUE(memory.grow(1));
  EXPECT_EQ(memory.end(), end + kPageBytes);
  EXPECT_EQ(memory.requests(), (std::vector<Size>{kLeastStep, 1}));
}

TEST(SteppedGrowth, ReachesTheMaximumToTheLastPage) {
  Stepped memory({.initial_pages = 1, .maximum_pages = 7});
  EXPECT_TRUE(memory.grow(1));
  EXPECT_TRUE(memory.grow(1));
  EXPECT_TRUE(memory.grow(1));
  EXPECT_EQ(memory.end(), memory.begin() + 7 * kPageBytes);
  EXPECT_FALSE(memory.grow(1));
  EXPECT_EQ(memory.end(), memory.begin() + 7 * kPageBytes);
}

TEST(SteppedGrowth, LeavesMemoryAsItWasWhereItCannotGrow) {
  Stepped memory;
  memory.refuse_growth(true);
  const Address end = memory.end();
  EXPECT_FALSE(memory.grow(1));
  EXPECT_FALSE(memory.grow(0xFFFF'FFFF));
  EXPECT_EQ(memory.end(), end);
  memory.refuse_growth(false);
  EXPECT_TRUE(memory.grow(1));
}

TEST(SteppedGrowth, TakesNoMoreThan140GrowthsToAGibibyte) {
  constexpr Size kGibibyte = 1U << 30U;
  Stepped memory({.maximum_pages = 20'000});
  Size growths = 0;
  while (memory.end() < kGibibyte && memory.grow(1)) ++growths;
  EXPECT_GE(memory.end(), kGibibyte);
  EXPECT_LE(growths, 140U);
}

}  // namespace
}  // namespace lite_alloc::test
