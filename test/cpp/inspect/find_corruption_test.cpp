// SPDX-License-Identifier: MIT
//
// Breaks a heap in each way that the check promises to find.

#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>
#include <utility>
#include <vector>

#include "lite_alloc/inspect/check.hpp"
#include "support/heap_inspection.hpp"

namespace lite_alloc::test {
namespace {

using Kind = Corruption::Kind;

/// The first two words of a free block hold its link and size. A write after free overwrites them.
template <typename Heap>
class BrokenFreeList : public testing::Test {
 protected:
  void SetUp() override {
    heap_.set_secret(0x1234'5678);
    for (Address& block : blocks_) {
      block = heap_.allocate({.size = 64});
      static_cast<void>(heap_.allocate({.size = 16}));
    }
    for (const Address block : blocks_) heap_.deallocate(block, {.size = 64});
    ASSERT_FALSE(heap_.find_corruption());
  }

  [[nodiscard]] std::uint32_t& word(Address block, Size offset) {
    return *heap_.pages().template at<std::uint32_t>(block + offset);
  }

  /// Writes each value to a word of each free block, and expects that the check names the block.
  void expect_found(Size offset, const std::vector<std::uint32_t>& values) {
    for (const Address block : blocks_) {
      const std::uint32_t intact = word(block, offset);
      for (const std::uint32_t value : values) {
        word(block, offset) = value;
        const Corruption found = heap_.find_corruption();
        EXPECT_EQ(found.kind, Kind::kFreeListOutsideHeap) << value;
        EXPECT_EQ(found.address, block) << value;
        EXPECT_EQ(heap_.statistics().live_blocks, 4U);  // the call returns, whatever it reads
      }
      word(block, offset) = intact;
      EXPECT_FALSE(heap_.find_corruption());
    }
  }

  Heap heap_;
  Address blocks_[4] = {};
};
TYPED_TEST_SUITE(BrokenFreeList, HeapsToStandOn, HeapName);

TYPED_TEST(BrokenFreeList, AnOverwrittenLinkIsFound) {
  const Address end = this->heap_.pages().end();
  std::vector<std::uint32_t> values = {0,   1,   16,       0x6C6C'6548, 0xFFFF'FFF0U,
                                       ~0U, end, end - 16, end - 64};
  for (const Address block : this->blocks_) values.push_back(block);
  this->expect_found(0, values);
}

TYPED_TEST(BrokenFreeList, AnOverwrittenSizeIsFound) {
  this->expect_found(4, {0, 1, 16, 48, 64, 80, 128, 0x6C6C'6548, 0x7FFF'FFF0U, 0xFFFF'FFF0U, ~0U});
}

TYPED_TEST(BrokenFreeList, ASingleFlippedBitIsFound) {
  for (const Address block : this->blocks_) {
    for (const Size offset : {0U, 4U}) {
      for (Size bit = 0; bit < 32; ++bit) {
        this->word(block, offset) ^= 1U << bit;
        EXPECT_TRUE(this->heap_.find_corruption()) << offset << ", bit " << bit;
        this->word(block, offset) ^= 1U << bit;
      }
    }
  }
  EXPECT_FALSE(this->heap_.find_corruption());
}

TYPED_TEST(BrokenFreeList, TheWordsOfAnotherFreeBlockAreFound) {
  for (const Address from : this->blocks_) {
    for (const Address to : this->blocks_) {
      if (from == to) continue;
      const std::uint32_t link = std::exchange(this->word(to, 0), this->word(from, 0));
      const std::uint32_t size = std::exchange(this->word(to, 4), this->word(from, 4));
      EXPECT_TRUE(this->heap_.find_corruption());
      this->word(to, 0) = link;
      this->word(to, 4) = size;
    }
  }
  EXPECT_FALSE(this->heap_.find_corruption());
}

TYPED_TEST(BrokenFreeList, AnAllocationThatMeetsAnOverwrittenWordTraps) {
  for (const Address block : this->blocks_) {
    for (const Size offset : {0U, 4U}) {
      const auto overwrite_and_allocate = [&] {
        this->word(block, offset) = this->blocks_[0];
        // There are fewer than eight free blocks, so eight allocations reach each of them.
        for (int i = 0; i < 8; ++i) static_cast<void>(this->heap_.allocate({.size = 64}));
      };
      EXPECT_DEATH(overwrite_and_allocate(), "") << offset << " in " << block;
    }
  }
}

TYPED_TEST(BrokenFreeList, StatisticsOfABrokenListComeFromItsIntactPart) {
  // Afterwards the heap does not know its largest free block.
  static_cast<void>(this->heap_.allocate({.size = 64}));
  for (const Address block : this->blocks_) {
    const std::uint32_t intact = std::exchange(this->word(block, 0), 0x6C6C'6548U);
    const Statistics statistics = this->heap_.statistics();
    EXPECT_EQ(statistics.live_blocks, 5U);
    EXPECT_LE(statistics.largest_free_bytes, statistics.heap_bytes);
    this->word(block, 0) = intact;
  }
}

template <typename Heap>
class BrokenRegion : public testing::Test {};
TYPED_TEST_SUITE(BrokenRegion, HeaderlessStrategies::On<HostPages>, HeapName);

TYPED_TEST(BrokenRegion, AnOverwrittenRecordIsFoundAndNoCallHangs) {
  MallocAdaptor<TypeParam> heap;
  heap.set_secret(7);
  auto& pages = heap.allocator().pages();
  std::vector<Address> blocks;
  for (int i = 0; i < 3; ++i) {
    blocks.push_back(heap.malloc(kPageBytes));
    pages.grow_as_other_code(1);
  }
  blocks.push_back(heap.malloc(kPageBytes));
  ASSERT_FALSE(find_corruption(heap));
  // The first region starts where memory does, each later one behind pages of other code.
  std::vector<Address> records = {pages.begin()};
  for (std::size_t i = 0; i + 1 < pages.foreign().size(); ++i) {
    records.push_back(pages.foreign()[i].end());
  }
  for (const Address record : records) {
    for (const Size offset : {0U, 4U, 8U}) {
      std::uint32_t& word = *pages.template at<std::uint32_t>(record + offset);
      const std::uint32_t intact = word;
      for (const std::uint32_t value : {0U, 16U, record, records[0], 0x6C6C'6548U, ~0U}) {
        if (value == intact) continue;
        word = value;
        const Corruption found = find_corruption(heap);
        EXPECT_EQ(found.kind, Kind::kRegionOverwritten) << value;
        EXPECT_EQ(found.address, record) << value;
        // A block behind the broken record can only be found through it.
        EXPECT_DEATH(static_cast<void>(heap.free(blocks.back())), "");
      }
      word = intact;
    }
  }
  EXPECT_FALSE(find_corruption(heap));
}

class WronglyFreed : public testing::Test {
 protected:
  [[nodiscard]] Address allocate(Size size) { return heap_.allocate({.size = size}); }
  [[nodiscard]] Kind found() { return heap_.find_corruption().kind; }

  BumpFreeList<HostPages> heap_;
};

TEST_F(WronglyFreed, ABlockFreedTwiceIsFound) {
  const Address block = allocate(64);
  static_cast<void>(allocate(64));
  heap_.deallocate(block, {.size = 64});
  heap_.deallocate(block, {.size = 64});
  EXPECT_EQ(found(), Kind::kFreeListOverlap);
}

TEST_F(WronglyFreed, ABlockFreedTwiceWithAnotherFreedInBetweenIsFound) {
  const Address first = allocate(64);
  const Address second = allocate(64);
  static_cast<void>(allocate(64));
  heap_.deallocate(first, {.size = 64});
  heap_.deallocate(second, {.size = 64});
  heap_.deallocate(first, {.size = 64});
  EXPECT_EQ(found(), Kind::kFreeListOverlap);
}

TEST_F(WronglyFreed, ASizeThatReachesIntoAFreeBlockIsFound) {
  const Address first = allocate(64);
  const Address second = allocate(64);
  static_cast<void>(allocate(64));
  heap_.deallocate(second, {.size = 64});
  heap_.deallocate(first, {.size = 80});
  const Corruption corruption = heap_.find_corruption();
  EXPECT_EQ(corruption.kind, Kind::kFreeListOverlap);
  EXPECT_EQ(corruption.address, second);
}

TEST_F(WronglyFreed, ASizeThatReachesOutOfTheHeapIsFound) {
  const Address block = allocate(64);
  static_cast<void>(allocate(64));
  heap_.deallocate(block, {.size = 64 + 2 * kPageBytes});
  EXPECT_EQ(found(), Kind::kFreeListOutsideHeap);
}

TEST_F(WronglyFreed, EveryCallReturnsOrTrapsWhereAListIsACircle) {
  const Address first = allocate(64);
  const Address second = allocate(64);
  static_cast<void>(allocate(64));
  for (const Address block : {first, second, first}) heap_.deallocate(block, {.size = 64});
  EXPECT_EQ(found(), Kind::kFreeListOverlap);
  EXPECT_EQ(heap_.statistics().largest_free_bytes, 64U);
  Size steps = 0;
  auto cursor = heap_.walk();
  for (Extent extent; cursor.next(extent) && steps < 1000;) ++steps;
  EXPECT_LT(steps, 1000U);
  EXPECT_DEATH(static_cast<void>(allocate(128)), "");
}

template <typename Heap>
class BrokenHeaders : public testing::Test {
 protected:
  void SetUp() override {
    for (Address& block : blocks_) block = heap_.malloc(100);
    std::sort(std::begin(blocks_), std::end(blocks_));
    ASSERT_FALSE(find_corruption(heap_));
  }

  [[nodiscard]] std::uint32_t& word_below(Address block, Size bytes) {
    return *heap_.allocator().pages().template at<std::uint32_t>(block - bytes);
  }

  MallocAdaptor<Heap> heap_;
  Address blocks_[5] = {};
};
TYPED_TEST_SUITE(BrokenHeaders, HeapsToStandOn, HeapName);

TYPED_TEST(BrokenHeaders, AnyOverwrittenWordIsFound) {
  for (const Address block : this->blocks_) {
    for (const Size bytes : {16U, 12U, 8U}) {  // capacity, alignment, seal
      std::uint32_t& word = this->word_below(block, bytes);
      for (const std::uint32_t flips : {1U, 0x10U, 0x8000'0000U, 0xFFFF'FFFFU}) {
        word ^= flips;
        const Corruption found = find_corruption(this->heap_);
        EXPECT_EQ(found.kind, Kind::kHeaderOverwritten) << bytes << " below " << block;
        EXPECT_EQ(found.address, block - kGranule);
        word ^= flips;
      }
    }
  }
  EXPECT_FALSE(find_corruption(this->heap_));
}

TYPED_TEST(BrokenHeaders, AnOverrunIntoTheNextHeaderIsFound) {
  const Size capacity = this->heap_.usable_size(this->blocks_[0]);
  auto* const bytes = this->heap_.allocator().pages().template at<unsigned char>(this->blocks_[0]);
  for (Size i = 0; i <= capacity; ++i) bytes[i] = 0x41;  // one byte too many
  EXPECT_EQ(find_corruption(this->heap_).kind, Kind::kHeaderOverwritten);
}

TYPED_TEST(BrokenHeaders, AFindingOfTheAllocatorBelowIsReported) {
  auto& sized = this->heap_.allocator();
  const Address block = sized.allocate({.size = 64});
  static_cast<void>(sized.allocate({.size = 64}));
  sized.deallocate(block, {.size = 64});
  sized.deallocate(block, {.size = 64});
  const Corruption found = sized.find_corruption();
  EXPECT_TRUE(found);
  EXPECT_EQ(find_corruption(this->heap_).kind, found.kind);
}

TYPED_TEST(BrokenHeaders, SizedBlocksFreeBlocksAndResetsAreNotMistakenForCorruption) {
  static_cast<void>(this->heap_.allocator().allocate({.size = 200}));
  EXPECT_FALSE(find_corruption(this->heap_));
  this->heap_.free(this->blocks_[1]);
  this->heap_.free(this->blocks_[3]);
  EXPECT_FALSE(find_corruption(this->heap_));
  this->heap_.reset();
  EXPECT_FALSE(find_corruption(this->heap_));
  static_cast<void>(this->heap_.allocator().allocate({.size = 200}));
  EXPECT_FALSE(find_corruption(this->heap_));
}

}  // namespace
}  // namespace lite_alloc::test
