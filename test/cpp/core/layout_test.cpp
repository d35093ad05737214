// SPDX-License-Identifier: MIT
#include "lite_alloc/core/layout.hpp"

#include <gtest/gtest.h>

namespace lite_alloc {
namespace {

TEST(Layout, SizesAreRoundedUpToWholeGranules) {
  EXPECT_EQ(round_to_granules(1), 16U);
  EXPECT_EQ(round_to_granules(15), 16U);
  EXPECT_EQ(round_to_granules(16), 16U);
  EXPECT_EQ(round_to_granules(17), 32U);
  EXPECT_EQ(round_to_granules(65535), 65536U);
  EXPECT_EQ(round_to_granules(0x8000'0001), 0x8000'0010U);
}

TEST(Layout, SizeZeroTakesAGranule) { EXPECT_EQ(round_to_granules(0), kGranule); }

TEST(Layout, RoundingIsExactUpToTheLastGranule) {
  EXPECT_EQ(round_to_granules(0xFFFF'FFE0), 0xFFFF'FFE0U);
  EXPECT_EQ(round_to_granules(0xFFFF'FFE1), 0xFFFF'FFF0U);
  EXPECT_EQ(round_to_granules(0xFFFF'FFF0), 0xFFFF'FFF0U);
}

TEST(Layout, SizesThatRoundTo2To32GiveZero) {
  for (Size size = 0xFFFF'FFF1; size != 0; ++size) EXPECT_EQ(round_to_granules(size), 0U) << size;
}

TEST(Layout, BlocksCountTheirPrefix) {
  EXPECT_EQ(block_size({}), 16U);
  EXPECT_EQ(block_size({.size = 1, .prefix = 16}), 32U);
  EXPECT_EQ(block_size({.size = 100, .alignment = 4096, .prefix = 65536}), 112U + 65536U);
}

TEST(Layout, BlocksThatWrapWithTheirPrefixGiveZero) {
  EXPECT_EQ(block_size({.size = 0xFFFF'FFE0, .prefix = 16}), 0xFFFF'FFF0U);
  EXPECT_EQ(block_size({.size = 0xFFFF'FFE1, .prefix = 16}), 0U);
  EXPECT_EQ(block_size({.size = 0xFFFF'FFF0, .prefix = 16}), 0U);
  EXPECT_EQ(block_size({.size = 0xFFFF'FFFF, .prefix = 16}), 0U);
  EXPECT_EQ(block_size({.size = 0xFFFE'FFF0, .prefix = 65536}), 0xFFFF'FFF0U);
  EXPECT_EQ(block_size({.size = 0xFFFE'FFF1, .prefix = 65536}), 0U);
  EXPECT_EQ(block_size({.size = 0xFFFF'FFE0, .prefix = 48}), 0U);
  EXPECT_EQ(block_size({.size = 0xFFFF'FFF0, .prefix = 65536}), 0U);
}

TEST(Layout, TheLargestSizeIsServedWithAnyPrefix) {
  EXPECT_LE(block_size({.size = kMaxSize, .prefix = kMaxAlignment}), kMaxBlock);
  EXPECT_GE(block_size({.size = kMaxSize, .prefix = kMaxAlignment}), kMaxSize);
}

TEST(Layout, TheLargestBlockLeavesRoomForEverySumMadeOfIt) {
  constexpr std::uint64_t kHeap = std::uint64_t{65535} * 65536;
  EXPECT_LT(std::uint64_t{kMaxBlock} + kMaxAlignment + kGranule, kHeap);
}

TEST(Layout, AlignmentsArePowersOfTwoUpToAPage) {
  for (Size alignment = 1; alignment <= 65536; alignment *= 2) {
    EXPECT_TRUE(is_alignment(alignment)) << alignment;
  }
  for (const Size other :
       {0U, 3U, 6U, 17U, 24U, 65535U, 65537U, 131072U, 0x8000'0000U, 0xFFFF'FFFFU}) {
    EXPECT_FALSE(is_alignment(other)) << other;
  }
}

TEST(Layout, AddressesAreRoundedToAnAlignment) {
  EXPECT_EQ(align_down(0, 16), 0U);
  EXPECT_EQ(align_down(65535, 65536), 0U);
  EXPECT_EQ(align_down(65537, 65536), 65536U);
  EXPECT_EQ(align_down(0xFFFF'FFFF, 16), 0xFFFF'FFF0U);
  EXPECT_EQ(align_up(0, 16), 0U);
  EXPECT_EQ(align_up(1, 1), 1U);
  EXPECT_EQ(align_up(65537, 65536), 131072U);
  EXPECT_EQ(align_up(0xFFFE'0001, 65536), 0xFFFF'0000U);
}

}  // namespace
}  // namespace lite_alloc
