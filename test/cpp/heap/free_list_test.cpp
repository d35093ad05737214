// SPDX-License-Identifier: MIT
#include "lite_alloc/heap/free_list.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "support/heap_test.hpp"

namespace lite_alloc::test {
namespace {

/// The bytes of a first region of one page.
constexpr Size kFirstRegion = kPageBytes - kGranule;

class FreeListTest : public HeapTest<FreeList<HostPages>> {
 protected:
  /// Fills a page with blocks of these sizes, the last one lowest, and leaves no byte free.
  std::vector<Address> fill_page_with(std::initializer_list<Size> sizes) {
    Size rest = kFirstRegion;
    for (const Size size : sizes) rest -= round_to_granules(size);
    allocate(rest);  // the lowest: the free block at the end of the heap gives from its low end
    std::vector<Address> blocks;
    for (auto size = std::rbegin(sizes); size != std::rend(sizes); ++size) {
      blocks.insert(blocks.begin(), allocate(*size));
    }
    EXPECT_EQ(statistics().free_bytes, 0U);
    return blocks;
  }

  /// Returns a block right below the end of the first page; all memory below it is free.
  Address allocate_highest(Size size) {
    const Address low = allocate(kFirstRegion - round_to_granules(size));
    const Address block = allocate(size);
    deallocate(low);
    return block;
  }

  [[nodiscard]] std::vector<Extent> free_extents() {
    std::vector<Extent> extents = extents_of(heap_);
    std::erase_if(extents,
                  [](const Extent& extent) { return extent.state == Extent::State::kUsed; });
    return extents;
  }
};

// --- joining

TEST_F(FreeListTest, FreeNeighboursAreOneBlockWhateverTheOrder) {
  const std::vector<Address> blocks = fill_page_with({16, 64, 100, 1000, 16});
  std::vector<int> order = {1, 2, 3};
  do {
    for (const int i : order) deallocate(blocks[static_cast<std::size_t>(i)]);
    const Extent all{blocks[3], 64 + 112 + 1008, Extent::State::kFree};
    EXPECT_EQ(free_extents(), std::vector<Extent>{all});
    EXPECT_EQ(statistics().largest_free_bytes, all.size);
    for (const Size size : {64U, 100U, 1000U}) allocate(size);
  } while (std::next_permutation(order.begin(), order.end()));
}

TEST_F(FreeListTest, AFreeBlockWithUsedNeighboursStaysOnItsOwn) {
  const std::vector<Address> blocks = fill_page_with({64, 16, 64, 16, 64});
  for (const std::size_t i : {2U, 0U, 4U}) deallocate(blocks[i]);
  EXPECT_EQ(free_extents().size(), 3U);
}

TEST_F(FreeListTest, FreeingEverythingLeavesOneBlock) {
  std::vector<Address> blocks;
  for (Size i = 0; i < 200; ++i) blocks.push_back(allocate(i));
  for (Size i = 0; i < 200; ++i) deallocate(blocks[i * 77 % 200]);
  EXPECT_EQ(statistics().largest_free_bytes, kFirstRegion);
  allocate(kFirstRegion);
  EXPECT_EQ(statistics().growths, 0U);
}

TEST_F(FreeListTest, RegionsAreNotJoined) {
  begin();
  pages().grow_as_other_code(1);
  deallocate(allocate(2 * kPageBytes));
  EXPECT_EQ(free_extents().size(), 2U);
}

// --- where blocks come from

TEST_F(FreeListTest, BlocksComeFromTheHighEndOfTheFirstFreeBlockThatHoldsThem) {
  const std::vector<Address> blocks = fill_page_with({16, 640, 16, 64, 16});
  deallocate(blocks[1]);
  deallocate(blocks[3]);
  EXPECT_EQ(allocate(32), blocks[3] + 32);
  EXPECT_EQ(allocate(64), blocks[1] + 640 - 64);
  EXPECT_EQ(allocate(32), blocks[3]);
  EXPECT_EQ(allocate(576), blocks[1]);
  EXPECT_EQ(statistics().growths, 0U);
}

TEST_F(FreeListTest, TheFreeBlockAtTheEndOfTheHeapGivesFromItsLowEnd) {
  const std::vector<Address> blocks = fill_page_with({640, 16});
  deallocate(blocks[0]);
  EXPECT_EQ(allocate(64), blocks[0]);
  EXPECT_EQ(allocate(32), blocks[0] + 64);
  const Address aligned = allocate({.size = 64, .alignment = 256});
  EXPECT_GE(aligned, blocks[0] + 96);
  EXPECT_LT(aligned, blocks[0] + 96 + 256);
  EXPECT_EQ(statistics().growths, 0U);
}

TEST_F(FreeListTest, TheFreeEndOfAGrowthJoinsTheMemoryOfTheNextGrowth) {
  begin();
  const Size size = kPageBytes / 2 + 4096;
  for (Size i = 0; i < 64; ++i) allocate(size);
  EXPECT_LE(statistics().heap_bytes, 64 * size + kPageBytes);
  EXPECT_LT(statistics().largest_free_bytes, kPageBytes);
}

TEST_F(FreeListTest, TheGapAndTheRestAroundAnAlignedBlockStayFree) {
  for (Size alignment = 32; alignment <= kMaxAlignment / 2; alignment *= 2) {
    allocate(32);
    const Address address = allocate({.size = 48, .alignment = alignment});
    EXPECT_EQ(statistics().free_bytes, kFirstRegion - 80) << alignment;
    const std::vector<Extent> free = free_extents();
    EXPECT_EQ(free.front().end(), address) << alignment;
    for (const Extent& extent : free) allocate(extent.size);
    EXPECT_EQ(statistics().free_bytes, 0U) << alignment;
    reset();
  }
  EXPECT_EQ(statistics().growths, 0U);
}

TEST_F(FreeListTest, FailsOnlyWhereNoFreeExtentHoldsTheBlock) {
  look_for_needless_failures(block_size);
}

TEST_F(FreeListTest, SizesNear2To32AreRefusedInPlaceToo) {
  const Address block = allocate_highest(64);
  const Snapshot before = snapshot_of(heap_);
  for (const Size size : kImpossibleSizes) {
    EXPECT_EQ(heap_.allocate({.size = size}), 0U) << size;
    EXPECT_EQ(heap_.reallocate(block, {.size = 64}, size), 0U) << size;
    ASSERT_EQ(snapshot_of(heap_), before) << size;
  }
}

// --- reallocation

TEST_F(FreeListTest, ABlockGrowsIntoTheFreeBlockBehindIt) {
  const std::vector<Address> blocks = fill_page_with({16, 160, 64});
  deallocate(blocks[1]);
  EXPECT_EQ(reallocate(blocks[2], 100), blocks[2]);
  EXPECT_EQ(free_extents(),
            (std::vector<Extent>{{blocks[2] + 112, 160 - 48, Extent::State::kFree}}));
  EXPECT_EQ(reallocate(blocks[2], 64 + 160), blocks[2]);
  EXPECT_EQ(statistics().free_bytes, 0U);
}

TEST_F(FreeListTest, ABlockMovesWhereTheFreeBlockBehindItIsAGranuleTooShort) {
  const std::vector<Address> blocks = fill_page_with({16, 160, 64});
  deallocate(blocks[1]);
  EXPECT_NE(reallocate(blocks[2], 64 + 160 + 1), blocks[2]);
  EXPECT_EQ(statistics().largest_free_bytes, kPageBytes - 240) << "of the page that was grown";
}

TEST_F(FreeListTest, AShrunkBlockGivesItsTailToTheFreeBlockBehindIt) {
  const std::vector<Address> blocks = fill_page_with({16, 160, 640});
  deallocate(blocks[1]);
  EXPECT_EQ(reallocate(blocks[2], 33), blocks[2]);
  EXPECT_EQ(free_extents(),
            (std::vector<Extent>{{blocks[2] + 48, 640 - 48 + 160, Extent::State::kFree}}));
}

TEST_F(FreeListTest, TheHighestBlockGrowsInPlaceWithMemory) {
  const Address block = allocate_highest(64);
  EXPECT_EQ(reallocate(block, 64 + 2 * kPageBytes), block);
  EXPECT_EQ(pages().requests(), std::vector<Size>{2 * kPageBytes});
  EXPECT_EQ(reallocate(block, 64), block);
  EXPECT_EQ(reallocate(block, 64 + 3 * kPageBytes), block);
  EXPECT_EQ(pages().requests(), (std::vector<Size>{2 * kPageBytes, kPageBytes}))
      << "only what the free block behind it did not hold";
}

TEST_F(FreeListTest, TheHighestBlockMovesWherePagesOfOtherCodeAreInItsWay) {
  const Address block = allocate_highest(64);
  pages().grow_as_other_code(1);
  EXPECT_NE(reallocate(block, 100), block);
  EXPECT_EQ(statistics().growths, 0U);
}

TEST_F(FreeListTest, AFailedReallocationInPlaceChangesNothing) {
  const Address block = allocate_highest(64);
  pages().refuse_growth(true);
  const Snapshot before = snapshot_of(heap_);
  EXPECT_EQ(heap_.reallocate(block, {.size = 64}, kPageBytes), 0U);
  EXPECT_EQ(snapshot_of(heap_), before);
}

// --- growth

TEST_F(FreeListTest, NewMemoryJoinsTheFreeBlockAtTheTopSoThatOnlyWhatIsMissingIsGrown) {
  begin();
  allocate(kFirstRegion + kPageBytes);
  EXPECT_EQ(pages().requests(), std::vector<Size>{kPageBytes});
  EXPECT_EQ(statistics().free_bytes, 0U);
}

TEST_F(FreeListTest, GrowsByWhatAnAlignedBlockIsMissing) {
  begin();
  allocate({.size = kPageBytes, .alignment = kPageBytes});
  EXPECT_EQ(pages().requests(), std::vector<Size>{kPageBytes});
  allocate(kFirstRegion);
  EXPECT_EQ(statistics().growths, 1U);
}

TEST_F(FreeListTest, AFreeBlockBelowTheTopDoesNotCountForGrowth) {
  const std::vector<Address> blocks = fill_page_with({16, 4096});
  deallocate(blocks[1]);
  allocate(kPageBytes);
  EXPECT_EQ(pages().requests(), std::vector<Size>{kPageBytes});
  EXPECT_EQ(statistics().largest_free_bytes, 4096U);
}

TEST_F(FreeListTest, PagesOfOtherCodeAreLeftAloneAndFreeMemoryBelowThemIsUsed) {
  begin();
  const Address old_end = pages().end();
  pages().grow_as_other_code(1);
  EXPECT_EQ(allocate(kPageBytes), old_end + kPageBytes + kGranule);
  EXPECT_EQ(allocate(kFirstRegion), old_end - kFirstRegion);
}

TEST_F(FreeListTest, ThereIsNoSlack) {
  allocate(100);
  EXPECT_EQ(statistics().slack_bytes, 0U);
  EXPECT_EQ(statistics().largest_free_bytes, kFirstRegion - 112);
}

// --- regions

TEST(ClaimingFreeList, KeepsPagesOfOtherCodeOutOfTheFirstRegion) {
  FreeList<HostPages> heap;
  heap.claim();
  heap.pages().grow_as_other_code(2);
  heap.claim();
  EXPECT_EQ(heap.statistics().heap_bytes, kFirstRegion);
  EXPECT_EQ(heap.statistics().largest_free_bytes, kFirstRegion);
  EXPECT_EQ(heap.allocate({.size = 112}), heap.pages().begin() + kGranule);
}

}  // namespace
}  // namespace lite_alloc::test
