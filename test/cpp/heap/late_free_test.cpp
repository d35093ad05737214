// SPDX-License-Identifier: MIT
//
// Blocks that are freed once more, long after: what lies in their place by then is not to look like
// a live block. Found by fuzzing.

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "lite_alloc/heap/segregated_fit.hpp"
#include "support/heap_test.hpp"

namespace lite_alloc::test {
namespace {

class LateFreeTest : public HeapTest<SegregatedFit<HostPages>> {
 protected:
  /// Many blocks of each size, whose contents look like the tags of used chunks of 32 bytes.
  std::vector<Address> allocate_lookalikes() {
    std::vector<Address> blocks;
    const Address first = heap_.malloc(1000);
    const Size key = *pages().at<Size>(first - 4) ^ 1008;  // what tags are mixed with
    static_cast<void>(heap_.free(first));
    for (const Size size : {16U, 48U, 200U, 512U, 600U, 5000U}) {
      for (int i = 0; i < 300; ++i) {
        blocks.push_back(heap_.malloc(size));
        std::fill_n(pages().at<Size>(blocks.back()), size / sizeof(Size), key ^ 2 * kUnit);
      }
    }
    return blocks;
  }

  /// How many places in memory are live.
  [[nodiscard]] Size count_live() {
    Size count = 0;
    for (Address place = pages().begin(); place < pages().end(); place += kUnit) {
      count += static_cast<Size>(heap_.is_live(place));
    }
    return count;
  }

  void expect_gone(Address block) {
    EXPECT_FALSE(heap_.is_live(block)) << block;
    EXPECT_NE(heap_.free(block), FreeResult::kFreed) << block;
  }
};

TEST_F(LateFreeTest, AFreeAfterAResetIsTold) {
  const std::vector<Address> blocks = allocate_lookalikes();
  heap_.reset();
  for (const Address block : blocks) expect_gone(block);
}

TEST_F(LateFreeTest, ASecondFreeIntoASlabThatWasGivenUpIsTold) {
  const std::vector<Address> blocks = allocate_lookalikes();
  for (const Address block : blocks) EXPECT_EQ(heap_.free(block), FreeResult::kFreed);
  pages().refuse_growth(true);
  EXPECT_EQ(heap_.malloc(kMaxSize), 0U);  // gives up all empty slabs before it fails
  for (const Address block : blocks) expect_gone(block);
}

TEST_F(LateFreeTest, ASecondFreeWhereAnotherBlockGrewAndWentIsTold) {
  const Address block = heap_.malloc(1000);
  const Address above = heap_.malloc(1000);
  const Address last = heap_.malloc(1000);
  ASSERT_EQ(heap_.free(above), FreeResult::kFreed);
  ASSERT_EQ(heap_.realloc(block, 1500), block);
  expect_gone(above);
  ASSERT_EQ(heap_.free(block), FreeResult::kFreed);
  expect_gone(above);
  ASSERT_EQ(heap_.free(last), FreeResult::kFreed);
}

TEST_F(LateFreeTest, TheMapOfSlabsHoldsNoLiveBlock) {
  // Its byte for a slab of 256-byte blocks is that of a tag where three others follow without one.
  for (Size before = 600; before < 4 * kPageBytes; before += 4096) {
    EXPECT_NE(heap_.malloc(before), 0U);
    EXPECT_NE(heap_.malloc(256), 0U);
    EXPECT_EQ(count_live(), 2U) << before;
    heap_.reset();
    EXPECT_EQ(count_live(), 0U) << before;
  }
}

TEST_F(LateFreeTest, AFreeOfAPlaceThatWasNeverHandedOutIsNoSecondFree) {
  for (const Size size : {16U, 48U, 200U, 512U}) {
    const Address block = heap_.malloc(size);
    const Address next = block + (size + kUnit - 1) / kUnit * kUnit;
    EXPECT_EQ(heap_.free(next), FreeResult::kNotABlock) << size;
    EXPECT_FALSE(heap_.is_live(next)) << size;
    EXPECT_FALSE(heap_.find_corruption()) << size;
    EXPECT_EQ(heap_.free(block), FreeResult::kFreed) << size;
    EXPECT_EQ(heap_.free(block), FreeResult::kAlreadyFree) << size;
    EXPECT_EQ(heap_.free(next), FreeResult::kNotABlock) << size;
    EXPECT_EQ(heap_.malloc(size), block) << size;
    EXPECT_EQ(heap_.malloc(size), next) << size;
    EXPECT_EQ(heap_.free(next), FreeResult::kFreed) << size;
    EXPECT_EQ(heap_.free(next), FreeResult::kAlreadyFree) << size;
    EXPECT_EQ(heap_.free(block), FreeResult::kFreed) << size;
  }
}

TEST_F(LateFreeTest, AResetAndASlabOfAnotherSizeKeepWhatWasFreed) {
  const Address block = heap_.malloc(32);
  const Address next = block + 32;
  heap_.reset();
  EXPECT_EQ(heap_.free(block), FreeResult::kAlreadyFree);
  EXPECT_EQ(heap_.free(next), FreeResult::kNotABlock);
  const Address other = heap_.malloc(16);  // the slab is cut up again
  ASSERT_EQ(other, block);
  EXPECT_EQ(heap_.free(next), FreeResult::kNotABlock);
  EXPECT_EQ(heap_.free(other), FreeResult::kFreed);
  EXPECT_EQ(heap_.free(block), FreeResult::kAlreadyFree);
}

TEST_F(LateFreeTest, AResetOfAnOverwrittenHeapEnds) {
  for (const Size tag : {0U, 8U, 0xFFFF'FFF0U}) {
    const Address block = heap_.malloc(1000);
    *pages().at<Size>(block - 4) = tag;
    heap_.reset();
    EXPECT_FALSE(heap_.find_corruption());
  }
}

}  // namespace
}  // namespace lite_alloc::test
