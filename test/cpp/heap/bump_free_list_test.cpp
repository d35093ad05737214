// SPDX-License-Identifier: MIT
#include "lite_alloc/heap/bump_free_list.hpp"

#include <gtest/gtest.h>

#include <iterator>
#include <vector>

#include "support/heap_test.hpp"
#include "support/random.hpp"

namespace lite_alloc::test {
namespace {

/// A heap of one page. The block at `floor_` takes the start of the region, so no other block lies
/// there.
class BumpFreeListTest : public HeapTest<BumpFreeList<HostPages>> {
 protected:
  void SetUp() override { floor_ = allocate(16); }

  /// Takes the rest of the page, so that only blocks of the free list remain.
  void take_slack() { allocate(statistics().slack_bytes); }

  Address floor_ = 0;
};

// --- faults of the published design that this one does not have

TEST_F(BumpFreeListTest, FaultOneABigBlockReusedForASmallRequestKeepsItsRemainder) {
  const Address large = make_free_block(1600);
  take_slack();
  const Address small = allocate(16);
  EXPECT_GE(small, large);
  EXPECT_LT(small, large + 1600);
  EXPECT_EQ(statistics().free_bytes, 1584U);
  EXPECT_EQ(statistics().largest_free_bytes, 1584U);
  for (int i = 1; i < 100; ++i) allocate(16);
  EXPECT_EQ(statistics().free_bytes, 0U);
  EXPECT_EQ(statistics().growths, 0U);
}

TEST_F(BumpFreeListTest, FaultTwoAlignmentsAboveAGranuleHoldOnTheFreeListToo) {
  for (const Size alignment : {32U, 256U, 4096U}) {
    const Address large = make_free_block(3 * alignment);
    const Address address = allocate({.size = 16, .alignment = alignment});
    EXPECT_EQ(address % alignment, 0U);
    EXPECT_GE(address, large);
    EXPECT_LT(address, large + 3 * alignment);
    allocate(statistics().largest_free_bytes);  // uses up the rest of this free block
  }
  EXPECT_EQ(statistics().growths, 0U);
}

TEST_F(BumpFreeListTest, FaultTwoABlockThatHoldsTheSizeButNotTheAlignmentIsPassedOver) {
  const Address aligned = allocate({.size = 4096, .alignment = 4096});
  allocate(16);
  const Address unaligned = allocate(4096 - kGranule);
  allocate(16);
  deallocate(aligned);
  deallocate(unaligned);
  EXPECT_EQ(allocate({.size = 64, .alignment = 4096}), aligned);
}

TEST_F(BumpFreeListTest, FaultThreeAShrunkBlockGivesItsTailBack) {
  const Address block = allocate(1600);
  allocate(16);
  take_slack();
  EXPECT_EQ(reallocate(block, 100), block);
  EXPECT_EQ(statistics().free_bytes, 1600U - 112U);
  EXPECT_EQ(allocate(1600 - 112), block + 112);
}

TEST_F(BumpFreeListTest, FaultFourSizesNear2To32AreRefused) {
  const Address last = allocate(64);
  const Snapshot before = snapshot_of(heap_);
  for (const Size size : kImpossibleSizes) {
    EXPECT_EQ(heap_.allocate({.size = size}), 0U) << size;
    EXPECT_EQ(heap_.reallocate(floor_, {.size = 16}, size), 0U) << size;
    EXPECT_EQ(heap_.reallocate(last, {.size = 64}, size), 0U) << size;
    ASSERT_EQ(snapshot_of(heap_), before) << size;
  }
}

TEST_F(BumpFreeListTest, FaultFivePagesOfOtherCodeAreLeftAlone) {
  const Size slack = statistics().slack_bytes;
  const Address old_end = pages().end();
  pages().grow_as_other_code(1);
  const Address block = allocate(kPageBytes);
  EXPECT_EQ(block, old_end + kPageBytes + kGranule);  // behind a region's record
  EXPECT_EQ(statistics().largest_free_bytes, slack);
  EXPECT_EQ(allocate(slack), old_end - slack);
}

// --- the free list

TEST_F(BumpFreeListTest, TheNewestFreeBlockIsFoundFirst) {
  const std::vector<Address> blocks = make_free_blocks({64, 64, 64});
  EXPECT_EQ(allocate(64), blocks[2]);
  EXPECT_EQ(allocate(64), blocks[1]);
  EXPECT_EQ(allocate(64), blocks[0]);
}

TEST_F(BumpFreeListTest, TheFirstBlockThatFitsIsTakenNotTheBest) {
  const std::vector<Address> blocks = make_free_blocks({64, 640});
  const Address exact = blocks[0];
  const Address large = blocks[1];
  EXPECT_EQ(allocate(64), large + 640 - 64);  // from its end
  EXPECT_EQ(allocate(640 - 64), large);
  EXPECT_EQ(allocate(64), exact);
}

TEST_F(BumpFreeListTest, BothRestsAroundAnAlignedBlockStayUsable) {
  const Address large = make_free_block(8192);
  take_slack();
  const Address address = allocate({.size = 64, .alignment = 4096});
  EXPECT_GT(address, large);
  EXPECT_LT(address, large + 8192 - 64);
  EXPECT_EQ(statistics().free_bytes, 8192U - 64);
  EXPECT_EQ(extents_of(heap_).size(), 5U);  // used, free, used, free, used
  while (statistics().free_bytes != 0) allocate(16);
  EXPECT_EQ(statistics().growths, 0U);
}

TEST_F(BumpFreeListTest, FreeBlocksAreNotJoined) {
  const Address first = allocate(64);
  const Address second = allocate(64);
  allocate(16);
  deallocate(first);
  deallocate(second);
  EXPECT_EQ(statistics().largest_free_bytes, 64U);
}

TEST_F(BumpFreeListTest, FailsOnlyWhereNoFreeExtentHoldsTheBlock) {
  look_for_needless_failures(block_size);
}

// --- the top

TEST_F(BumpFreeListTest, BlocksFollowEachOtherWithoutHeaders) {
  EXPECT_EQ(floor_, pages().begin() + kGranule);
  EXPECT_EQ(allocate(1), floor_ + 16);
  EXPECT_EQ(allocate(17), floor_ + 32);
  EXPECT_EQ(allocate(16), floor_ + 64);
}

TEST_F(BumpFreeListTest, TheGapBelowAnAlignedBlockIsUsed) {
  const Address aligned = allocate({.size = 64, .alignment = 4096});
  EXPECT_EQ(statistics().free_bytes - statistics().slack_bytes, aligned - floor_ - 16);
  EXPECT_EQ(allocate(aligned - floor_ - 16), floor_ + 16);
}

TEST_F(BumpFreeListTest, FreeingTheLastBlockLowersTheTop) {
  const Address last = allocate(100);
  const Size slack = statistics().slack_bytes;
  deallocate(last);
  EXPECT_EQ(statistics().slack_bytes, slack + 112);
  EXPECT_EQ(statistics().largest_free_bytes, 0U);
  EXPECT_EQ(allocate(5000), last);
}

TEST_F(BumpFreeListTest, FreeingInReverseOrderGivesEverythingBack) {
  std::vector<Address> blocks;
  for (Size i = 0; i < 100; ++i) blocks.push_back(allocate(i));
  for (; !blocks.empty(); blocks.pop_back()) deallocate(blocks.back());
  const Statistics now = statistics();
  EXPECT_EQ(now.slack_bytes, now.heap_bytes - kGranule);
}

TEST_F(BumpFreeListTest, TheLastBlockGrowsInPlace) {
  const Address last = allocate(16);
  EXPECT_EQ(reallocate(last, 1000), last);
  EXPECT_EQ(reallocate(last, 3 * kPageBytes), last);
  EXPECT_EQ(statistics().growths, 1U);
  EXPECT_EQ(extents_of(heap_).front().size, 16 + 3 * kPageBytes);
}

TEST_F(BumpFreeListTest, TheLastBlockGrowsInPlaceEvenWhereAFreeBlockWouldHoldIt) {
  const Address hole = allocate(5000);
  allocate(16);
  const Address last = allocate(64);
  deallocate(hole);
  EXPECT_EQ(reallocate(last, 1000), last);
}

TEST_F(BumpFreeListTest, TheLastBlockShrinksIntoTheSlack) {
  const Address last = allocate(1000);
  const Size slack = statistics().slack_bytes;
  EXPECT_EQ(reallocate(last, 10), last);
  EXPECT_EQ(statistics().slack_bytes, slack + 1008 - 16);
  EXPECT_EQ(allocate(16), last + 16);
}

TEST_F(BumpFreeListTest, ABlockWhoseGranulesSufficeStays) {
  const Address block = allocate(33);
  allocate(16);
  const Statistics before = statistics();
  for (const Size size : {48U, 40U, 33U, 47U}) EXPECT_EQ(reallocate(block, size), block);
  EXPECT_EQ(statistics(), before);
}

TEST_F(BumpFreeListTest, AnInnerBlockMovesAndLeavesItsOldPlaceFree) {
  const Address block = allocate(64);
  allocate(16);
  const Address moved = reallocate(block, 128);
  EXPECT_NE(moved, block);
  EXPECT_EQ(allocate(64), block);
}

TEST_F(BumpFreeListTest, TheLastBlockMovesWhereItCannotGrowButAFreeBlockHoldsIt) {
  const Address hole = allocate(5008);
  allocate(16);
  allocate(statistics().slack_bytes - 64);
  const Address last = allocate(64);
  deallocate(hole);
  pages().refuse_growth(true);
  EXPECT_EQ(reallocate(last, 1008), hole + 5008 - 1008);
  EXPECT_EQ(statistics().slack_bytes, 64U);
  EXPECT_EQ(statistics().failures, 0U);
}

// --- growth

TEST_F(BumpFreeListTest, GrowsByExactlyWhatIsMissing) {
  const Size slack = statistics().slack_bytes;
  allocate(slack + 3 * kPageBytes);
  EXPECT_EQ(statistics().slack_bytes, 0U);
  allocate(1);
  EXPECT_EQ(pages().requests(), (std::vector<Size>{3 * kPageBytes, kGranule}));
  EXPECT_EQ(pages().end(), pages().begin() + 5 * kPageBytes);
}

TEST_F(BumpFreeListTest, GrowsByExactlyWhatAnAlignedBlockIsMissing) {
  allocate(100);
  allocate({.size = kPageBytes, .alignment = kPageBytes});
  EXPECT_EQ(pages().requests(), std::vector<Size>{kPageBytes});
}

TEST_F(BumpFreeListTest, GrowsByExactlyWhatAReallocationIsMissing) {
  const Address last = allocate(100);
  const Size slack = statistics().slack_bytes;
  reallocate(last, 112 + slack + kPageBytes);
  EXPECT_EQ(pages().requests(), std::vector<Size>{kPageBytes});
  EXPECT_EQ(statistics().slack_bytes, 0U);
}

TEST_F(BumpFreeListTest, ABlockAsLargeAsTheSlackNeedsNoGrowth) {
  allocate(statistics().slack_bytes);
  EXPECT_TRUE(pages().requests().empty());
  EXPECT_EQ(heap_.pages().end(),
            shadow_.blocks().rbegin()->first + shadow_.blocks().rbegin()->second.layout.size);
}

// --- memory that exists before the first allocation

using ClaimingHeapTest = HeapTest<BumpFreeList<HostPages>>;

TEST_F(ClaimingHeapTest, ClaimKeepsPagesOfOtherCodeOutOfTheFirstRegion) {
  heap_.claim();
  EXPECT_EQ(statistics().heap_bytes, kPageBytes - kGranule);
  pages().grow_as_other_code(2);
  heap_.claim();
  EXPECT_EQ(statistics().heap_bytes, kPageBytes - kGranule);
  const Address first = allocate(100);
  EXPECT_EQ(first, pages().begin() + kGranule);
  EXPECT_GE(allocate(2 * kPageBytes), pages().foreign().back().end());
  EXPECT_EQ(statistics().growths, 1U);
}

TEST_F(ClaimingHeapTest, AClaimedHeapIsEmpty) {
  heap_.claim();
  EXPECT_EQ(extents_of(heap_),
            (std::vector<Extent>{
                {pages().begin() + kGranule, kPageBytes - kGranule, Extent::State::kFree}}));
  EXPECT_EQ(statistics().slack_bytes, kPageBytes - kGranule);
  EXPECT_EQ(statistics().growths, 0U);
}

TEST(ClaimingHeap, ARegionTooSmallForItsRecordIsNotClaimed) {
  for (Size skew = 0; skew < kGranule; ++skew) {
    for (Size bytes = 0; bytes < kGranule; ++bytes) {
      BumpFreeList<FixedPages> heap(bytes, skew);
      heap.claim();
      EXPECT_EQ(heap.statistics(), Statistics{});
      EXPECT_TRUE(heap.pages().untouched());
    }
  }
}

// --- without tracking: the same blocks, without a record in front of them

TEST(UntrackedBumpFreeList, GivesTheBlocksOfATrackedHeapAGranuleLower) {
  Random random;
  BumpFreeList<HostPages> tracked;
  BumpFreeList<HostPages, NoTracking> untracked;
  ShadowHeap shadow(untracked.pages());
  Size granted = 0;
  for (int i = 0; i < 20'000; ++i) {
    const Size count = static_cast<Size>(shadow.blocks().size());
    if (count > 60 || (count != 0 && random.one_in(3))) {
      const auto block = std::next(shadow.blocks().begin(), random.below(count));
      const auto [address, entry] = *block;
      if (random.one_in(2)) {
        ASSERT_TRUE(shadow.remove(address));
        untracked.deallocate(address, entry.layout);
        tracked.deallocate(address + kGranule, entry.layout);
      } else {
        const Size size = random.log_uniform(14);
        const Address moved = untracked.reallocate(address, entry.layout, size);
        const Address tracked_moved = tracked.reallocate(address + kGranule, entry.layout, size);
        ASSERT_EQ(moved == 0 ? 0 : moved + kGranule, tracked_moved) << "operation " << i;
        if (moved != 0) {
          ASSERT_TRUE(shadow.move(address, moved, size));
        }
      }
    } else {
      const Layout layout{.size = random.log_uniform(14), .alignment = 1U << random.below(5)};
      const Address address = untracked.allocate(layout);
      const Address tracked_address = tracked.allocate(layout);
      // Their memory ends a granule apart: near the end only one of them may have room.
      if (address == 0 || tracked_address == 0) break;
      ASSERT_EQ(address + kGranule, tracked_address) << "operation " << i;
      ASSERT_TRUE(shadow.add(address, layout));
      ++granted;
    }
  }
  EXPECT_GT(granted, 5000U);
  EXPECT_TRUE(shadow.verify_all());
}

}  // namespace
}  // namespace lite_alloc::test
