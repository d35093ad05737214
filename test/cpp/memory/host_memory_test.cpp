// SPDX-License-Identifier: MIT
#include "lite_alloc/memory/host_memory.hpp"

#include <gtest/gtest.h>

#include <cstring>

namespace lite_alloc {
namespace {

TEST(HostMemory, BeginsWithTheInitialPages) {
  const HostMemory memory({.begin = 2 * kPageBytes, .initial_pages = 3, .maximum_pages = 4});
  EXPECT_EQ(memory.begin(), 2 * kPageBytes);
  EXPECT_EQ(memory.end(), 5 * kPageBytes);
}

TEST(HostMemory, CanBeginEmpty) {
  HostMemory memory({.initial_pages = 0, .maximum_pages = 1});
  EXPECT_EQ(memory.end(), memory.begin());
  EXPECT_TRUE(memory.grow(1));
  EXPECT_EQ(memory.end(), memory.begin() + kPageBytes);
}

TEST(HostMemory, GrowsByWholePages) {
  HostMemory memory;
  const Address end = memory.end();
  EXPECT_TRUE(memory.grow(1));
  EXPECT_EQ(memory.end(), end + kPageBytes);
  EXPECT_TRUE(memory.grow(kPageBytes));
  EXPECT_EQ(memory.end(), end + 2 * kPageBytes);
  EXPECT_TRUE(memory.grow(kPageBytes + 1));
  EXPECT_EQ(memory.end(), end + 4 * kPageBytes);
}

TEST(HostMemory, GrowsToItsMaximumAndNoFurther) {
  HostMemory memory({.initial_pages = 1, .maximum_pages = 3});
  const Address end = memory.end();
  EXPECT_FALSE(memory.grow(2 * kPageBytes + 1));
  EXPECT_EQ(memory.end(), end);
  EXPECT_TRUE(memory.grow(2 * kPageBytes));
  EXPECT_FALSE(memory.grow(1));
  EXPECT_EQ(memory.end(), end + 2 * kPageBytes);
}

TEST(HostMemory, RefusesGrowthsThatWrap) {
  HostMemory memory({.begin = 0xFFFD'0000, .initial_pages = 1, .maximum_pages = 2});
  for (const Size bytes : {0x0002'0000U, 0x8000'0000U, 0xFFFF'0000U, 0xFFFF'0001U, 0xFFFF'FFFFU}) {
    EXPECT_FALSE(memory.grow(bytes)) << bytes;
    EXPECT_EQ(memory.end(), 0xFFFE'0000U);
  }
  EXPECT_TRUE(memory.grow(kPageBytes));
  EXPECT_EQ(memory.end(), 0xFFFF'0000U);
}

TEST(HostMemory, FailsTheNthGrowOnce) {
  HostMemory memory;
  memory.fail_grow(3);
  EXPECT_TRUE(memory.grow(1));
  EXPECT_TRUE(memory.grow(1));
  const Address end = memory.end();
  EXPECT_FALSE(memory.grow(1));
  EXPECT_EQ(memory.end(), end);
  EXPECT_TRUE(memory.grow(1));
}

TEST(HostMemory, BlocksStayWhereTheyAreWhenItGrows) {
  HostMemory memory;
  std::byte* const first = memory.at<std::byte>(memory.begin());
  ASSERT_TRUE(memory.grow(100 * kPageBytes));
  EXPECT_EQ(memory.at<std::byte>(memory.begin()), first);
  EXPECT_EQ(memory.at<std::byte>(memory.end() - 1), first + (memory.end() - 1 - memory.begin()));
}

TEST(HostMemory, EveryByteIsZeroAndWritable) {
  HostMemory memory;
  ASSERT_TRUE(memory.grow(2 * kPageBytes));
  const Size bytes = memory.end() - memory.begin();
  auto* const data = memory.at<unsigned char>(memory.begin());
  for (Size i = 0; i < bytes; ++i) ASSERT_EQ(data[i], 0U) << i;
  std::memset(data, 0xFF, bytes);
  EXPECT_EQ(data[bytes - 1], 0xFFU);
}

TEST(HostMemory, AlignedAddressesAreAlignedPointers) {
  const HostMemory memory({.begin = 0xFFFD'0000, .maximum_pages = 2});
  const auto pointer = reinterpret_cast<std::uintptr_t>(memory.at<std::byte>(0xFFFD'0000));
  EXPECT_EQ(pointer % kPageBytes, 0U);
}

TEST(HostMemory, OtherCodesGrowthMovesTheEnd) {
  HostMemory memory({.initial_pages = 1, .maximum_pages = 4});
  const Address end = memory.end();
  memory.grow_as_other_code(2);
  EXPECT_EQ(memory.end(), end + 2 * kPageBytes);
  memory.grow_as_other_code(2);
  EXPECT_EQ(memory.end(), end + 2 * kPageBytes) << "past the maximum";
  EXPECT_TRUE(memory.grow(kPageBytes));
  *memory.at<std::byte>(end + 2 * kPageBytes) = std::byte{1};  // behind the foreign pages
}

TEST(HostMemoryDeathTest, TouchingOtherCodesPagesEndsTheProgram) {
  HostMemory memory;
  const Address end = memory.end();
  memory.grow_as_other_code(1);
  *memory.at<std::byte>(end - 1) = std::byte{1};
  EXPECT_DEATH(*memory.at<volatile char>(end) = 1, "");
  EXPECT_DEATH(*memory.at<volatile char>(end + kPageBytes - 1) = 1, "");
}

}  // namespace
}  // namespace lite_alloc
