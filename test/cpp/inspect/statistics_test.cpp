// SPDX-License-Identifier: MIT
#include "lite_alloc/inspect/statistics.hpp"

#include <gtest/gtest.h>

#include "support/heap_test.hpp"

namespace lite_alloc::test {
namespace {

TEST(Fragmentation, IsZeroWithoutFreeBlocks) {
  EXPECT_EQ(fragmentation({}), 0.0);
  EXPECT_EQ(fragmentation({.heap_bytes = 1000, .free_bytes = 400, .slack_bytes = 400}), 0.0);
}

TEST(Fragmentation, IsZeroWhereOneBlockHoldsAllFreeBytes) {
  EXPECT_EQ(fragmentation({.free_bytes = 400, .largest_free_bytes = 400}), 0.0);
}

TEST(Fragmentation, IsTheShareOutsideTheLargestFreeBlock) {
  EXPECT_DOUBLE_EQ(fragmentation({.free_bytes = 400, .largest_free_bytes = 100}), 0.75);
}

TEST(Fragmentation, LeavesSlackOut) {
  EXPECT_DOUBLE_EQ(
      fragmentation({.free_bytes = 1000, .slack_bytes = 600, .largest_free_bytes = 300}), 0.25);
}

TEST(Fragmentation, IsRightForTheLargestHeaps) {
  EXPECT_DOUBLE_EQ(fragmentation({.free_bytes = 0xFFFF'0000, .largest_free_bytes = 0x7FFF'8000}),
                   0.5);
}

using FragmentationOfAHeap = HeapTest<BumpFreeList<HostPages>>;

TEST_F(FragmentationOfAHeap, FollowsTheFreeBlocksOfAHeap) {
  EXPECT_EQ(fragmentation(statistics()), 0.0);
  const Address first = allocate(1600);
  allocate(16);
  const Address second = allocate(1600);
  allocate(16);
  EXPECT_EQ(fragmentation(statistics()), 0.0);
  deallocate(first);
  EXPECT_EQ(fragmentation(statistics()), 0.0);
  deallocate(second);
  EXPECT_DOUBLE_EQ(fragmentation(statistics()), 0.5);
  allocate(1600);
  EXPECT_EQ(fragmentation(statistics()), 0.0);
}

}  // namespace
}  // namespace lite_alloc::test
