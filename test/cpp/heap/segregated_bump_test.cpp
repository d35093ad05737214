// SPDX-License-Identifier: MIT
#include "lite_alloc/heap/segregated_bump.hpp"

#include <gtest/gtest.h>

#include <bit>
#include <vector>

#include "support/heap_test.hpp"

namespace lite_alloc::test {
namespace {

constexpr Size kBins[] = {16, 32, 64, 128};

/// The bytes a block takes: a bin's where there is one.
[[nodiscard]] Size bytes_taken(const Layout& layout) {
  const Size size = block_size(layout);
  return size <= 128 ? std::bit_ceil(size) : size;
}

/// A heap of one page. The block at `floor_` takes the start of the region, so no other block lies
/// there.
class SegregatedBumpTest : public HeapTest<SegregatedBump<HostPages>> {
 protected:
  void SetUp() override { floor_ = allocate(16); }

  /// Takes the rest of the page, so that only blocks of the lists remain.
  void take_slack() { allocate(statistics().slack_bytes); }

  Address floor_ = 0;
};

// --- faults of the published design that this one does not have

TEST_F(SegregatedBumpTest, FaultOneABlockAbove128BytesIsReused) {
  for (const Size size : {129U, 144U, 256U, 1000U, 20'000U}) {
    const Address block = make_free_block(size);
    EXPECT_EQ(allocate(size), block);
  }
}

TEST_F(SegregatedBumpTest, FaultTwoABlockAlignedAboveAGranuleIsReused) {
  for (const Size alignment : {32U, 256U, 4096U}) {
    for (const Size size : {16U, 100U, 500U}) {
      const Layout layout{.size = size, .alignment = alignment};
      const Address block = allocate(layout);
      take_slack();
      deallocate(block);
      EXPECT_EQ(allocate(layout), block);
      reset();
    }
  }
}

TEST_F(SegregatedBumpTest, FaultThreeAShrunkBlockGivesItsTailBack) {
  const Address block = allocate(1600);
  allocate(16);
  take_slack();
  EXPECT_EQ(reallocate(block, 200), block);
  EXPECT_EQ(statistics().free_bytes, 1600U - 208U);
  EXPECT_EQ(allocate(1600 - 208), block + 208);
}

// --- bins

TEST_F(SegregatedBumpTest, SmallBlocksTakeABinsSizeAndLargerOnesWholeGranules) {
  Size before = statistics().live_bytes;
  for (const auto& [size, bytes] : std::vector<std::pair<Size, Size>>{{0, 16},
                                                                      {16, 16},
                                                                      {17, 32},
                                                                      {33, 64},
                                                                      {48, 64},
                                                                      {65, 128},
                                                                      {128, 128},
                                                                      {129, 144},
                                                                      {1000, 1008}}) {
    allocate(size);
    EXPECT_EQ(statistics().live_bytes - before, bytes) << size;
    before = statistics().live_bytes;
  }
}

TEST_F(SegregatedBumpTest, APrefixCountsForTheBin) {
  const Address first = allocate({.size = 40, .prefix = 16});
  EXPECT_EQ(allocate({.size = 48, .prefix = 16}), first + 64);
  EXPECT_EQ(allocate({.size = 49, .prefix = 16}), first + 128);
  EXPECT_EQ(allocate(16), first + 256 - 16);
}

TEST_F(SegregatedBumpTest, TheNewestFreeBlockOfItsBinIsTakenWhateverTheSizeWas) {
  for (const Size bin : kBins) {
    const std::vector<Address> blocks = make_free_blocks({bin, bin / 2 + 1, bin - 1});
    EXPECT_EQ(allocate(bin), blocks[2]);
    EXPECT_EQ(allocate(bin - 3), blocks[1]);
    EXPECT_EQ(allocate(bin / 2 + 1), blocks[0]);
  }
}

TEST_F(SegregatedBumpTest, ABlockGrowsAndShrinksInPlaceWithinItsBin) {
  const Address block = allocate(65);
  allocate(16);
  const Statistics before = statistics();
  for (const Size size : {128U, 66U, 100U}) EXPECT_EQ(reallocate(block, size), block);
  EXPECT_EQ(statistics(), before);
}

TEST_F(SegregatedBumpTest, AFreeBlockOfAnotherBinIsUsedBeforeMemoryGrows) {
  for (const Size bin : {32U, 64U, 128U}) {
    const Address block = make_free_block(bin);
    take_slack();
    for (Size taken = 0; taken < bin; taken += 16) {
      const Address small = allocate(16);
      EXPECT_GE(small, block);
      EXPECT_LT(small, block + bin);
    }
    EXPECT_EQ(statistics().free_bytes, 0U);
    reset();
  }
  EXPECT_EQ(statistics().growths, 0U);
}

TEST_F(SegregatedBumpTest, ALargeFreeBlockServesEveryBinToItsLastGranule) {
  const Address large = make_free_block(16 * 15 + 1600);
  take_slack();
  for (const Size bin : kBins) EXPECT_GE(allocate(bin), large);
  while (statistics().free_bytes != 0) EXPECT_GE(allocate(16), large);
  EXPECT_EQ(statistics().growths, 0U);
}

TEST_F(SegregatedBumpTest, ARestBetweenTwoBinsIsUsedWhole) {
  for (const Size rest : {48U, 80U, 96U, 112U}) {
    const Address block = allocate(rest + 144);
    allocate(16);
    take_slack();
    EXPECT_EQ(reallocate(block, 144), block);
    EXPECT_EQ(statistics().largest_free_bytes, rest);
    const Size bin = std::bit_floor(rest);
    EXPECT_EQ(allocate(bin), block + 144 + rest - bin) << "from its end";
    while (statistics().free_bytes != 0) allocate(16);
    reset();
  }
  EXPECT_EQ(statistics().growths, 0U);
}

TEST_F(SegregatedBumpTest, AlignedSmallBlocksComeFromAnyListThatHoldsOne) {
  const Address large = make_free_block(8192);
  take_slack();
  const Address address = allocate({.size = 64, .alignment = 4096});
  EXPECT_GE(address, large);
  EXPECT_EQ(statistics().free_bytes, 8192U - 64);
  while (statistics().free_bytes != 0) allocate(16);
  EXPECT_EQ(statistics().growths, 0U);
}

TEST_F(SegregatedBumpTest, FailsOnlyWhereNoFreeExtentHoldsTheBlock) {
  look_for_needless_failures(bytes_taken);
}

// --- the top

TEST_F(SegregatedBumpTest, BlocksFollowEachOtherWithoutHeaders) {
  EXPECT_EQ(floor_, pages().begin() + kGranule);
  EXPECT_EQ(allocate(1), floor_ + 16);
  EXPECT_EQ(allocate(17), floor_ + 32);
  EXPECT_EQ(allocate(100), floor_ + 64);
  EXPECT_EQ(allocate(16), floor_ + 192);
}

TEST_F(SegregatedBumpTest, FreeingInReverseOrderGivesEverythingBack) {
  std::vector<Address> blocks;
  for (Size i = 0; i < 100; ++i) blocks.push_back(allocate(3 * i));
  for (; !blocks.empty(); blocks.pop_back()) deallocate(blocks.back());
  const Statistics now = statistics();
  EXPECT_EQ(now.slack_bytes, now.heap_bytes - kGranule);
}

TEST_F(SegregatedBumpTest, TheLastBlockGrowsInPlace) {
  const Address last = allocate(16);
  for (const Size size : {40U, 100U, 129U, 3 * kPageBytes}) {
    EXPECT_EQ(reallocate(last, size), last);
  }
  EXPECT_EQ(statistics().growths, 1U);
}

TEST_F(SegregatedBumpTest, TheLastBlockShrinksIntoTheSlack) {
  const Address last = allocate(1000);
  const Size slack = statistics().slack_bytes;
  EXPECT_EQ(reallocate(last, 40), last);
  EXPECT_EQ(statistics().slack_bytes, slack + 1008 - 64);
}

TEST_F(SegregatedBumpTest, GrowsByExactlyWhatIsMissing) {
  const Size slack = statistics().slack_bytes;
  allocate(slack + 3 * kPageBytes);
  allocate(1);
  EXPECT_EQ(pages().requests(), (std::vector<Size>{3 * kPageBytes, kGranule}));
}

TEST_F(SegregatedBumpTest, PagesOfOtherCodeAreLeftAloneAndFreeMemoryBelowThemIsUsed) {
  const Size slack = statistics().slack_bytes;
  const Address old_end = pages().end();
  pages().grow_as_other_code(1);
  EXPECT_EQ(allocate(kPageBytes), old_end + kPageBytes + kGranule);  // behind a region's record
  EXPECT_EQ(statistics().largest_free_bytes, slack);
  EXPECT_EQ(allocate(slack), old_end - slack);
}

// --- what a check finds

TEST(BrokenSegregatedBump, AFaultInAnyListIsFound) {
  for (const Size size : {16U, 32U, 64U, 128U, 500U}) {
    SegregatedBump<HostPages> heap;
    Address blocks[2] = {};
    for (Address& block : blocks) {
      block = heap.allocate({.size = size});
      static_cast<void>(heap.allocate({.size = 16}));
    }
    for (const Address block : blocks) heap.deallocate(block, {.size = size});
    ASSERT_FALSE(heap.find_corruption());
    std::uint32_t& link = *heap.pages().at<std::uint32_t>(blocks[1]);
    const std::uint32_t intact = link;
    for (const std::uint32_t wrong : {0U, 16U, blocks[0], blocks[1], intact ^ 4, intact ^ 64}) {
      link = wrong;
      EXPECT_EQ(heap.find_corruption().kind, Corruption::Kind::kFreeListOutsideHeap) << size;
    }
    link = intact;
    heap.deallocate(blocks[1], {.size = size});
    EXPECT_EQ(heap.find_corruption().kind, Corruption::Kind::kFreeListOverlap) << size;
  }
}

TEST(ClaimingSegregatedBump, KeepsPagesOfOtherCodeOutOfTheFirstRegion) {
  SegregatedBump<HostPages> heap;
  heap.claim();
  heap.pages().grow_as_other_code(2);
  heap.claim();
  EXPECT_EQ(heap.statistics().heap_bytes, kPageBytes - kGranule);
  EXPECT_EQ(heap.statistics().free_bytes, kPageBytes - kGranule);
  EXPECT_EQ(heap.allocate({.size = 100}), heap.pages().begin() + kGranule);
}

}  // namespace
}  // namespace lite_alloc::test
