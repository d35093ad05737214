// SPDX-License-Identifier: MIT
//
// The size classes of `SegregatedFit`, above all those from 513 to 1008 bytes, which lie further
// apart than 16 bytes.

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <utility>
#include <vector>

#include "lite_alloc/heap/segregated_fit.hpp"
#include "support/heap_test.hpp"
#include "support/slab_sizes.hpp"

namespace lite_alloc::test {
namespace {

using Heap = SegregatedFit<HostPages>;

constexpr Size kTag = 4;
constexpr Size kSlab = 4096;
constexpr Size kBytesOfBlocks = kSlab - kGranule - kTag;  // a slab has a head, and a tag above it

[[nodiscard]] constexpr Size chunk_of(Size size) { return align_up(size + kTag, kGranule); }

/// Returns the size of the place that a new block of `size` bytes gets.
[[nodiscard]] constexpr Size usable_of(Size size) {
  return size <= kMaxSmall ? usable_in_slab(size) : chunk_of(size) - kTag;
}

template <typename AnyHeap>
class SizeClasses : public testing::Test {};
using Heaps = testing::Types<Heap, SegregatedFit<HostPages, NoTracking>,
                             SegregatedFit<HostPages, NoTracking, Hardened>>;
TYPED_TEST_SUITE(SizeClasses, Heaps);

TYPED_TEST(SizeClasses, AreTheSmallestWithRoomForEachSize) {
  using Parts = typename TypeParam::Parts;
  EXPECT_EQ(Parts::kMaxSmall, kMaxSmall);
  const std::vector<Size> classes = sizes_in_slabs();
  for (Size size = 1; size <= kMaxSmall; ++size) {
    const Size smallest = *std::lower_bound(classes.begin(), classes.end(), size);
    ASSERT_EQ(Parts::class_for(size) * kGranule, smallest) << size;
    ASSERT_EQ(usable_in_slab(size), smallest) << size;
  }
}

TYPED_TEST(SizeClasses, LeaveNoRoomForLargerBlocksInASlab) {
  using Parts = typename TypeParam::Parts;
  for (const Size size : kCoarseSizes) {
    const Size count = kBytesOfBlocks / size;
    EXPECT_EQ(Parts::blocks_in_slab(size / kGranule), count) << size;
    EXPECT_LT(kBytesOfBlocks / (size + kGranule), count) << size;
  }
}

TYPED_TEST(SizeClasses, StartABlockWhereADivisionSaysSoAndOtherNumbersNowhere) {
  using Parts = typename TypeParam::Parts;
  for (Size size_class = 1; size_class <= kMaxSmall / kGranule; ++size_class) {
    const Size size = size_class * kGranule;
    for (const Address slab : {Address{0}, 17 * kSlab, Address{0xFFFF'F000}}) {
      for (Size place = 0; place < kSlab; ++place) {
        const Size offset = place - kGranule;
        const bool starts = usable_in_slab(size) == size && place >= kGranule &&
                            offset % size == 0 && offset / size < kBytesOfBlocks / size;
        ASSERT_EQ(Parts::is_block_start(slab + place, size_class), starts)
            << "class " << size_class << ", at " << slab << " + " << place;
      }
    }
  }
}

TYPED_TEST(SizeClasses, EndWhereBlocksFillChunks) {
  TypeParam heap;
  for (Size size = 1; size <= kMaxSmall + 100; ++size) {
    EXPECT_EQ(heap.usable_size(heap.malloc(size)), usable_of(size)) << size;
  }
}

class SegregatedFitClassesTest : public HeapTest<Heap> {
 protected:
  /// The sizes at the edges of the classes, and some between them.
  static constexpr Size kSizes[] = {500, 512, 513, 560, 576,  577,  672, 673,
                                    730, 800, 801, 900, 1008, 1009, 2000};

  /// Allocates the blocks of one slab. Requires that the class has no free block.
  std::vector<Address> fill_slab(Size size) {
    std::vector<Address> blocks;
    for (Size i = 0; i < kBytesOfBlocks / size; ++i) blocks.push_back(allocate(size));
    return blocks;
  }
};

TEST_F(SegregatedFitClassesTest, CapacityIsWhatABlockHasInASlabAndInAChunk) {
  for (const Size alignment : {1U, 16U, 32U, 4096U}) {
    for (Size size = 0; size <= kMaxSmall + 100; ++size) {
      for (const Size prefix : {0U, 16U, 512U}) {
        const Layout layout{.size = size, .alignment = alignment, .prefix = prefix};
        const Address block = allocate(layout);
        const Size usable = heap_.usable_size(block - prefix);
        const Size whole = std::max<Size>(size, 1) + prefix;
        const Size in_chunk = round_to_granules(whole + 4) - 4;
        ASSERT_EQ(Heap::capacity(layout), std::min(usable, in_chunk) - prefix)
            << size << " above " << prefix << ", aligned to " << alignment;
        ASSERT_TRUE(Heap::can_be_usable_size(usable, layout));
        ASSERT_TRUE(Heap::can_be_usable_size(in_chunk, layout));
        ASSERT_FALSE(Heap::can_be_usable_size(std::max(usable, in_chunk) + 1, layout));
        deallocate(block);
      }
    }
  }
}

TEST_F(SegregatedFitClassesTest, ABlockThatNoSlabHasRoomForHasItsCapacity) {
  while (try_allocate({.size = 5000}) != 0) {
  }
  for (const Size size : kSizes) {
    const Layout layout{.size = size};
    const Address block = try_allocate(layout);
    if (block == 0) continue;
    EXPECT_GE(heap_.usable_size(block), Heap::capacity(layout)) << size;
    EXPECT_TRUE(Heap::can_be_usable_size(heap_.usable_size(block), layout)) << size;
  }
}

TEST_F(SegregatedFitClassesTest, ABlockMovesOnlyToALargerClass) {
  for (const Size from : kSizes) {
    for (const Size to : kSizes) {
      const Address block = allocate(from);
      allocate(2000);  // so a block that fills a chunk cannot grow
      const Size before = heap_.usable_size(block);
      const Address moved = reallocate(block, to);  // the shadow heap compares the contents
      if (to <= before) {
        EXPECT_EQ(moved, block) << from << " to " << to;
      } else {
        EXPECT_NE(moved, block) << from << " to " << to;
        EXPECT_EQ(heap_.usable_size(moved), usable_of(to)) << from << " to " << to;
        EXPECT_EQ(heap_.free(block), FreeResult::kAlreadyFree) << from << " to " << to;
      }
      if (from <= kMaxSmall && moved == block) {
        EXPECT_EQ(heap_.usable_size(block), before) << from << " to " << to;
      }
      reset();
    }
  }
}

TEST_F(SegregatedFitClassesTest, StatisticsCountTheUsableSizes) {
  Size live_bytes = 0;
  for (const Size size : kSizes) {
    allocate(size);
    live_bytes += usable_of(size);
    EXPECT_EQ(statistics().live_bytes, live_bytes) << size;
  }
  EXPECT_EQ(statistics().peak_live_bytes, live_bytes);
  while (!shadow_.blocks().empty()) {
    const Address block = shadow_.blocks().begin()->first;
    live_bytes -= heap_.usable_size(block);
    deallocate(block);
    EXPECT_EQ(statistics().live_bytes, live_bytes) << block;
  }
  EXPECT_EQ(live_bytes, 0U);
}

TEST_F(SegregatedFitClassesTest, StatisticsFollowABlockFromClassToClass) {
  Address block = allocate(kSizes[0]);
  for (const Size size : kSizes) {
    block = reallocate(block, size);
    EXPECT_EQ(statistics().live_bytes, heap_.usable_size(block)) << size;
    EXPECT_EQ(statistics().live_blocks, 1U) << size;
  }
}

TEST_F(SegregatedFitClassesTest, AWalkShowsTheBlocksOfASlab) {
  for (const Size size : kCoarseSizes) {
    const std::vector<Address> blocks = fill_slab(size);
    const Address slab = align_down(blocks.front(), kSlab);
    deallocate(blocks[1]);
    std::vector<Extent> expected{{slab, kGranule, Extent::State::kUsed}};
    for (Size i = 0; i < blocks.size(); ++i) {
      const Extent::State state = i == 1 ? Extent::State::kFree : Extent::State::kUsed;
      expected.push_back({slab + kGranule + i * size, size, state});
    }
    const Address end = expected.back().end();
    expected.push_back({end, slab + kSlab - end, Extent::State::kUsed});
    std::vector<Extent> shown = extents_of(heap_);
    std::erase_if(shown,
                  [&](const Extent& extent) { return extent.begin / kSlab != slab / kSlab; });
    EXPECT_EQ(shown, expected) << size;
    reset();
  }
}

TEST_F(SegregatedFitClassesTest, TheCheckFindsAnOverwrittenFreeBlock) {
  for (const Size size : kCoarseSizes) {
    for (const Address block : fill_slab(size)) {
      deallocate(block);
      ASSERT_FALSE(heap_.find_corruption()) << size;
      for (const Size offset : {0U, 4U}) {  // the link and the mark
        auto& word = *pages().at<std::uint32_t>(block + offset);
        const std::uint32_t right = std::exchange(word, 0x4141'4141U);
        EXPECT_TRUE(heap_.find_corruption()) << size << ", at " << block << " + " << offset;
        word = right;
      }
    }
  }
}

TEST_F(SegregatedFitClassesTest, FreedBlocksServeAgainBeforeMemoryGrows) {
  pages().refuse_growth(true);
  for (const Size size : kCoarseSizes) {
    std::set<Address> freed;
    for (const Address block : exhaust(size)) {
      if (heap_.usable_size(block) != size) continue;
      deallocate(block);
      freed.insert(block);
    }
    EXPECT_GT(freed.size(), 20U) << size;
    // The smallest request of the class fills the same blocks.
    for (std::size_t i = freed.size(); i != 0; --i) {
      EXPECT_EQ(freed.erase(allocate(size - 60)), 1U) << size;
    }
    reset();
  }
}

}  // namespace
}  // namespace lite_alloc::test
