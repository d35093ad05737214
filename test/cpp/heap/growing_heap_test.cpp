// SPDX-License-Identifier: MIT
//
// The contract of every allocator while its memory grows, does not grow, or is grown by other code.
// Pages of other code end the program when touched.

#include <gtest/gtest.h>

#include <iterator>

#include "support/heap_test.hpp"

namespace lite_alloc::test {
namespace {

template <typename Heap>
class GrowingHeap : public HeapTest<Heap> {
 protected:
  /// Allocates all free bytes, without growth.
  void fill() {
    this->begin();
    this->pages().refuse_growth(true);
    this->exhaust();
    this->pages().refuse_growth(false);
  }

  /// Runs `call`, which must fail for lack of memory, and compares the heap before and after.
  template <typename Call>
  void expect_failure_without_trace(Call call) {
    const Snapshot before = snapshot_of(this->heap_);
    const Address end = this->pages().end();
    const std::uint64_t failures = this->statistics().failures;
    this->pages().refuse_growth(true);
    EXPECT_EQ(call(), 0U);
    this->pages().refuse_growth(false);
    EXPECT_EQ(snapshot_of(this->heap_), before);
    EXPECT_EQ(this->pages().end(), end);
    EXPECT_EQ(this->statistics().failures, failures + 1);
  }
};
TYPED_TEST_SUITE(GrowingHeap, GrowingHeaps, HeapName);

TYPED_TEST(GrowingHeap, UsesExistingMemoryBeforeItGrows) {
  this->allocate(1000);
  EXPECT_EQ(this->statistics().growths, 0U);
  EXPECT_TRUE(this->pages().requests().empty());
}

TYPED_TEST(GrowingHeap, GrowsWhereMemoryIsMissing) {
  this->fill();
  const Size before = this->statistics().heap_bytes;
  this->allocate(3 * kPageBytes);
  const Statistics statistics = this->statistics();
  EXPECT_EQ(statistics.growths, 1U);
  EXPECT_GE(statistics.heap_bytes, before + 3 * kPageBytes);
}

TYPED_TEST(GrowingHeap, GrowsForItsFirstBlock) {
  this->allocate(10 * kPageBytes);
  EXPECT_EQ(this->statistics().growths, 1U);
}

TYPED_TEST(GrowingHeap, GrowsForAnAlignedBlock) {
  for (const Size alignment : all_alignments()) {
    this->fill();
    this->allocate({.size = 2 * kPageBytes, .alignment = alignment, .prefix = 32});
  }
}

TYPED_TEST(GrowingHeap, GrowsForAReallocation) {
  this->fill();
  const Address last = this->allocate(kPageBytes);
  this->fill();
  this->reallocate(last, 4 * kPageBytes);
  const Address first = this->shadow_.blocks().begin()->first;
  this->reallocate(first, 5 * kPageBytes);
}

TYPED_TEST(GrowingHeap, FailedGrowthLeavesTheHeapAsItWas) {
  this->fill();
  this->deallocate(this->shadow_.blocks().begin()->first);
  this->expect_failure_without_trace(
      [&] { return this->heap_.allocate({.size = 5 * kPageBytes}); });
  this->expect_failure_without_trace([&] {
    return this->heap_.allocate({.size = 5 * kPageBytes, .alignment = 65536, .prefix = 16});
  });
  this->allocate(5 * kPageBytes);
}

TYPED_TEST(GrowingHeap, FailedGrowthKeepsTheSlack) {
  this->begin();
  this->allocate(1000);
  this->expect_failure_without_trace(
      [&] { return this->heap_.allocate({.size = 5 * kPageBytes}); });
  this->allocate(1000);
  EXPECT_EQ(this->statistics().growths, 0U);
}

TYPED_TEST(GrowingHeap, FailedGrowthLeavesAReallocatedBlockAsItWas) {
  const Address first = this->allocate(1000);
  this->allocate(1000);
  const Address last = this->allocate(1000);
  for (const Address address : {first, last}) {
    this->expect_failure_without_trace(
        [&] { return this->heap_.reallocate(address, {.size = 1000}, 5 * kPageBytes); });
    EXPECT_TRUE(this->shadow_.verify(address));
  }
  this->reallocate(last, 5 * kPageBytes);
  this->reallocate(first, 5 * kPageBytes);
}

TYPED_TEST(GrowingHeap, ServesAgainAfterAGrowthThatFailedOnce) {
  this->begin();
  for (Size n = 1; n <= 3; ++n) {
    for (const Size size : {kPageBytes, 3 * kPageBytes, 5 * kPageBytes}) {
      this->pages().fail_grow(n);
      this->try_allocate({.size = size});
      this->pages().fail_grow(0);
      ASSERT_TRUE(is_sound(this->heap_, this->shadow_));
      this->allocate(size);
      ASSERT_TRUE(is_sound(this->heap_, this->shadow_));
    }
  }
}

TYPED_TEST(GrowingHeap, StepsOverPagesOfOtherCode) {
  this->begin();
  for (Size pages = 1; pages <= 3; ++pages) {
    const Address end = this->pages().end();
    this->pages().grow_as_other_code(pages);
    const Address address = this->allocate(6 * kPageBytes);
    EXPECT_GE(address, end + pages * kPageBytes);
    ASSERT_TRUE(is_sound(this->heap_, this->shadow_));
  }
  EXPECT_EQ(this->statistics().growths, 3U);
}

TYPED_TEST(GrowingHeap, StepsOverPagesOfOtherCodeFromAFullHeap) {
  for (int i = 0; i < 3; ++i) {
    this->fill();
    this->pages().grow_as_other_code(1);
    const Address address = this->allocate(16);
    EXPECT_GE(address, this->pages().foreign().back().end());
    ASSERT_TRUE(is_sound(this->heap_, this->shadow_));
  }
}

TYPED_TEST(GrowingHeap, StepsOverPagesOfOtherCodeForAlignedBlocks) {
  this->begin();
  for (const Size alignment : all_alignments()) {
    this->fill();
    this->pages().grow_as_other_code(1);
    this->allocate({.size = 100, .alignment = alignment, .prefix = 48});
    ASSERT_TRUE(is_sound(this->heap_, this->shadow_));
  }
}

TYPED_TEST(GrowingHeap, FailedGrowthBehindPagesOfOtherCodeLeavesTheHeapAsItWas) {
  this->begin();
  const Address last = this->allocate(1000);
  this->pages().grow_as_other_code(2);
  this->expect_failure_without_trace(
      [&] { return this->heap_.allocate({.size = 2 * kPageBytes}); });
  this->expect_failure_without_trace(
      [&] { return this->heap_.reallocate(last, {.size = 1000}, 2 * kPageBytes); });
  EXPECT_TRUE(this->shadow_.verify(last));
  this->reallocate(last, 2 * kPageBytes);
}

TYPED_TEST(GrowingHeap, MovesTheLastBlockWhenPagesOfOtherCodeAreBehindIt) {
  const Address last = this->allocate(1000);
  this->pages().grow_as_other_code(1);
  const Address moved = this->reallocate(last, 2 * kPageBytes);
  EXPECT_GE(moved, this->pages().foreign().back().end());
}

TYPED_TEST(GrowingHeap, UsesTheFreeMemoryInFrontOfPagesOfOtherCode) {
  this->begin();
  const Address end = this->pages().end();
  this->pages().grow_as_other_code(1);
  this->allocate(6 * kPageBytes);
  this->pages().refuse_growth(true);
  this->exhaust();
  EXPECT_EQ(this->statistics().free_bytes, 0U);
  const auto behind = this->shadow_.blocks().lower_bound(end);
  EXPECT_GT(std::distance(this->shadow_.blocks().begin(), behind), 0);
}

TYPED_TEST(GrowingHeap, ServesBlocksWhenThePagesOfOtherCodeReachTheMaximum) {
  this->begin();
  this->pages().grow_as_other_code(kHeapPages - 1);
  EXPECT_EQ(this->heap_.allocate({.size = 2 * kPageBytes}), 0U);
  this->exhaust();
  EXPECT_EQ(this->statistics().growths, 0U);
  EXPECT_LT(this->statistics().heap_bytes, kPageBytes);
}

TYPED_TEST(GrowingHeap, NeverOwnsPagesOfOtherCode) {
  this->begin();
  for (int i = 0; i < 3; ++i) {
    this->pages().grow_as_other_code(2);
    this->allocate(6 * kPageBytes);
  }
  ASSERT_EQ(this->pages().foreign().size(), 3U);
  for (const Extent& foreign : this->pages().foreign()) {
    EXPECT_FALSE(this->heap_.owns(foreign.begin, 1));
    EXPECT_FALSE(this->heap_.owns(foreign.begin + kPageBytes, kGranule));
    EXPECT_FALSE(this->heap_.owns(foreign.end() - kGranule, kGranule));
    EXPECT_FALSE(this->heap_.owns(foreign.begin - kGranule, 2 * kGranule));
    EXPECT_FALSE(this->heap_.has_handed_out(foreign.begin, 1));
    EXPECT_FALSE(this->heap_.has_handed_out(foreign.end() - kGranule, kGranule));
  }
  for (const auto& [address, block] : this->shadow_.blocks()) {
    EXPECT_TRUE(this->heap_.owns(address, block.layout.size));
  }
}

TYPED_TEST(GrowingHeap, ResetMakesTheMemoryOfEveryRegionFree) {
  this->begin();
  for (int i = 0; i < 3; ++i) {
    this->pages().grow_as_other_code(1);
    this->allocate(6 * kPageBytes);
  }
  this->exhaust();
  const Statistics before = this->statistics();
  for (int i = 0; i < 2; ++i) {
    this->reset();
    EXPECT_TRUE(is_sound(this->heap_, this->shadow_));
    EXPECT_EQ(this->statistics().free_bytes, before.heap_bytes);
    this->exhaust();
    EXPECT_EQ(this->statistics().free_bytes, 0U);
    EXPECT_EQ(this->statistics().growths, before.growths);
  }
}

TYPED_TEST(GrowingHeap, ServesEveryAddressUpToItsMaximum) {
  this->exhaust();
  const auto& [address, block] = *this->shadow_.blocks().rbegin();
  const Address limit = this->pages().begin() + kHeapPages * kPageBytes;
  EXPECT_EQ(this->pages().end(), limit);
  EXPECT_LT(limit - address - block_size(block.layout), kPageBytes);
}

}  // namespace
}  // namespace lite_alloc::test
