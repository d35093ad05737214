// SPDX-License-Identifier: MIT
//
// The contract of every allocator, on every source of pages.

#include <gtest/gtest.h>

#include <iterator>
#include <utility>
#include <vector>

#include "support/heap_test.hpp"
#include "support/random.hpp"

namespace lite_alloc::test {
namespace {

template <typename Heap>
class AllocatorConformance : public HeapTest<Heap> {};
TYPED_TEST_SUITE(AllocatorConformance, AllHeaps, HeapName);

constexpr Size kSizes[] = {0,   1,    15,   16,   17,   31,    32,    33,    100,
                           600, 1000, 1008, 1009, 4096, 65535, 65536, 65537, 300'000};

// --- allocate and deallocate

TYPED_TEST(AllocatorConformance, GivesBlocksThatDoNotOverlap) {
  for (int i = 0; i < 3; ++i) {
    for (const Size size : kSizes) this->allocate(size);
  }
  EXPECT_EQ(this->shadow_.blocks().size(), 3 * std::size(kSizes));
}

TYPED_TEST(AllocatorConformance, ServesSizeZeroWithADistinctLiveBlock) {
  const Address first = this->allocate(0);
  const Address second = this->allocate(0);
  EXPECT_NE(first, second);
  EXPECT_EQ(this->statistics().live_blocks, 2U);
  this->deallocate(first);
  this->deallocate(second);
}

TYPED_TEST(AllocatorConformance, HonoursEveryAlignmentOnFreshMemory) {
  for (const Size alignment : all_alignments()) {
    this->allocate(16);  // so that the next free address has no alignment above 16
    this->allocate({.size = 40, .alignment = alignment});
  }
}

TYPED_TEST(AllocatorConformance, HonoursEveryAlignmentOnFreeBlocks) {
  for (const Size alignment : all_alignments()) {
    SCOPED_TRACE(alignment);
    this->allocate(16);
    const Address large = this->allocate(3 * kMaxAlignment);
    this->exhaust();  // from here on only freed memory is left
    this->deallocate(large);
    const Layout layout{.size = 40, .alignment = alignment};
    for (int i = 0; i < 2; ++i) {
      const Address address = this->allocate(layout);
      EXPECT_GE(address, large);
      EXPECT_LT(address, large + 3 * kMaxAlignment);
    }
    this->reset();
  }
}

TYPED_TEST(AllocatorConformance, HonoursAlignmentsForLargeBlocks) {
  for (const Size alignment : all_alignments()) {
    this->allocate(16);
    this->allocate({.size = 70'000, .alignment = alignment});
  }
}

TYPED_TEST(AllocatorConformance, GivesEveryBlockAtLeastTheCapacityOfItsLayout) {
  for (const Size prefix : {0U, 16U, 4096U}) {
    for (const Size alignment : {1U, 16U, 64U, 4096U}) {
      for (const Size size : kSizes) {
        const Layout layout{.size = size, .alignment = alignment, .prefix = prefix};
        const Size capacity = this->heap_.capacity(layout);
        ASSERT_GE(capacity, size);
        ASSERT_GT(capacity, 0U);
        const Address address = this->heap_.allocate(layout);
        if (address == 0) continue;  // a fixed region is full
        // The shadow heap fills the whole capacity, and frees the block with it.
        const Layout whole{.size = capacity, .alignment = alignment, .prefix = prefix};
        ASSERT_TRUE(this->shadow_.add(address, whole));
        if (size % 2 == 0) this->deallocate(address);
      }
    }
  }
}

TYPED_TEST(AllocatorConformance, ClaimsTheFirstRegionOnce) {
  EXPECT_TRUE(this->heap_.claim());
  EXPECT_NE(this->statistics().heap_bytes, 0U);
  EXPECT_FALSE(this->heap_.claim());
  this->allocate(100);
  EXPECT_FALSE(this->heap_.claim());
}

TYPED_TEST(AllocatorConformance, DoesNotClaimMemoryAfterItsFirstAllocation) {
  this->allocate(100);
  EXPECT_FALSE(this->heap_.claim());
}

TYPED_TEST(AllocatorConformance, PutsAPrefixBelowTheBlock) {
  for (const Size prefix : {16U, 48U, 4096U, 65536U}) {
    for (const Size alignment : {1U, 16U, 64U, 4096U, 65536U}) {
      this->allocate({.size = 40, .alignment = alignment, .prefix = prefix});
    }
  }
}

TYPED_TEST(AllocatorConformance, PutsAPrefixBelowTheBlockOnFreeBlocks) {
  const Address large = this->allocate(8 * kMaxAlignment);
  this->exhaust();
  this->deallocate(large);
  for (const Size prefix : {16U, 48U, 4096U, 65536U}) {
    for (const Size alignment : {16U, 4096U, 65536U}) {
      const Layout layout{.size = 40, .alignment = alignment, .prefix = prefix};
      this->deallocate(this->allocate(layout));
    }
  }
}

TYPED_TEST(AllocatorConformance, ReusesFreedBlocks) {
  this->begin();
  this->exhaust();
  const Address address = this->shadow_.blocks().begin()->first;
  const Layout layout = this->shadow_.blocks().begin()->second.layout;
  for (int i = 0; i < 100; ++i) {
    this->deallocate(address);
    EXPECT_EQ(this->allocate(layout), address);
  }
}

TYPED_TEST(AllocatorConformance, ReusesTheRemainderOfALargeFreeBlock) {
  const Address large = this->allocate(64 * 1024);
  this->exhaust();
  this->deallocate(large);
  Size count = 0;
  while (this->try_allocate({.size = 64}) != 0) ++count;
  EXPECT_GE(count, 512U);  // the other half covers any allocator's metadata
  if constexpr (kBlocksTakeWholeGranules<TypeParam>) {
    EXPECT_EQ(count, 1024U);
  }
}

TYPED_TEST(AllocatorConformance, DoesNotGrowOverManyShortLivedBlocks) {
  this->begin();
  const Statistics before = this->statistics();
  for (int i = 0; i < 10'000; ++i) {
    const Address address = this->heap_.allocate({.size = 1000});
    ASSERT_NE(address, 0U);
    this->heap_.deallocate(address, {.size = 1000});
  }
  EXPECT_EQ(this->statistics().heap_bytes, before.heap_bytes);
}

TYPED_TEST(AllocatorConformance, ReturnsZeroWhenExhaustedAndServesAgainAfterAFree) {
  const std::vector<Address> blocks = this->exhaust();
  const Snapshot before = snapshot_of(this->heap_);
  const std::uint64_t failures = this->statistics().failures;
  for (const Size size : {1U, 16U, 100U, 65536U}) {
    for (const Size alignment : {1U, 4096U, 65536U}) {
      EXPECT_EQ(this->heap_.allocate({.size = size, .alignment = alignment}), 0U);
      EXPECT_EQ(this->heap_.allocate({.size = size, .alignment = alignment, .prefix = 16}), 0U);
    }
  }
  EXPECT_EQ(snapshot_of(this->heap_), before);
  EXPECT_EQ(this->statistics().failures, failures + 24);

  EXPECT_TRUE(this->shadow_.verify_all());
  this->deallocate(blocks.front());
  EXPECT_NE(this->try_allocate({.size = 1000}), 0U);
  for (const Address address : std::vector(blocks.begin() + 1, blocks.end())) {
    this->deallocate(address);
  }
  EXPECT_NE(this->try_allocate({.size = 100'000}), 0U);
}

TYPED_TEST(AllocatorConformance, UsesAllMemory) {
  this->exhaust();
  const Statistics statistics = this->statistics();
  EXPECT_EQ(statistics.free_bytes, 0U);
  const Size there_is = this->pages().end() - this->pages().begin();
  EXPECT_GT(statistics.heap_bytes, there_is - kPageBytes / 2);  // room for any metadata
}

// --- sizes near 2^32

TYPED_TEST(AllocatorConformance, RefusesImpossibleSizesAndChangesNothing) {
  this->allocate(100);
  this->deallocate(this->allocate(50'000));
  this->allocate(100);
  const Snapshot before = snapshot_of(this->heap_);
  for (const Size size : kImpossibleSizes) {
    for (const Size alignment : {1U, 16U, 32U, 4096U, 65536U}) {
      for (const Size prefix : {0U, 16U, 65536U}) {
        ASSERT_EQ(this->heap_.allocate({.size = size, .alignment = alignment, .prefix = prefix}),
                  0U)
            << size << " aligned to " << alignment << " above " << prefix;
        ASSERT_EQ(snapshot_of(this->heap_), before) << size;
      }
    }
  }
}

TYPED_TEST(AllocatorConformance, RefusesImpossibleSizesInItsFirstCall) {
  for (const Size size : kImpossibleSizes) EXPECT_EQ(this->heap_.allocate({.size = size}), 0U);
  EXPECT_EQ(this->statistics().failures, std::size(kImpossibleSizes));
  this->allocate(100);
}

TYPED_TEST(AllocatorConformance, RefusesToReallocateToImpossibleSizesAndChangesNothing) {
  this->allocate({.size = 40, .alignment = 64, .prefix = 16});
  this->allocate({.size = 40, .alignment = 4096, .prefix = 65536});
  this->deallocate(this->allocate(50'000));
  this->allocate(100);
  this->allocate(100);  // the last block, which may grow in place
  const Snapshot before = snapshot_of(this->heap_);
  for (const auto& [address, block] : this->shadow_.blocks()) {
    for (const Size size : kImpossibleSizes) {
      ASSERT_EQ(this->heap_.reallocate(address, block.layout, size), 0U)
          << size << " for block " << address;
      ASSERT_EQ(snapshot_of(this->heap_), before) << size << " for block " << address;
    }
  }
}

TYPED_TEST(AllocatorConformance, RefusesToReallocateTheLastBlockToImpossibleSizesWithAPrefix) {
  this->allocate({.size = 100, .prefix = 16});
  const auto& [address, block] = *this->shadow_.blocks().begin();
  const Snapshot before = snapshot_of(this->heap_);
  for (const Size size : kImpossibleSizes) {
    ASSERT_EQ(this->heap_.reallocate(address, block.layout, size), 0U) << size;
    ASSERT_EQ(snapshot_of(this->heap_), before) << size;
  }
}

// --- reallocate

TYPED_TEST(AllocatorConformance, ReallocationKeepsContents) {
  for (const Size alignment : {1U, 16U, 64U, 4096U, 65536U}) {
    for (const Size prefix : {0U, 16U, 4096U}) {
      Address address = this->allocate({.size = 50, .alignment = alignment, .prefix = prefix});
      for (const Size size : {100U, 5000U, 4000U, 0U, 3U, 80'000U, 80'000U, 81'000U, 17U}) {
        address = this->reallocate(address, size);
        this->allocate(size % 100);  // blocks growth in place
      }
    }
  }
}

TYPED_TEST(AllocatorConformance, ReallocationOfTheLastBlockKeepsContents) {
  Address address = this->allocate(1);
  for (const Size size : {100U, 5000U, 400'000U, 0U, 3U, 80'000U, 1'000'000U, 17U}) {
    address = this->reallocate(address, size);
  }
}

TYPED_TEST(AllocatorConformance, ReallocationKeepsAlignment) {
  for (const Size alignment : all_alignments()) {
    const Address address = this->allocate({.size = 20, .alignment = alignment});
    this->allocate(16);
    this->reallocate(address, 2000);  // the shadow heap looks at the alignment
  }
}

TYPED_TEST(AllocatorConformance, ReallocationFreesTheOldBlock) {
  Address address = this->allocate(50'000);
  this->exhaust();
  for (Size size = 40'000; size >= 10'000; size -= 10'000) {
    address = this->reallocate(address, size);
  }
  EXPECT_NE(this->try_allocate({.size = 9'000}), 0U);
}

TYPED_TEST(AllocatorConformance, FailedReallocationLeavesTheBlockAsItWas) {
  this->exhaust();
  const Snapshot before = snapshot_of(this->heap_);
  const std::uint64_t failures = this->statistics().failures;
  Size calls = 0;
  for (const auto& [address, block] : this->shadow_.blocks()) {
    EXPECT_EQ(this->heap_.reallocate(address, block.layout, block.layout.size + kGranule), 0U);
    EXPECT_EQ(this->heap_.reallocate(address, block.layout, 2 * kHeapPages * kPageBytes), 0U);
    calls += 2;
  }
  EXPECT_EQ(snapshot_of(this->heap_), before);
  EXPECT_EQ(this->statistics().failures, failures + calls);
}

// --- reset and owns

TYPED_TEST(AllocatorConformance, ResetOfAnUnusedHeapDoesNothing) {
  this->reset();
  EXPECT_EQ(this->statistics().heap_bytes, 0U);
  EXPECT_TRUE(extents_of(this->heap_).empty());
  this->allocate(100);
}

TYPED_TEST(AllocatorConformance, ResetMakesAllMemoryFree) {
  const std::size_t count = this->exhaust().size();
  const Statistics before = this->statistics();
  this->reset();
  const Statistics after = this->statistics();
  EXPECT_EQ(after.live_blocks, 0U);
  EXPECT_EQ(after.live_bytes, 0U);
  EXPECT_EQ(after.allocations, before.allocations);
  EXPECT_EQ(after.frees, before.allocations);
  EXPECT_EQ(after.heap_bytes, before.heap_bytes);
  EXPECT_EQ(after.free_bytes, before.heap_bytes);
  EXPECT_EQ(after.peak_live_bytes, before.peak_live_bytes);
  EXPECT_LE(this->exhaust().size(), count);  // perhaps in larger pieces
  EXPECT_EQ(this->statistics().free_bytes, 0U);
  EXPECT_EQ(this->statistics().growths, before.growths);
}

TYPED_TEST(AllocatorConformance, OwnsTheBytesOfItsBlocks) {
  for (const Size size : kSizes) this->allocate({.size = size, .prefix = 16});
  for (const auto& [address, block] : this->shadow_.blocks()) {
    EXPECT_TRUE(this->heap_.owns(address, block.layout.size)) << address;
    EXPECT_TRUE(this->heap_.owns(address - 16, block_size(block.layout))) << address;
    EXPECT_TRUE(this->heap_.owns(address, 1)) << address;
  }
}

TYPED_TEST(AllocatorConformance, OwnsNothingElse) {
  EXPECT_FALSE(this->heap_.owns(0, 1));
  EXPECT_FALSE(this->heap_.owns(this->pages().begin(), 1));
  const Address address = this->allocate(100);
  EXPECT_FALSE(this->heap_.owns(0, 1));
  EXPECT_FALSE(this->heap_.owns(0, 0xFFFF'FFFF));
  EXPECT_FALSE(this->heap_.owns(this->pages().begin() - kGranule, kGranule));
  EXPECT_FALSE(this->heap_.owns(this->pages().end(), 1));
  EXPECT_FALSE(this->heap_.owns(this->pages().end() - kGranule, 2 * kGranule));
  EXPECT_FALSE(this->heap_.owns(0xFFFF'FFF0, kGranule));
  for (const Size size : kImpossibleSizes) EXPECT_FALSE(this->heap_.owns(address, size)) << size;
}

TYPED_TEST(AllocatorConformance, OwnsAllOfItsMemory) {
  this->begin();
  for (const Extent& extent : extents_of(this->heap_)) {
    EXPECT_TRUE(this->heap_.owns(extent.begin, extent.size));
  }
  EXPECT_TRUE(this->heap_.owns(this->pages().end() - kGranule, kGranule));
}

TYPED_TEST(AllocatorConformance, HasHandedOutItsBlocksButNotTheSlack) {
  EXPECT_FALSE(this->heap_.has_handed_out(this->pages().begin(), 1));
  const Address address = this->allocate(100);
  EXPECT_TRUE(this->heap_.has_handed_out(address, 100));
  EXPECT_FALSE(this->heap_.has_handed_out(0, 1));
  EXPECT_FALSE(this->heap_.has_handed_out(this->pages().begin() - kGranule, kGranule));
  EXPECT_FALSE(this->heap_.has_handed_out(this->pages().end(), 1));
  if (this->statistics().slack_bytes != 0) {
    EXPECT_FALSE(this->heap_.has_handed_out(this->pages().end() - kGranule, kGranule));
    EXPECT_FALSE(this->heap_.has_handed_out(address, this->pages().end() - address));
  }
  for (const Size size : kImpossibleSizes) {
    EXPECT_FALSE(this->heap_.has_handed_out(address, size)) << size;
  }
}

// --- introspection

TYPED_TEST(AllocatorConformance, StatisticsStartAtZero) {
  EXPECT_EQ(this->statistics(), Statistics{});
  EXPECT_TRUE(extents_of(this->heap_).empty());
  EXPECT_FALSE(this->heap_.find_corruption());
}

TYPED_TEST(AllocatorConformance, StatisticsCountCalls) {
  const Address first = this->allocate(100);
  const Address second = this->allocate(0);
  EXPECT_EQ(this->heap_.allocate({.size = 0xFFFF'FFFF}), 0U);
  EXPECT_EQ(this->heap_.reallocate(first, {.size = 100}, 0xFFFF'FFFF), 0U);
  this->reallocate(first, 5000);
  this->deallocate(second);
  const Statistics statistics = this->statistics();
  EXPECT_EQ(statistics.allocations, 2U);
  EXPECT_EQ(statistics.frees, 1U);
  EXPECT_EQ(statistics.failures, 2U);
  EXPECT_EQ(statistics.live_blocks, 1U);
}

TYPED_TEST(AllocatorConformance, StatisticsCountLiveBytesWithoutPrefixes) {
  const Address first = this->allocate({.size = 96, .prefix = 4096});
  EXPECT_GE(this->statistics().live_bytes, 96U);
  EXPECT_LT(this->statistics().live_bytes, 96U + 4096U);
  this->reallocate(first, 9600);
  EXPECT_GE(this->statistics().live_bytes, 9600U);
  const Size used_bytes = bytes_in(extents_of(this->heap_), Extent::State::kUsed);
  EXPECT_GE(used_bytes, 9600U + 4096U);
  const Address moved = this->shadow_.blocks().begin()->first;
  this->deallocate(moved);
  EXPECT_EQ(this->statistics().live_bytes, 0U);
}

TYPED_TEST(AllocatorConformance, StatisticsKeepThePeak) {
  const Address first = this->allocate(4096);
  const Address second = this->allocate(8192);
  const Size peak = this->statistics().live_bytes;
  this->deallocate(first);
  EXPECT_EQ(this->statistics().peak_live_bytes, peak);
  const Address larger = this->reallocate(second, 65536);
  const Size later_peak = this->statistics().live_bytes;
  EXPECT_GT(later_peak, peak);
  this->deallocate(larger);
  EXPECT_EQ(this->statistics().peak_live_bytes, later_peak);
  EXPECT_EQ(this->statistics().live_bytes, 0U);
}

TYPED_TEST(AllocatorConformance, LargestFreeBlockIsKnownAfterEveryCall) {
  std::vector<Address> blocks;
  for (Size i = 1; i <= 20; ++i) {
    blocks.push_back(this->allocate(i * 4096));
    this->allocate(16);
  }
  for (const Address block : blocks) {
    this->deallocate(block);
    ASSERT_TRUE(is_sound(this->heap_, this->shadow_));  // compares it with the walk's
  }
  for (Size i = 20; i >= 1; --i) {
    this->allocate(i * 4096 - 64);
    ASSERT_TRUE(is_sound(this->heap_, this->shadow_));
  }
}

TYPED_TEST(AllocatorConformance, AWalkCoversTheHeapAtEveryStep) {
  std::vector<Address> blocks;
  for (const Size size : kSizes) {
    blocks.push_back(this->allocate({.size = size, .alignment = size % 2 == 0 ? 64U : 4096U}));
    ASSERT_TRUE(is_sound(this->heap_, this->shadow_));
  }
  for (std::size_t i = 0; i < blocks.size(); i += 2) {
    this->deallocate(blocks[i]);
    ASSERT_TRUE(is_sound(this->heap_, this->shadow_));
  }
  for (std::size_t i = 1; i < blocks.size(); i += 2) {
    this->reallocate(blocks[i], 500);
    ASSERT_TRUE(is_sound(this->heap_, this->shadow_));
  }
}

TYPED_TEST(AllocatorConformance, ACursorAtItsEndRemainsThere) {
  this->allocate(100);
  auto cursor = this->heap_.walk();
  Extent extent;
  while (cursor.next(extent)) {
  }
  const Extent last = extent;
  EXPECT_FALSE(cursor.next(extent));
  EXPECT_EQ(extent, last);
}

// Two heaps with the same history, one of which the test inspects all the time.
TYPED_TEST(AllocatorConformance, InspectionChangesNothing) {
  Random random;
  TypeParam unseen;
  std::vector<std::pair<Address, Layout>> blocks;
  for (int i = 0; i < 2000; ++i) {
    if (blocks.size() > 40 || (!blocks.empty() && random.one_in(3))) {
      const auto block = blocks.begin() + random.below(static_cast<Size>(blocks.size()));
      this->heap_.deallocate(block->first, block->second);
      unseen.deallocate(block->first, block->second);
      blocks.erase(block);
    } else {
      const Layout layout{.size = random.log_uniform(15), .alignment = random.alignment()};
      const Address address = this->heap_.allocate(layout);
      ASSERT_EQ(address, unseen.allocate(layout)) << "operation " << i;
      if (address != 0) blocks.emplace_back(address, layout);
    }
    static_cast<void>(snapshot_of(this->heap_));
    ASSERT_FALSE(this->heap_.find_corruption());
  }
  this->reset();
}

}  // namespace
}  // namespace lite_alloc::test
