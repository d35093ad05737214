// SPDX-License-Identifier: MIT
#include "lite_alloc/memory/fixed_region.hpp"

#include <gtest/gtest.h>

#include <cstring>

#include "support/page_sources.hpp"

namespace lite_alloc::test {
namespace {

TEST(FixedRegion, UsesTheWholeGranulesInsideItsMemory) {
  for (Size skew = 0; skew < 2 * kGranule; ++skew) {
    for (Size bytes = 0; bytes < 5 * kGranule; ++bytes) {
      const GuardedBytes memory(bytes, skew);
      const FixedRegion region(memory.data(), bytes);
      SCOPED_TRACE(testing::Message() << bytes << " bytes, start at " << skew);
      EXPECT_EQ(region.begin() % kGranule, 0U);
      EXPECT_EQ(region.end() % kGranule, 0U);
      ASSERT_LE(region.begin(), region.end());
      const Size usable = region.end() - region.begin();
      const Size before = (kGranule - skew % kGranule) % kGranule;
      EXPECT_EQ(usable, bytes < before ? 0U : align_down(bytes - before, kGranule));
      if (usable == 0) continue;
      EXPECT_EQ(region.at<std::byte>(region.begin()), memory.data() + before);
      std::memset(region.at<std::byte>(region.begin()), 0, usable);
      EXPECT_TRUE(memory.untouched());
    }
  }
}

TEST(FixedRegion, NeverBeginsAtAddressZero) {
  const GuardedBytes memory(64, 0);
  EXPECT_NE(FixedRegion(memory.data(), 64).begin(), 0U);
}

TEST(FixedRegion, KeepsAddressesAndPointersInStep) {
  const GuardedBytes memory(256, 3);
  const FixedRegion region(memory.data(), 256);
  const auto pointer = reinterpret_cast<std::uintptr_t>(region.at<std::byte>(region.begin()));
  EXPECT_EQ(pointer % kGranule, 0U);
  EXPECT_EQ(region.at<std::byte>(region.begin() + 48), region.at<std::byte>(region.begin()) + 48);
}

TEST(FixedRegion, NeverGrows) {
  const GuardedBytes memory(256);
  FixedRegion region(memory.data(), 256);
  const Address end = region.end();
  EXPECT_FALSE(region.grow(1));
  EXPECT_FALSE(region.grow(0xFFFF'FFFF));
  EXPECT_EQ(region.end(), end);
}

}  // namespace
}  // namespace lite_alloc::test
