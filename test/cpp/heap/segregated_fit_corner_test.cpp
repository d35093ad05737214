// SPDX-License-Identifier: MIT
//
// Cases of `SegregatedFit` that random operations hardly ever reach.

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "lite_alloc/inspect/statistics.hpp"
#include "support/heap_test.hpp"

namespace lite_alloc::test {
namespace {

using Heap = SegregatedFit<HostPages>;

constexpr Size kTag = 4;
constexpr Size kSlab = 4096;
constexpr Size kMaxStash = 15;

[[nodiscard]] constexpr Size chunk_of(Size size) { return align_up(size + kTag, kGranule); }

class SegregatedFitCorner : public testing::Test {
 protected:
  [[nodiscard]] std::uint32_t& word(Address address) {
    return *heap_.pages().at<std::uint32_t>(address);
  }

  /// Computes the number that tags are combined with from the stored tag of a live block above a
  /// used chunk.
  [[nodiscard]] std::uint32_t key_of(Address block, Size size) {
    return word(block - kTag) ^ chunk_of(size);
  }

  std::vector<Address> malloc_all(Size count, Size size) {
    std::vector<Address> blocks;
    for (Size i = 0; i < count; ++i) blocks.push_back(heap_.malloc(size));
    return blocks;
  }

  void free_all(const std::vector<Address>& blocks) {
    for (const Address block : blocks) EXPECT_EQ(heap_.free(block), FreeResult::kFreed);
  }

  /// Makes the heap turn all empty slabs into free chunks, by an allocation that fails.
  void reclaim() {
    heap_.pages().refuse_growth(true);
    EXPECT_EQ(heap_.malloc(kMaxSize), 0U);
    heap_.pages().refuse_growth(false);
  }

  [[nodiscard]] Size count_slabs() {
    Size count = 0;
    for (const Extent& extent : extents_of(heap_)) {
      count += static_cast<Size>(extent.begin % kSlab == 0 && extent.size == kGranule &&
                                 extent.state == Extent::State::kUsed);
    }
    return count;
  }

  [[nodiscard]] Size count_live() {
    Size count = 0;
    for (Address place = heap_.pages().begin(); place < heap_.pages().end(); place += kGranule) {
      count += static_cast<Size>(heap_.is_live(place));
    }
    return count;
  }

  Heap heap_;
};

// --- slabs

TEST_F(SegregatedFitCorner, ASpareSlabThatServesAnotherSizeIsAccountedFor) {
  for (const Size first : {16U, 48U, 512U, 1008U}) {
    for (const Size second : {16U, 48U, 112U, 512U, 576U, 800U}) {
      free_all(malloc_all(8 * kSlab / first, first));
      const std::vector<Address> blocks = malloc_all(2 * kSlab / second, second);
      EXPECT_FALSE(heap_.find_corruption()) << first << ", then " << second;
      EXPECT_TRUE(counts_are_right<Heap>(heap_.statistics(), extents_of(heap_), [&] {
        ShadowHeap<HostPages> shadow(heap_.pages());
        for (const Address block : blocks) {
          EXPECT_TRUE(shadow.add(block, {.size = second}));
        }
        return shadow;
      }()));
      free_all(blocks);
    }
  }
}

TEST_F(SegregatedFitCorner, SixteenEmptySlabsAreKeptForTheNextSmallBlocks) {
  const std::vector<Address> blocks = malloc_all(40 * 7, 512);
  ASSERT_EQ(count_slabs(), 40U);
  free_all(blocks);
  // Besides those, the active slab remains, and the slabs of the blocks in the stash.
  EXPECT_EQ(count_slabs(), 16 + 1 + (kMaxStash + 6) / 7);
}

TEST_F(SegregatedFitCorner, TheLargestFreeBlockMayBeASlabWithoutBlocks) {
  const std::vector<Address> blocks = malloc_all(7, 512);
  const auto fill = [&] {
    while (heap_.statistics().slack_bytes > chunk_of(1200)) {
      static_cast<void>(heap_.malloc(heap_.statistics().slack_bytes - kTag));
    }
    heap_.pages().refuse_growth(true);
    while (heap_.malloc(1200) != 0) continue;
  };
  fill();
  EXPECT_LT(heap_.statistics().largest_free_bytes, 600U);
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    EXPECT_LE(heap_.statistics().largest_free_bytes, 600U) << i;
    EXPECT_EQ(heap_.free(blocks[i]), FreeResult::kFreed);
  }
  // All seven are in the stash.
  EXPECT_EQ(heap_.statistics().largest_free_bytes, kSlab);
  EXPECT_EQ(fragmentation(heap_.statistics()), 0.0);
  EXPECT_NE(heap_.malloc(kSlab - kTag), 0U);
  EXPECT_FALSE(heap_.find_corruption());
}

TEST_F(SegregatedFitCorner, TheLargestFreeBlockMayBeASpareSlab) {
  const std::vector<Address> blocks = malloc_all(21 * 7, 512);
  const Address large = heap_.malloc(heap_.statistics().slack_bytes - kTag);
  ASSERT_NE(large, 0U);
  EXPECT_LT(heap_.statistics().largest_free_bytes, kSlab);
  free_all({blocks.begin(), blocks.begin() + 5 * 7});
  EXPECT_GE(heap_.statistics().largest_free_bytes, kSlab);
  EXPECT_GE(fragmentation(heap_.statistics()), 0.0);
}

// --- tags that lead to a wrong address

TEST_F(SegregatedFitCorner, ATagThatLeadsIntoAnotherRegionIsNotThatOfALiveBlock) {
  const Address block = heap_.malloc(2000);
  static_cast<void>(heap_.malloc(heap_.statistics().slack_bytes - kTag));
  heap_.pages().grow_as_other_code(1);
  const Address above = heap_.malloc(2000);
  ASSERT_GT(above, heap_.pages().foreign().front().end());
  ASSERT_TRUE(heap_.is_live(block));
  const std::uint32_t key = key_of(block, 2000);
  for (const Address target : {above, above + chunk_of(2000)}) {
    const std::uint32_t right = std::exchange(word(block - kTag), key ^ (target - block));
    EXPECT_FALSE(heap_.is_live(block)) << target;
    EXPECT_NE(heap_.free(block), FreeResult::kFreed) << target;
    EXPECT_TRUE(heap_.find_corruption()) << target;
    word(block - kTag) = right;
  }
  EXPECT_EQ(heap_.free(block), FreeResult::kFreed);
}

TEST_F(SegregatedFitCorner, ATagThatLeadsToAChunkAboveAFreeOneIsNotThatOfALiveBlock) {
  const std::vector<Address> blocks = malloc_all(4, 2000);
  ASSERT_EQ(heap_.free(blocks[1]), FreeResult::kFreed);
  const std::uint32_t right = word(blocks[0] - kTag);
  word(blocks[0] - kTag) = key_of(blocks[0], 2000) ^ (blocks[2] - blocks[0]);
  EXPECT_FALSE(heap_.is_live(blocks[0]));
  EXPECT_NE(heap_.free(blocks[0]), FreeResult::kFreed);
  word(blocks[0] - kTag) = right;
  EXPECT_EQ(heap_.free(blocks[0]), FreeResult::kFreed);
  EXPECT_FALSE(heap_.find_corruption());
}

// --- links that lead to a wrong address

TEST_F(SegregatedFitCorner, ACircleInABinIsFoundAndStatisticsReturn) {
  const std::vector<Address> blocks = malloc_all(7, 2000);
  for (const std::size_t i : {0U, 2U, 4U}) ASSERT_EQ(heap_.free(blocks[i]), FreeResult::kFreed);
  // The list is 4, 2, 0.
  const std::array list = {blocks[4], blocks[2], blocks[0]};
  const std::uint32_t key = word(list[0]) ^ list[0] ^ list[1];
  for (const Address from : list) {
    for (const Address to : list) {
      const std::uint32_t right = std::exchange(word(from), from ^ to ^ key);
      if (word(from) == right) continue;
      EXPECT_TRUE(heap_.find_corruption()) << from << " to " << to;
      EXPECT_EQ(heap_.statistics().largest_free_bytes, chunk_of(2000)) << from << " to " << to;
      // The check also finds it if the link back is changed to match.
      const std::uint32_t back = std::exchange(word(to + 4), to ^ from ^ key);
      EXPECT_TRUE(heap_.find_corruption()) << from << " to " << to;
      word(to + 4) = back;
      word(from) = right;
    }
  }
  EXPECT_FALSE(heap_.find_corruption());
}

TEST_F(SegregatedFitCorner, StatisticsReadNothingOutsideTheHeapWhereLinksLeadOutOfIt) {
  const std::vector<Address> blocks = malloc_all(7, 5000);  // no other free chunk is as large
  const std::vector<Address> small = malloc_all(20, 100);
  for (const std::size_t i : {0U, 2U, 4U}) ASSERT_EQ(heap_.free(blocks[i]), FreeResult::kFreed);
  free_all(small);
  const std::uint32_t key = word(blocks[4]) ^ blocks[4] ^ blocks[2];
  const Address end = heap_.pages().end();
  for (const Address to :
       {Address{16}, end, end + 16, 0x8000'0000U, 0xFFFF'FFF0U, blocks[1] + 4, blocks[1] + 1}) {
    for (const Address from : {blocks[4], blocks[2], small[19], small[3]}) {
      const std::uint32_t right = std::exchange(word(from), from ^ to ^ key);
      EXPECT_EQ(heap_.statistics().largest_free_bytes, chunk_of(5000)) << from << " to " << to;
      EXPECT_TRUE(heap_.find_corruption()) << from << " to " << to;
      word(from) = right;
    }
  }
  EXPECT_FALSE(heap_.find_corruption());
}

TEST_F(SegregatedFitCorner, AnOverwrittenRecordOfARegionIsFoundAndEveryCallReturns) {
  static_cast<void>(heap_.malloc(2000));
  heap_.pages().grow_as_other_code(1);
  const Address second = heap_.malloc(2 * kPageBytes);
  heap_.pages().grow_as_other_code(1);
  static_cast<void>(heap_.malloc(2 * kPageBytes));
  const Address first_record = heap_.pages().begin();
  const Address second_record = second - kGranule;
  for (const Address record : {first_record, second_record}) {
    for (const Size offset : {0U, 4U}) {  // next, end
      for (const std::uint32_t wrong : {0U, 16U, first_record, second_record, 0xFFFF'FFF0U}) {
        const std::uint32_t right = std::exchange(word(record + offset), wrong);
        if (right == wrong) continue;
        EXPECT_TRUE(heap_.find_corruption()) << offset << ": " << wrong;
        static_cast<void>(heap_.statistics());
        EXPECT_FALSE(heap_.is_live(heap_.pages().end() - kGranule));
        static_cast<void>(extents_of(heap_));
        word(record + offset) = right;
      }
    }
  }
  EXPECT_FALSE(heap_.find_corruption());
}

TEST_F(SegregatedFitCorner, ALostRegionWithoutBlocksIsFound) {
  static_cast<void>(heap_.malloc(2000));
  heap_.pages().grow_as_other_code(1);
  ASSERT_EQ(heap_.free(heap_.malloc(2 * kPageBytes)), FreeResult::kFreed);
  EXPECT_FALSE(heap_.find_corruption());
  word(heap_.pages().begin()) = 0;
  EXPECT_EQ(heap_.find_corruption().kind, Corruption::Kind::kRegionOverwritten);
}

TEST_F(SegregatedFitCorner, AWalkOverOverwrittenTagsReturns) {
  const std::vector<Address> blocks = malloc_all(7, 2000);
  static_cast<void>(malloc_all(20, 100));
  ASSERT_EQ(heap_.free(blocks[2]), FreeResult::kFreed);
  const std::uint32_t key = key_of(blocks[0], 2000);
  for (const std::size_t i : {0U, 2U, 5U}) {
    for (const Size tag : {0U, 1U, 16U, 4096U, 0x7FFF'FFF0U, 0xFFFF'FFF0U, 0xFFFF'FFFFU}) {
      const std::uint32_t right = std::exchange(word(blocks[i] - kTag), key ^ tag);
      Address end = 0;
      for (const Extent& extent : extents_of(heap_)) {
        EXPECT_GT(extent.end(), end) << tag;
        end = extent.end();
      }
      EXPECT_EQ(end, heap_.pages().end()) << tag;
      EXPECT_TRUE(heap_.find_corruption()) << tag;
      word(blocks[i] - kTag) = right;
    }
  }
}

// --- late frees in memory whose contents look like tags

TEST_F(SegregatedFitCorner, ASlabThatBecameAFreeChunkHoldsNoLiveBlockWhateverItsBlocksHeld) {
  const Address large = heap_.malloc(2000);
  const std::uint32_t tag = key_of(large, 2000) ^ 2 * kGranule;
  for (const Size size : {16U, 32U, 48U, 112U, 512U, 576U, 1008U}) {
    const std::vector<Address> blocks = malloc_all(60'000 / size, size);
    for (const Address block : blocks) {
      for (Size offset = 0; offset < size; offset += 4) word(block + offset) = tag;
    }
    free_all(blocks);
    reclaim();
    for (const Address block : blocks) {
      ASSERT_FALSE(heap_.is_live(block)) << size;
      ASSERT_NE(heap_.free(block), FreeResult::kFreed) << size;
    }
    EXPECT_FALSE(heap_.find_corruption()) << size;
  }
}

TEST_F(SegregatedFitCorner, AResetHeapHoldsNoLiveBlockWhateverItsBlocksHeld) {
  const Address large = heap_.malloc(2000);
  const std::uint32_t tag = key_of(large, 2000) ^ 2 * kGranule;
  std::vector<Address> blocks;
  for (const Size size : {16U, 32U, 48U, 112U, 512U, 672U, 1008U, 1200U}) {
    for (const Address block : malloc_all(20'000 / size, size)) {
      blocks.push_back(block);
      for (Size offset = 0; offset < size; offset += 4) word(block + offset) = tag;
    }
  }
  heap_.reset();
  for (const Address block : blocks) {
    ASSERT_FALSE(heap_.is_live(block));
    ASSERT_NE(heap_.free(block), FreeResult::kFreed);
  }
}

/// A heap whose slab map looks like tags. With this secret, the map of a slab of class 30 and three
/// of class 1 reads as the tag of a used chunk of 16 bytes. That of four slabs of class 2 reads as
/// a tag without the flag that the chunk below is free, so such a chunk could end there.
class MapOfTags : public SegregatedFitCorner {
 protected:
  void SetUp() override { heap_.set_secret(0x0101'0100); }

  /// Makes slabs whose classes follow a pattern of sixteen, starting at its place `shift`.
  void make_slabs(Size count, Size shift) {
    for (Size i = 0; i < count; ++i) {
      const Size place = (i + shift) % 16;
      const Size size_class = place == 0 ? 30 : place < 4 ? 1 : 2;
      const Size blocks = (kSlab - kGranule - kTag) / (size_class * kGranule);
      static_cast<void>(malloc_all(blocks, size_class * kGranule));
    }
  }

  [[nodiscard]] Size live_blocks() { return heap_.statistics().live_blocks; }
};

TEST_F(MapOfTags, HoldsNoLiveBlockOnceALongerMapHasReplacedIt) {
  for (Size shift = 0; shift < 16; ++shift) {
    make_slabs(59, shift);
    make_slabs(100, 4);
    EXPECT_EQ(count_live(), live_blocks()) << shift;
    heap_.reset();
  }
}

TEST_F(MapOfTags, HoldsNoLiveBlockAfterAReset) {
  for (Size shift = 0; shift < 16; ++shift) {
    make_slabs(50, shift);
    heap_.reset();
    EXPECT_EQ(count_live(), 0U) << shift;
  }
}

// --- alignment

TEST(AlignmentOfAMovedBlock, IsAtMostTheLargestValidAlignment) {
  SegregatedFit<HostMemory> heap;
  constexpr Address kHigh = 4 * kMaxAlignment;  // the block happens to lie there
  const Address first = heap.malloc(1200);
  static_cast<void>(heap.malloc(kHigh - first - chunk_of(1200) - kTag));
  const Address block = heap.memalign(32, 1200);
  ASSERT_EQ(block, kHigh);
  static_cast<void>(heap.malloc(1200));
  const Address moved = heap.realloc(block, 5000);
  EXPECT_NE(moved, block);
  EXPECT_EQ(moved % 32, 0U);
  EXPECT_LT(moved, kHigh + 2 * kMaxAlignment);
}

TEST_F(SegregatedFitCorner, TheLargestFreeBlockCountsASlabWithBlocksInTheStash) {
  const Size in_slab = (kSlab - kTag - kGranule) / 16;
  const std::vector<Address> blocks = malloc_all(in_slab, 16);
  // Another slab is active from here on, so the freed blocks go to two lists.
  EXPECT_NE(heap_.malloc(16), 0U);
  EXPECT_LT(heap_.statistics().largest_free_bytes, kSlab);
  free_all(blocks);
  EXPECT_EQ(heap_.statistics().largest_free_bytes, kSlab);
}

}  // namespace
}  // namespace lite_alloc::test
