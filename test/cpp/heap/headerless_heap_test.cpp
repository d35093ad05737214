// SPDX-License-Identifier: MIT
//
// Behaviour that all headerless heaps share, beyond the contract of every allocator.

#include <gtest/gtest.h>

#include <algorithm>

#include "support/heap_test.hpp"

namespace lite_alloc::test {
namespace {

template <typename Heap>
class HeaderlessHeapTest : public HeapTest<Heap> {};
using Heaps =
    Concatenate<HeaderlessStrategies::On<HostPages>, HeaderlessStrategies::On<HighPages>>::Result;
TYPED_TEST_SUITE(HeaderlessHeapTest, Heaps, HeapName);

TYPED_TEST(HeaderlessHeapTest, LiveBlocksMayBeUsed) {
  for (const Size size : {1U, 16U, 100U, 5000U, 70'000U}) {
    const Address address = this->allocate(size);
    EXPECT_TRUE(this->heap_.may_be_used(address, size));
    EXPECT_TRUE(this->heap_.may_be_used(address, this->heap_.capacity({.size = size})));
  }
}

TYPED_TEST(HeaderlessHeapTest, TheFreeMemoryAtTheHeapEndIsNotUsed) {
  this->allocate(100);
  const Address last = this->allocate(1000);
  const Address end = last + this->heap_.capacity({.size = 1000});
  this->deallocate(last);
  for (Address address = last; address < end; address += kGranule) {
    EXPECT_FALSE(this->heap_.may_be_used(address, kGranule)) << address - last;
  }
  EXPECT_FALSE(this->heap_.may_be_used(this->pages().end() - kGranule, kGranule));
}

TYPED_TEST(HeaderlessHeapTest, ARangeThatReachesIntoTheFreeMemoryAtTheHeapEndIsNotUsed) {
  const Address first = this->allocate(112);
  const Address last = this->allocate(1000);
  const Address low = std::min(first, last);
  const Size whole = this->heap_.capacity({.size = low == first ? 112U : 1000U}) +
                     this->heap_.capacity({.size = low == first ? 1000U : 112U});
  EXPECT_TRUE(this->heap_.may_be_used(low, whole));
  EXPECT_FALSE(this->heap_.may_be_used(low, whole + kGranule));
}

TYPED_TEST(HeaderlessHeapTest, AnEmptyHeapHasNoUsedBytes) {
  EXPECT_FALSE(this->heap_.may_be_used(this->pages().begin() + kGranule, kGranule));
  EXPECT_FALSE(this->heap_.may_be_used(0, kGranule));
  this->heap_.claim();
  EXPECT_FALSE(this->heap_.may_be_used(this->pages().begin() + kGranule, kGranule));
  EXPECT_FALSE(this->heap_.may_be_used(0, kGranule));
}

TYPED_TEST(HeaderlessHeapTest, BytesOutsideOfTheHeapAreNotUsed) {
  const Address address = this->allocate(100);
  EXPECT_FALSE(this->heap_.may_be_used(this->pages().end(), kGranule));
  EXPECT_FALSE(this->heap_.may_be_used(this->pages().begin() - kGranule, kGranule));
  EXPECT_FALSE(this->heap_.may_be_used(address, 0xFFFF'FFF0));
}

TYPED_TEST(HeaderlessHeapTest, BlocksOfOlderRegionsMayBeUsed) {
  const Address first = this->allocate(100);
  this->pages().grow_as_other_code(1);
  const Address second = this->allocate(2 * kPageBytes);
  EXPECT_TRUE(this->heap_.may_be_used(first, 100));
  EXPECT_TRUE(this->heap_.may_be_used(second, 2 * kPageBytes));
  EXPECT_FALSE(this->heap_.may_be_used(this->pages().foreign().back().begin, kGranule));
}

}  // namespace
}  // namespace lite_alloc::test
