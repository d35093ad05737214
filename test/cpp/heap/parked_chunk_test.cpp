// SPDX-License-Identifier: MIT
//
// Tests the chunk that a `SegregatedFit` parks: it was allocated last, is freed, and waits for the
// next request of its size. Every other call must find the heap as if it had been merged.

#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>
#include <utility>
#include <vector>

#include "lite_alloc/inspect/segregated_fit_totals.hpp"
#include "support/heap_test.hpp"

namespace lite_alloc::test {
namespace {

constexpr Size kTag = 4;

/// Two pages, so that a few blocks fill them, and no growth.
class FewPages : public HostMemory {
 public:
  FewPages() noexcept : HostMemory(Options{.initial_pages = 2, .maximum_pages = 2}) {}
  static constexpr bool kParks = true;
};

/// Pages of a heap whose totals can be computed, as in a C program.
class OwnPages : public HostMemory {
 public:
  static constexpr bool kOwnsAllPages = true;
  static constexpr bool kParks = true;
};

[[nodiscard]] std::uint32_t& word_of(auto& heap, Address address) {
  return *heap.pages().template at<std::uint32_t>(address);
}

/// Four blocks of 3000 bytes, of which the last one was freed and is parked.
template <typename Heap>
class ParkedChunk : public testing::Test {
 protected:
  void SetUp() override {
    for (Address& block : blocks_) block = heap_.malloc(kSize);
    EXPECT_EQ(heap_.free(blocks_[3]), FreeResult::kFreed);
  }

  static constexpr Size kSize = 3000;
  Heap heap_;
  Address blocks_[4] = {};
};

using TrackedHeap = SegregatedFit<ParkingPages>;
using PlainHeap = SegregatedFit<ParkingPages, NoTracking>;
using HardenedHeap = SegregatedFit<ParkingPages, NoTracking, Hardened>;
using ParkingHeaps = testing::Types<TrackedHeap, PlainHeap, HardenedHeap>;
TYPED_TEST_SUITE(ParkedChunk, ParkingHeaps);

TYPED_TEST(ParkedChunk, IsTakenBackByARequestThatNeedsAChunkOfTheSameSize) {
  EXPECT_TRUE(this->heap_.parts().parking_.is_parked(this->blocks_[3]));
  EXPECT_EQ(this->heap_.malloc(this->kSize - 1), this->blocks_[3]);
  EXPECT_FALSE(this->heap_.parts().parking_.has_parked());
  EXPECT_TRUE(this->heap_.may_be_live(this->blocks_[3]));
  EXPECT_EQ(this->heap_.usable_size(this->blocks_[3]), align_up(this->kSize + kTag, kGranule) - 4);
  EXPECT_EQ(this->heap_.free(this->blocks_[3]), FreeResult::kFreed);
}

TYPED_TEST(ParkedChunk, IsNotALiveBlock) {
  const Address block = this->blocks_[3];
  for (int i = 0; i < 3; ++i) {
    EXPECT_FALSE(this->heap_.may_be_live(block));
    EXPECT_EQ(this->heap_.free(block), FreeResult::kAlreadyFree);
    EXPECT_EQ(this->heap_.realloc(block, 100), 0U);
    EXPECT_EQ(this->heap_.realloc(block, 5000), 0U);
    EXPECT_FALSE(this->heap_.resize_in_place(block, 4000));
  }
  EXPECT_NE(this->heap_.malloc(5000), 0U);  // merges it
  EXPECT_FALSE(this->heap_.parts().parking_.has_parked());
}

TYPED_TEST(ParkedChunk, MergedIsStillReportedAsFreed) {
  const Address block = this->blocks_[3];
  EXPECT_EQ(this->heap_.free(this->blocks_[2]), FreeResult::kFreed);
  EXPECT_NE(this->heap_.memalign(64, 2000), 0U);
  EXPECT_FALSE(this->heap_.parts().parking_.has_parked());
  EXPECT_EQ(this->heap_.free(block), FreeResult::kAlreadyFree);
}

TYPED_TEST(ParkedChunk, IsOneThatNoOtherAllocationFollowed) {
  EXPECT_EQ(this->heap_.malloc(this->kSize), this->blocks_[3]);
  EXPECT_EQ(this->heap_.free(this->blocks_[1]), FreeResult::kFreed);
  EXPECT_FALSE(this->heap_.parts().parking_.has_parked());
  EXPECT_EQ(this->heap_.free(this->blocks_[1]), FreeResult::kAlreadyFree);
}

TYPED_TEST(ParkedChunk, MergesWithNeighboursThatWereFreedMeanwhile) {
  for (const Size neighbour : {0U, 2U}) {
    TypeParam heap;
    std::vector<Address> blocks;
    for (int i = 0; i < 3; ++i) blocks.push_back(heap.malloc(3000));
    static_cast<void>(heap.malloc(3000));
    EXPECT_EQ(heap.free(blocks[1]), FreeResult::kFreed);
    EXPECT_EQ(heap.malloc(3000), blocks[1]);
    EXPECT_EQ(heap.free(blocks[1]), FreeResult::kFreed);
    EXPECT_TRUE(heap.parts().parking_.is_parked(blocks[1]));
    EXPECT_EQ(heap.free(blocks[neighbour]), FreeResult::kFreed);
    EXPECT_EQ(heap.malloc(6000), std::min(blocks[1], blocks[neighbour]));
  }
}

TYPED_TEST(ParkedChunk, KeepsNoAlignmentOfTheBlockThatItHeld) {
  TypeParam heap;
  const Address block = heap.malloc(2000);
  static_cast<void>(heap.malloc(2000));
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(heap.free(block), FreeResult::kFreed);
    EXPECT_EQ(heap.memalign(i == 0 ? 16 : 32, 2000) % 16, 0U);
    EXPECT_EQ(heap.malloc(2000) % 16, 0U);
  }
}

// --- each call that needs the memory of the parked chunk

template <typename Heap>
class FullHeap : public testing::Test {
 protected:
  /// Fills memory with blocks, and parks the one that was allocated last.
  void SetUp() override {
    for (Address block = 0; (block = heap_.malloc(kSize)) != 0;) blocks_.push_back(block);
    ASSERT_GT(blocks_.size(), 20U);
    last_ = blocks_.back();
    blocks_.pop_back();
    EXPECT_EQ(heap_.free(last_), FreeResult::kFreed);
    EXPECT_EQ(heap_.malloc(kSize), last_);
    EXPECT_EQ(heap_.free(last_), FreeResult::kFreed);
    ASSERT_TRUE(heap_.parts().parking_.is_parked(last_));
  }

  static constexpr Size kSize = 4500;  // room for a slab, wherever it lies, only with a neighbour
  Heap heap_;
  std::vector<Address> blocks_;
  Address last_ = 0;
};

using FullHeaps = testing::Types<SegregatedFit<FewPages>, SegregatedFit<FewPages, NoTracking>,
                                 SegregatedFit<FewPages, NoTracking, Hardened>>;
TYPED_TEST_SUITE(FullHeap, FullHeaps);

TYPED_TEST(FullHeap, GivesTheParkedChunkToASmallerBlock) {
  EXPECT_EQ(this->heap_.malloc(this->kSize - 100), this->last_);
}

TYPED_TEST(FullHeap, GivesTheParkedChunkAndANeighbourToALargerBlock) {
  EXPECT_EQ(this->heap_.free(this->blocks_.back()), FreeResult::kFreed);
  EXPECT_EQ(this->heap_.malloc(2 * this->kSize), this->blocks_.back());
}

TYPED_TEST(FullHeap, GivesTheParkedChunkToAnAlignedBlock) {
  const Address block = this->heap_.memalign(64, this->kSize - 200);
  EXPECT_NE(block, 0U);
  EXPECT_EQ(block % 64, 0U);
}

TYPED_TEST(FullHeap, GivesTheParkedChunkToASlab) {
  EXPECT_EQ(this->heap_.free(this->blocks_.back()), FreeResult::kFreed);
  EXPECT_NE(this->heap_.malloc(100), 0U);
  EXPECT_FALSE(this->heap_.parts().parking_.has_parked());
}

TYPED_TEST(FullHeap, GrowsABlockIntoTheParkedChunk) {
  EXPECT_EQ(this->heap_.realloc(this->blocks_.back(), this->kSize + 1000), this->blocks_.back());
}

TYPED_TEST(FullHeap, GrowsABlockIntoTheParkedChunkWhereItMayNotMove) {
  EXPECT_TRUE(this->heap_.resize_in_place(this->blocks_.back(), this->kSize + 1000));
}

TYPED_TEST(FullHeap, ShrinksABlockBelowTheParkedChunk) {
  const Address block = this->blocks_.back();
  EXPECT_EQ(this->heap_.realloc(block, 2000), block);
  EXPECT_NE(this->heap_.malloc(this->kSize + 2000), 0U);
}

TYPED_TEST(FullHeap, GivesTheParkedChunkToABlockThatMustBeTheLast) {
  EXPECT_EQ(this->heap_.allocate_last(this->kSize), this->last_);
}

TYPED_TEST(FullHeap, SlidesABlockDownIntoTheParkedChunk) {
  const Address above = this->heap_.malloc(this->kSize);
  EXPECT_EQ(above, this->last_);
  const Address below = this->blocks_[this->blocks_.size() - 1];
  EXPECT_EQ(this->heap_.free(below), FreeResult::kFreed);
  EXPECT_EQ(this->heap_.malloc(this->kSize), below);
  EXPECT_EQ(this->heap_.free(below), FreeResult::kFreed);
  ASSERT_TRUE(this->heap_.parts().parking_.is_parked(below));
  EXPECT_EQ(this->heap_.realloc(above, 2 * this->kSize), below);
}

// --- introspection

using TrackedParkedChunk = ParkedChunk<TrackedHeap>;

TEST_F(TrackedParkedChunk, IsAFreeExtentAndCountsAsFree) {
  EXPECT_FALSE(heap_.find_corruption());
  EXPECT_FALSE(heap_.is_live(blocks_[3]));
  EXPECT_TRUE(heap_.is_live(blocks_[2]));
  Size found = 0;
  for (const Extent& extent : extents_of(heap_)) {
    if (extent.begin != blocks_[3]) continue;
    ++found;
    EXPECT_EQ(extent.state, Extent::State::kFree);
    EXPECT_EQ(extent.size, align_up(kSize + kTag, kGranule));
  }
  EXPECT_EQ(found, 1U);
  const Statistics parked = heap_.statistics();
  EXPECT_EQ(parked.live_blocks, 3U);
  EXPECT_EQ(parked.frees, 1U);
  EXPECT_NE(heap_.memalign(32, 2000), 0U);  // merges it
  EXPECT_FALSE(heap_.parts().parking_.has_parked());
  EXPECT_EQ(heap_.statistics().heap_bytes, parked.heap_bytes);
}

TEST(StatisticsOfAParkedChunk, CountItAsAFreeBlockUntilItIsMerged) {
  TrackedHeap heap;
  for (int i = 0; i < 3; ++i) static_cast<void>(heap.malloc(3000));
  const Address block = heap.malloc(20'000);
  const Statistics before = heap.statistics();
  EXPECT_EQ(heap.free(block), FreeResult::kFreed);
  const Statistics parked = heap.statistics();
  EXPECT_EQ(parked.free_bytes, before.free_bytes + align_up(20'000 + kTag, kGranule));
  EXPECT_EQ(parked.live_bytes, before.live_bytes - (align_up(20'000 + kTag, kGranule) - kTag));
  EXPECT_EQ(parked.largest_free_bytes, align_up(20'000 + kTag, kGranule));
  EXPECT_EQ(parked.slack_bytes, before.slack_bytes);
  EXPECT_NE(heap.malloc(5000), 0U);  // merges it with the slack
  EXPECT_EQ(heap.statistics().largest_free_bytes, before.largest_free_bytes);
  EXPECT_GT(heap.statistics().slack_bytes, before.slack_bytes);
}

TEST_F(TrackedParkedChunk, IsForgottenByAReset) {
  heap_.reset();
  EXPECT_FALSE(heap_.parts().parking_.has_parked());
  EXPECT_FALSE(heap_.find_corruption());
  EXPECT_EQ(heap_.free(blocks_[3]), FreeResult::kAlreadyFree);
  EXPECT_EQ(heap_.malloc(kSize), blocks_[0]);
}

TEST_F(TrackedParkedChunk, IsFoundCorruptedWhereItsTagWasOverwritten) {
  word_of(heap_, blocks_[3] - kTag) ^= 16;
  EXPECT_TRUE(heap_.find_corruption());
  static_cast<void>(heap_.statistics());
  static_cast<void>(extents_of(heap_));
}

TEST(TotalsOfAParkedChunk, CountItAsAFreeBlock) {
  SegregatedFit<OwnPages, NoTracking> heap;
  static_cast<void>(heap.malloc(2000 - kTag));
  const Address block = heap.malloc(2000 - kTag);
  static_cast<void>(heap.malloc(2000 - kTag));
  using Totals = SegregatedFitTotals<decltype(heap)>;
  const HeapTotals before = Totals::of(heap);
  EXPECT_EQ(heap.free(block), FreeResult::kFreed);
  EXPECT_EQ(heap.malloc(2000 - kTag), block);
  EXPECT_EQ(heap.free(block), FreeResult::kFreed);
  ASSERT_TRUE(heap.parts().parking_.is_parked(block));
  const HeapTotals after = Totals::of(heap);
  EXPECT_EQ(after.free_blocks, before.free_blocks + 1);
  EXPECT_EQ(after.free_bytes, before.free_bytes + 2000);
  EXPECT_EQ(after.heap_bytes, before.heap_bytes);
}

// --- overwritten tags

using HardenedParkedChunkDeathTest = ParkedChunk<HardenedHeap>;

TEST_F(HardenedParkedChunkDeathTest, EndsTheProgramWhereItsTagWasOverwritten) {
  for (const std::uint32_t change : {16U, 1U, 4U, 8U, 0x8000'0000U, 0x1234'5670U}) {
    word_of(heap_, blocks_[3] - kTag) ^= change;
    EXPECT_DEATH(static_cast<void>(heap_.malloc(kSize)), "") << change;
    EXPECT_DEATH(static_cast<void>(heap_.malloc(5000)), "") << change;
    EXPECT_DEATH(static_cast<void>(heap_.realloc(blocks_[0], 5000)), "") << change;
    word_of(heap_, blocks_[3] - kTag) ^= change;
  }
  EXPECT_EQ(heap_.malloc(kSize), blocks_[3]);
}

// --- random calls

template <typename Heap>
class ParkingHeap : public testing::Test {};
TYPED_TEST_SUITE(ParkingHeap, ParkingHeaps);

template <typename Heap>
struct WithoutParking;
template <typename Tracker, typename Hardening>
struct WithoutParking<SegregatedFit<ParkingPages, Tracker, Hardening>> {
  using Type = SegregatedFit<HostPages, Tracker, Hardening>;
};

/// Many requests have one of few sizes, and the block that was allocated last is often freed next.
TYPED_TEST(ParkingHeap, KeepsItsBlocksThroughRandomCalls) {
  Random random;
  TypeParam heap;
  ShadowHeap<ParkingPages> shadow{heap.pages()};
  constexpr Size kSizes[] = {40, 1100, 2000, 3000, 60'000};
  const auto random_size = [&] {
    return random.one_in(4) ? random.log_uniform(15) : kSizes[random.below(5)];
  };
  Address latest = 0;
  Size parked = 0;
  for (int i = 0; i < 50'000; ++i) {
    parked += static_cast<Size>(heap.parts().parking_.has_parked());
    const Size count = static_cast<Size>(shadow.blocks().size());
    if (random.one_in(50)) heap.pages().fail_grow(1);
    if (random.one_in(5000)) heap.pages().grow_as_other_code(1);
    if (count == 0 || (count <= 60 && random.one_in(2))) {
      const Layout layout{.size = random_size(),
                          .alignment = random.one_in(8) ? random.alignment() : kGranule};
      const Address block = layout.alignment > kGranule
                                ? heap.memalign(layout.alignment, layout.size)
                                : heap.malloc(layout.size);
      if (block == 0) continue;
      ASSERT_TRUE(shadow.add(block, layout)) << "operation " << i;
      latest = block;
      continue;
    }
    const bool takes_latest = random.one_in(2) && shadow.blocks().contains(latest);
    const Address block =
        takes_latest ? latest : std::next(shadow.blocks().begin(), random.below(count))->first;
    if (random.one_in(4)) {
      const Size size = random_size();
      const Layout layout = shadow.blocks().at(block).layout;
      const Address moved = heap.reallocate(block, layout, size);
      if (moved != 0) {
        ASSERT_TRUE(shadow.move(block, moved, size)) << "operation " << i;
      }
    } else {
      ASSERT_TRUE(shadow.remove(block)) << "operation " << i;
      ASSERT_EQ(heap.free(block), FreeResult::kFreed) << "operation " << i;
      ASSERT_EQ(heap.free(block), FreeResult::kAlreadyFree) << "operation " << i;
    }
  }
  EXPECT_TRUE(shadow.verify_all());
  EXPECT_GT(parked, 1000U);
}

/// Runs the same random calls on a heap that parks chunks and on one that does not.
TYPED_TEST(ParkingHeap, ReturnsTheAddressesThatItWouldReturnWithoutParking) {
  Random random;
  TypeParam heap;
  typename WithoutParking<TypeParam>::Type other;
  constexpr Size kSizes[] = {40, 1100, 2000, 3000, 60'000};
  std::vector<Address> blocks;
  Size parked = 0;
  for (int i = 0; i < 50'000; ++i) {
    parked += static_cast<Size>(heap.parts().parking_.has_parked());
    const Size size = random.one_in(4) ? random.log_uniform(15) : kSizes[random.below(5)];
    const Size count = static_cast<Size>(blocks.size());
    if (count == 0 || (count <= 100 && random.one_in(2))) {
      const Size alignment = random.one_in(8) ? 1U << random.below(13) : kGranule;
      const Address block = heap.memalign(alignment, size);
      ASSERT_EQ(block, other.memalign(alignment, size)) << "operation " << i;
      if (block != 0) blocks.push_back(block);
      continue;
    }
    const Size index = random.one_in(2) ? count - 1 : random.below(count);
    const Address block = std::exchange(blocks[index], blocks.back());
    blocks.pop_back();
    if (random.one_in(4)) {
      const Address moved = heap.realloc(block, size);
      ASSERT_EQ(moved, other.realloc(block, size)) << "operation " << i;
      blocks.push_back(moved != 0 ? moved : block);
    } else {
      ASSERT_EQ(heap.free(block), FreeResult::kFreed) << "operation " << i;
      ASSERT_EQ(other.free(block), FreeResult::kFreed) << "operation " << i;
    }
    ASSERT_EQ(heap.pages().end(), other.pages().end()) << "operation " << i;
  }
  EXPECT_GT(parked, 1000U);
}

}  // namespace
}  // namespace lite_alloc::test
