// SPDX-License-Identifier: MIT
//
// Tests the totals of a heap without tracking, which come from a walk over its tags.

#include "lite_alloc/inspect/segregated_fit_totals.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "lite_alloc/heap/segregated_fit.hpp"
#include "lite_alloc/memory/host_memory.hpp"

namespace lite_alloc::test {
namespace {

/// A page source whose pages all belong to the heap, as in a C program.
class OwnPages : public HostMemory {
 public:
  using HostMemory::HostMemory;
  static constexpr bool kOwnsAllPages = true;
};

template <typename Heap>
class SegregatedFitTotalsOf : public testing::Test {
 protected:
  [[nodiscard]] HeapTotals totals() const { return SegregatedFitTotals<Heap>::of(heap_); }

  Heap heap_;
};

using Heaps = testing::Types<SegregatedFit<OwnPages, NoTracking, Unhardened>,
                             SegregatedFit<OwnPages, NoTracking, Hardened>>;
TYPED_TEST_SUITE(SegregatedFitTotalsOf, Heaps);

TYPED_TEST(SegregatedFitTotalsOf, AreZeroBeforeTheFirstAllocation) {
  EXPECT_EQ(this->totals().heap_bytes, 0U);
  EXPECT_EQ(this->totals().free_blocks, 0U);
  EXPECT_EQ(SegregatedFitTotals<TypeParam>::heap_bytes(this->heap_), 0U);
}

TYPED_TEST(SegregatedFitTotalsOf, CountLargeBlocksAndTheFreeChunksBetweenThem) {
  std::vector<Address> blocks;
  for (int i = 0; i < 10; ++i) blocks.push_back(this->heap_.malloc(2000 - 4));
  const HeapTotals before = this->totals();
  EXPECT_EQ(before.free_blocks, 1U);
  EXPECT_EQ(before.free_bytes, before.slack_bytes);
  EXPECT_EQ(before.heap_bytes, SegregatedFitTotals<TypeParam>::heap_bytes(this->heap_));
  EXPECT_EQ(before.heap_bytes - before.free_bytes, 10 * 2000 + kGranule);
  for (const Size place : {2U, 5U, 7U}) {
    EXPECT_EQ(this->heap_.free(blocks[place]), FreeResult::kFreed);
  }
  const HeapTotals after = this->totals();
  EXPECT_EQ(after.free_blocks, 4U);
  EXPECT_EQ(after.free_bytes, before.free_bytes + 3 * 2000);
  EXPECT_EQ(after.slack_bytes, before.slack_bytes);
}

TYPED_TEST(SegregatedFitTotalsOf, CountTheFreeBlocksOfSlabs) {
  for (const Size size : {48U, 512U, 576U, 1008U}) {
    std::vector<Address> blocks;
    for (int i = 0; i < 600; ++i) blocks.push_back(this->heap_.malloc(size));
    const HeapTotals before = this->totals();
    for (Size place = 0; place < blocks.size(); place += 2) {
      EXPECT_EQ(this->heap_.free(blocks[place]), FreeResult::kFreed);
    }
    const HeapTotals after = this->totals();
    EXPECT_EQ(after.free_blocks, before.free_blocks + 300) << size;
    EXPECT_EQ(after.free_bytes, before.free_bytes + 300 * size) << size;
  }
}

}  // namespace
}  // namespace lite_alloc::test
