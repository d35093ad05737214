// SPDX-License-Identifier: MIT
//
// Frees blocks a second time, long after the first. Whatever lies at their addresses by then must
// not count as a live block. Fuzzing found these cases.

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <vector>

#include "lite_alloc/heap/segregated_fit.hpp"
#include "support/heap_test.hpp"
#include "support/slab_sizes.hpp"

namespace lite_alloc::test {
namespace {

class LateFreeTest : public HeapTest<SegregatedFit<HostPages>> {
 protected:
  /// Allocates many blocks of each size, and fills them with words that look like the tags of used
  /// chunks of 32 bytes.
  std::vector<Address> allocate_lookalikes() {
    std::vector<Address> blocks;
    const Address first = heap_.malloc(1500);
    const Size key = *pages().at<Size>(first - 4) ^ 1504;  // combined with each tag
    static_cast<void>(heap_.free(first));
    for (const Size size : {16U, 48U, 200U, 512U, 600U, 1008U, 1200U, 5000U}) {
      for (int i = 0; i < 300; ++i) {
        blocks.push_back(heap_.malloc(size));
        std::fill_n(pages().at<Size>(blocks.back()), size / sizeof(Size), key ^ 2 * kGranule);
      }
    }
    return blocks;
  }

  /// Returns the number of addresses at which a live block starts.
  [[nodiscard]] Size count_live() {
    Size count = 0;
    for (Address place = pages().begin(); place < pages().end(); place += kGranule) {
      count += static_cast<Size>(heap_.is_live(place));
    }
    return count;
  }

  void expect_gone(Address block) {
    EXPECT_FALSE(heap_.is_live(block)) << block;
    EXPECT_NE(heap_.free(block), FreeResult::kFreed) << block;
  }
};

TEST_F(LateFreeTest, ASecondFreeAfterAResetIsReported) {
  const std::vector<Address> blocks = allocate_lookalikes();
  heap_.reset();
  for (const Address block : blocks) expect_gone(block);
}

TEST_F(LateFreeTest, ASecondFreeIntoASlabThatWasReleasedIsReported) {
  const std::vector<Address> blocks = allocate_lookalikes();
  for (const Address block : blocks) EXPECT_EQ(heap_.free(block), FreeResult::kFreed);
  pages().refuse_growth(true);
  EXPECT_EQ(heap_.malloc(kMaxSize), 0U);  // releases all empty slabs before it fails
  for (const Address block : blocks) expect_gone(block);
}

TEST_F(LateFreeTest, ASecondFreeIsReportedAfterAnotherBlockGrewThereAndWasFreed) {
  const Address block = heap_.malloc(2000);
  const Address above = heap_.malloc(2000);
  const Address last = heap_.malloc(2000);
  ASSERT_EQ(heap_.free(above), FreeResult::kFreed);
  ASSERT_EQ(heap_.realloc(block, 3000), block);
  expect_gone(above);
  ASSERT_EQ(heap_.free(block), FreeResult::kFreed);
  expect_gone(above);
  ASSERT_EQ(heap_.free(last), FreeResult::kFreed);
}

TEST_F(LateFreeTest, TheSlabMapHoldsNoLiveBlock) {
  // If the map has the byte of a slab of 256-byte blocks, and then three bytes without a slab, the
  // four together look like a tag.
  // So do those of other sizes: some of the bits of a size class are then flags.
  for (const Size size : {256U, 512U, 576U, 672U, 800U, 1008U}) {
    for (Size before = 1200; before < 4 * kPageBytes; before += 4096) {
      EXPECT_NE(heap_.malloc(before), 0U);
      EXPECT_NE(heap_.malloc(size), 0U);
      EXPECT_EQ(count_live(), 2U) << size << " behind " << before;
      heap_.reset();
      EXPECT_EQ(count_live(), 0U) << size << " behind " << before;
    }
  }
}

TEST_F(LateFreeTest, AFreeOfAPlaceThatWasNeverHandedOutIsNotASecondFree) {
  for (const Size size : {16U, 48U, 200U, 512U, 576U, 672U, 800U, 1008U}) {
    const Address block = heap_.malloc(size);
    const Address next = block + (size + kGranule - 1) / kGranule * kGranule;
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

TEST_F(LateFreeTest, ASecondFreeOfAnAlignedBlockThatMergedWithTheChunkBelowIsReported) {
  for (const Size alignment : {32U, 256U, 4096U, 65536U}) {
    const Address block = heap_.memalign(alignment, 1000);
    EXPECT_EQ(heap_.free(block), FreeResult::kFreed) << alignment;
    EXPECT_EQ(heap_.free(block), FreeResult::kAlreadyFree) << alignment;
  }
}

TEST_F(LateFreeTest, FreedBlocksAreKnownAfterAResetAndInASlabOfAnotherSize) {
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

TEST_F(LateFreeTest, AResetOfAnOverwrittenHeapReturns) {
  for (const Size tag : {0U, 8U, 0xFFFF'FFF0U}) {
    const Address block = heap_.malloc(2000);
    *pages().at<Size>(block - 4) = tag;
    heap_.reset();
    EXPECT_FALSE(heap_.find_corruption());
  }
}

/// Tests the results of a second free, and of a free at an address that was never a block.
class FreeResultTest : public LateFreeTest {
 protected:
  static constexpr Size kGiven = 40;

  /// Allocates a few blocks of each size; small blocks of one size lie in one slab.
  std::vector<Address> allocate_some() {
    std::vector<Address> blocks;
    for (const Size size : kSizes) {
      for (Size i = 0; i < std::min(kGiven, 4000 / size / 2 + 1); ++i) {
        blocks.push_back(heap_.malloc(size));
      }
    }
    return blocks;
  }

  void free_all(const std::vector<Address>& blocks) {
    for (const Address block : blocks) ASSERT_EQ(heap_.free(block), FreeResult::kFreed);
    expect_sound();
  }

  void release_slabs() {
    pages().refuse_growth(true);
    EXPECT_EQ(heap_.malloc(kMaxSize), 0U);
    expect_sound();
  }

  /// Returns where free chunks between used ones start. The heap cannot distinguish these from
  /// freed blocks.
  std::vector<Address> holes() {
    std::vector<Address> holes;
    for (const Extent& extent : extents_of(heap_)) {
      const bool is_chunk = extent.state == Extent::State::kFree && extent.size > kMaxSmall;
      if (is_chunk && extent.begin + extent.size != pages().end()) holes.push_back(extent.begin);
    }
    return holes;
  }

  /// Expects that of all addresses only these count as freed blocks.
  void expect_only_freed(std::vector<Address> blocks) {
    std::sort(blocks.begin(), blocks.end());
    for (Address place = pages().begin(); place < pages().end(); place += kGranule) {
      if (heap_.is_live(place)) continue;
      const bool was_block = std::binary_search(blocks.begin(), blocks.end(), place);
      EXPECT_EQ(heap_.free(place), was_block ? FreeResult::kAlreadyFree : FreeResult::kNotABlock)
          << place;
    }
  }

  void expect_sound() { EXPECT_FALSE(heap_.find_corruption()); }

  static constexpr std::array<Size, 9> kSizes = {16, 48, 100, 200, 512, 600, 1008, 1200, 5000};
};

TEST_F(FreeResultTest, ContentsOfABlockDoNotLookFreedBefore) {
  const Address block = heap_.malloc(60'000);
  for (const Size word : {0xFFFF'FFFFU, 1U, 5U, 0x6B6B'6B6BU, 0xBBBB'BBBBU, 0x1234'5675U}) {
    std::fill_n(pages().at<Size>(block), 60'000 / sizeof(Size), word);
    for (Address place = block + kGranule; place < block + 60'000; place += kGranule) {
      EXPECT_EQ(heap_.free(place), FreeResult::kNotABlock) << word;
    }
  }
  heap_.reset();
}

TEST_F(FreeResultTest, BlocksThatWereFreedAreKnownInEveryOrder) {
  for (const bool backwards : {false, true}) {
    std::vector<Address> blocks = allocate_some();
    if (backwards) std::reverse(blocks.begin(), blocks.end());
    free_all(blocks);
    for (const Address block : blocks) {
      EXPECT_EQ(heap_.free(block), FreeResult::kAlreadyFree) << block;
    }
  }
}

TEST_F(FreeResultTest, NoOtherPlaceCountsAsFreedOnceAllBlocksAreFreed) {
  std::vector<Address> blocks = allocate_some();
  std::vector<Address> unused = holes();
  unused.push_back(extents_of(heap_).back().begin);  // merges with the last block
  free_all(blocks);
  blocks.insert(blocks.end(), unused.begin(), unused.end());
  expect_only_freed(blocks);
}

TEST_F(FreeResultTest, BlocksOfASlabThatWasReleasedAreKnown) {
  const std::vector<Address> blocks = allocate_some();
  free_all(blocks);
  release_slabs();
  for (const Address block : blocks) {
    EXPECT_EQ(heap_.free(block), FreeResult::kAlreadyFree) << block;
  }
}

TEST_F(FreeResultTest, BlocksFromBeforeAResetAreKnown) {
  const std::vector<Address> blocks = allocate_some();
  heap_.reset();
  expect_sound();
  for (const Address block : blocks) {
    EXPECT_EQ(heap_.free(block), FreeResult::kAlreadyFree) << block;
  }
}

TEST_F(FreeResultTest, AFreedBlockIsKnownAfterTheBlockBelowIsAllocatedAgain) {
  const Address below = heap_.malloc(5000);
  const Address block = heap_.malloc(5000);
  static_cast<void>(heap_.malloc(5000));
  free_all({below, block});
  EXPECT_EQ(heap_.malloc(5000), below);
  EXPECT_EQ(heap_.free(block), FreeResult::kAlreadyFree);
  expect_sound();
  heap_.reset();
}

TEST_F(FreeResultTest, FreedBlocksAtTheHeapEndAreKnownWhicheverWasFreedFirst) {
  for (const bool backwards : {false, true}) {
    std::vector<Address> blocks;
    for (Size i = 0; i < 3; ++i) blocks.push_back(heap_.malloc(5000));
    const Address first = blocks.front();
    if (backwards) std::reverse(blocks.begin(), blocks.end());
    free_all(blocks);
    for (const Address block : blocks) EXPECT_EQ(heap_.free(block), FreeResult::kAlreadyFree);
    EXPECT_EQ(heap_.malloc(5000), first);
    for (const Address block : blocks) {
      if (block != first) {
        EXPECT_EQ(heap_.free(block), FreeResult::kAlreadyFree);
      }
    }
    EXPECT_EQ(heap_.free(first), FreeResult::kFreed);
  }
}

TEST_F(FreeResultTest, ABlockThatReallocMovedIsKnown) {
  for (const Size size : {100U, 5000U}) {
    const Address block = heap_.malloc(size);
    static_cast<void>(heap_.malloc(size));
    ASSERT_NE(heap_.realloc(block, 20'000), block);
    EXPECT_EQ(heap_.free(block), FreeResult::kAlreadyFree);
    expect_sound();
  }
  heap_.reset();
}

}  // namespace
}  // namespace lite_alloc::test
