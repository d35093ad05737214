// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <vector>

#include "lite_alloc/inspect/walk.hpp"
#include "support/heap_inspection.hpp"
#include "support/random.hpp"

namespace lite_alloc::test {
namespace {

template <typename Heap>
class BlockWalkTest : public testing::Test {
 protected:
  [[nodiscard]] std::vector<Block> blocks() {
    std::vector<Block> blocks;
    BlockWalk<Heap> walk(heap_);
    for (Block block; walk.next(block);) blocks.push_back(block);
    return blocks;
  }

  /// Returns the block that a walk shows at `address`; an empty one if none begins there.
  [[nodiscard]] Block block_at(Address address) {
    for (const Block& block : blocks()) {
      if (block.address == address) return block;
    }
    return {};
  }

  /// Returns the live blocks with a header that a walk shows, by address.
  [[nodiscard]] std::map<Address, Size> headered() {
    std::map<Address, Size> headered;
    for (const Block& block : blocks()) {
      if (!block.has_header) continue;
      EXPECT_EQ(block.state, Extent::State::kUsed);
      EXPECT_TRUE(headered.emplace(block.address, block.size).second);
    }
    return headered;
  }

  /// Checks whether the blocks cover every region from its start to its end, except the header of
  /// the region's first block.
  [[nodiscard]] testing::AssertionResult is_gapless() {
    const std::vector<Block> all = blocks();
    auto block = all.begin();
    for (const Extent& region : regions()) {
      Address position = region.begin;
      if (block != all.end() && block->has_header) position += kGranule;
      for (; block != all.end() && block->address < region.end(); ++block) {
        if (block->address != position || block->size == 0) {
          return testing::AssertionFailure()
                 << "block " << block->address << " does not follow " << position;
        }
        position = block->address + block->size;
      }
      if (position != region.end()) {
        return testing::AssertionFailure()
               << "the blocks end at " << position << ", their region at " << region.end();
      }
    }
    if (block != all.end())
      return testing::AssertionFailure() << "a block lies outside all regions";
    return testing::AssertionSuccess();
  }

  [[nodiscard]] std::vector<Extent> regions() {
    std::vector<Extent> regions;
    for (const Extent& extent : extents_of(heap_.allocator())) {
      if (regions.empty() || regions.back().end() != extent.begin) {
        regions.push_back(extent);
      } else {
        regions.back().size += extent.size;
      }
    }
    return regions;
  }

  MallocAdaptor<Heap> heap_;
};
TYPED_TEST_SUITE(BlockWalkTest, HeapsToStandOn, HeapName);

TYPED_TEST(BlockWalkTest, AnUntouchedHeapHasNoBlocks) {
  EXPECT_TRUE(this->blocks().empty());
  BlockWalk<TypeParam> walk(this->heap_);
  Block block;
  EXPECT_FALSE(walk.next(block));
  EXPECT_FALSE(walk.next(block));
}

TYPED_TEST(BlockWalkTest, ShowsEachBlockWithAHeaderAtItsAddress) {
  std::map<Address, Size> live;
  for (const Size size : {0U, 1U, 100U, 4096U, 70'000U}) {
    const Address address = this->heap_.malloc(size);
    live[address] = this->heap_.usable_size(address);
  }
  const Address aligned = this->heap_.memalign(4096, 100);
  live[aligned] = this->heap_.usable_size(aligned);

  const std::map<Address, Size> shown = this->headered();
  ASSERT_EQ(shown.size(), live.size());
  for (const auto& [address, size] : live) {
    ASSERT_TRUE(shown.contains(address)) << address;
    EXPECT_GE(shown.at(address), size);
    EXPECT_LE(shown.at(address), size + kGranule) << "with the next block's header";
  }
  EXPECT_TRUE(this->is_gapless());
}

TYPED_TEST(BlockWalkTest, ShowsFreeBlocksAsFree) {
  const Address first = this->heap_.malloc(1000);
  const Address second = this->heap_.malloc(1000);
  static_cast<void>(this->heap_.malloc(1000));
  this->heap_.free(second);
  EXPECT_EQ(this->block_at(first).size, 1008U);
  const Block free = this->block_at(second - kGranule);  // where its header was
  EXPECT_EQ(free.size, 1008U + 2 * kGranule);
  EXPECT_EQ(free.state, Extent::State::kFree);
  EXPECT_FALSE(free.has_header);
  EXPECT_TRUE(this->is_gapless());
}

TYPED_TEST(BlockWalkTest, ShowsNeighboursOfTheSizedCallsAsOneBlock) {
  const Address first = this->heap_.allocator().allocate({.size = 64});
  const Address second = this->heap_.allocator().allocate({.size = 64});
  EXPECT_EQ(std::max(first, second), std::min(first, second) + 64);
  const Address headered = this->heap_.malloc(64);
  const Address last = this->heap_.allocator().allocate({.size = 64});
  const Block both = this->block_at(std::min(first, second));
  EXPECT_GE(both.size, 128U);
  EXPECT_LE(both.size, 128U + kGranule) << "with the next block's header";
  EXPECT_EQ(both.state, Extent::State::kUsed);
  EXPECT_FALSE(both.has_header);
  EXPECT_TRUE(this->block_at(headered).has_header);
  if constexpr (kBlocksTakeWholeGranules<TypeParam>) {
    EXPECT_NE(this->block_at(last).size, 0U);
    EXPECT_FALSE(this->block_at(last).has_header);
  }
  EXPECT_TRUE(this->is_gapless());
}

TYPED_TEST(BlockWalkTest, IgnoresAHeaderWhoseBlockWouldLeaveItsExtent) {
  // A sized call that frees a block of malloc leaves the block's header in memory.
  const Address headered = this->heap_.malloc(64);
  auto& sized = this->heap_.allocator();
  const Layout layout{.size = this->heap_.usable_size(headered), .prefix = kGranule};
  sized.deallocate(headered, layout);
  const Address smaller = sized.allocate({.size = 64});
  EXPECT_TRUE(this->headered().empty());
  EXPECT_TRUE(this->is_gapless());
  sized.deallocate(smaller, {.size = 64});
}

TYPED_TEST(BlockWalkTest, ShowsEveryRegion) {
  if constexpr (GrowingPages<std::remove_cvref_t<decltype(this->heap_.allocator().pages())>>) {
    std::map<Address, Size> live;
    for (Size i = 0; i < 4; ++i) {
      const Address large = this->heap_.malloc(6 * kPageBytes);
      const Address small = this->heap_.malloc(i);
      live[large] = this->heap_.usable_size(large);
      live[small] = this->heap_.usable_size(small);
      this->heap_.allocator().pages().grow_as_other_code(1);
    }
    EXPECT_EQ(this->regions().size(), 4U);
    const std::map<Address, Size> shown = this->headered();
    ASSERT_EQ(shown.size(), live.size());
    for (const auto& [address, size] : live) EXPECT_TRUE(shown.contains(address)) << address;
  } else {
    static_cast<void>(this->heap_.malloc(100));
    EXPECT_EQ(this->regions().size(), 1U);
  }
  EXPECT_TRUE(this->is_gapless());
}

TYPED_TEST(BlockWalkTest, ShowsAFullHeapToItsLastByte) {
  while (this->heap_.malloc(kPageBytes) != 0) {
  }
  while (this->heap_.malloc(1) != 0) {
  }
  EXPECT_EQ(this->headered().size(), this->heap_.live_blocks());
  EXPECT_TRUE(this->is_gapless());
}

TYPED_TEST(BlockWalkTest, ShowsLiveBlocksAmongFreeAndSizedOnes) {
  Random random;
  std::map<Address, Size> live;
  std::map<Address, Size> raw;
  for (int i = 0; i < 1000; ++i) {
    const Size size = random.log_uniform(12);
    if (random.one_in(3) && !live.empty()) {
      const auto block = std::next(live.begin(), random.below(static_cast<Size>(live.size())));
      ASSERT_EQ(this->heap_.free(block->first), FreeResult::kFreed);
      live.erase(block);
    } else if (random.one_in(3) && !raw.empty()) {
      const auto block = std::next(raw.begin(), random.below(static_cast<Size>(raw.size())));
      this->heap_.allocator().deallocate(block->first, {.size = block->second});
      raw.erase(block);
    } else if (random.one_in(2)) {
      const Address address = this->heap_.memalign(random.alignment(), size);
      if (address != 0) live[address] = size;
    } else {
      const Address address = this->heap_.allocator().allocate({.size = size});
      if (address != 0) raw[address] = size;
    }
    if (i % 20 != 0) continue;
    const std::map<Address, Size> shown = this->headered();
    ASSERT_EQ(shown.size(), live.size()) << "operation " << i;
    for (const auto& [address, bytes] : live) {
      ASSERT_TRUE(shown.contains(address)) << "operation " << i;
      ASSERT_GE(shown.at(address), bytes) << "operation " << i;
    }
    ASSERT_TRUE(this->is_gapless()) << "operation " << i;
  }
}

TEST(SegregatedFitBlockWalk, ShowsEachLiveBlockOnceAndEnds) {
  SegregatedFit<HighPages> heap;
  Random random;
  std::map<Address, Size> live;
  for (int i = 0; i < 1000; ++i) {
    if (random.one_in(3) && !live.empty()) {
      const auto block = std::next(live.begin(), random.below(static_cast<Size>(live.size())));
      ASSERT_EQ(heap.free(block->first), FreeResult::kFreed);
      live.erase(block);
    } else {
      const Size size = random.log_uniform(14);
      const Address address = heap.memalign(random.alignment(), size);
      if (address != 0) live[address] = size;
    }
    if (i % 50 != 0) continue;
    std::map<Address, Size> used;
    Address end = 0;
    BlockWalk<SegregatedFit<HighPages>> walk(heap);
    for (Block block; walk.next(block);) {
      ASSERT_GE(block.address, end) << "operation " << i;
      ASSERT_NE(block.size, 0U) << "operation " << i;
      end = block.address + block.size;
      if (block.state == Extent::State::kUsed) used[block.address] = block.size;
    }
    ASSERT_EQ(used.size(), live.size()) << "operation " << i;
    for (const auto& [address, size] : live) {
      ASSERT_TRUE(used.contains(address)) << "operation " << i;
      ASSERT_GE(used.at(address), size) << "operation " << i;
    }
  }
}

}  // namespace
}  // namespace lite_alloc::test
