// SPDX-License-Identifier: MIT
//
// Tests `SegregatedFit` where memory cannot grow, and with pages that other code added.

#include <gtest/gtest.h>

#include <cstring>
#include <vector>

#include "lite_alloc/heap/segregated_fit.hpp"
#include "lite_alloc/inspect/check.hpp"
#include "lite_alloc/memory/host_memory.hpp"

namespace lite_alloc {
namespace {

constexpr HostMemory::Options kSixteenMegabytes = {.initial_pages = 4, .maximum_pages = 256};

template <typename Heap>
void fill_and_free(Heap& heap, Size size) {
  std::vector<Address> blocks;
  for (Address block; (block = heap.malloc(size)) != 0;) blocks.push_back(block);
  for (const Address block : blocks) ASSERT_EQ(heap.free(block), FreeResult::kFreed);
}

template <typename Heap>
class SegregatedFitMemory : public testing::Test {};

using Heaps = testing::Types<SegregatedFit<HostMemory>, SegregatedFit<HostMemory, NoTracking>,
                             SegregatedFit<HostMemory, NoTracking, Hardened>>;
TYPED_TEST_SUITE(SegregatedFitMemory, Heaps);

TYPED_TEST(SegregatedFitMemory, OneBlockGetsNineTenthsOnceAllIsFreed) {
  for (const Size size : {16U, 40U, 500U, 700U, 1000U, 3000U}) {
    TypeParam heap(kSixteenMegabytes);
    const Address early = heap.malloc(40);
    fill_and_free(heap, size);
    const Address large = heap.malloc(15'000'000);
    EXPECT_NE(large, 0U) << size;
    EXPECT_EQ(heap.free(large), FreeResult::kFreed);
    EXPECT_EQ(heap.free(early), FreeResult::kFreed);
    fill_and_free(heap, size);
    if constexpr (requires { heap.find_corruption(); }) {
      EXPECT_FALSE(heap.find_corruption());
    }
  }
}

TYPED_TEST(SegregatedFitMemory, ReallocTakesTheFreeBlockBelowBeforeMemoryGrows) {
  TypeParam heap(HostMemory::Options{.initial_pages = 32, .maximum_pages = 64});
  const Address below = heap.malloc(700'000);
  const Address block = heap.malloc(700'000);
  std::memset(heap.pages().template at<std::byte>(block), 7, 700'000);
  const Address end = heap.pages().end();
  EXPECT_EQ(heap.free(below), FreeResult::kFreed);
  const Address moved = heap.realloc(block, 1'900'000);
  EXPECT_EQ(moved, below);
  EXPECT_EQ(heap.pages().end(), end);
  EXPECT_EQ(*heap.pages().template at<unsigned char>(moved + 699'999), 7);
}

TYPED_TEST(SegregatedFitMemory, ReallocReclaimsEmptySlabsBeforeMemoryGrows) {
  TypeParam heap(HostMemory::Options{.initial_pages = 8, .maximum_pages = 16});
  std::vector<Address> small;
  for (int count = 0; count < 400; ++count) small.push_back(heap.malloc(500));
  Address block = heap.malloc(100'000);
  const Address end = heap.pages().end();
  for (const Address address : small) EXPECT_EQ(heap.free(address), FreeResult::kFreed);
  block = heap.realloc(block, 300'000);
  EXPECT_NE(block, 0U);
  EXPECT_EQ(heap.pages().end(), end);
}

class AllPages : public HostMemory {
 public:
  using HostMemory::HostMemory;
  static constexpr bool kOwnsAllPages = true;
};

TEST(SegregatedFitOfAllPages, TakesPagesThatOtherCodeAddedBeforeItGrows) {
  SegregatedFit<AllPages, NoTracking> heap(
      HostMemory::Options{.initial_pages = 1, .maximum_pages = 64});
  Address block = heap.malloc(2000);
  ASSERT_TRUE(heap.pages().grow(40 * kPageBytes));
  const Address end = heap.pages().end();
  block = heap.realloc(block, 38 * kPageBytes);
  EXPECT_NE(block, 0U);
  EXPECT_EQ(heap.pages().end(), end);
}

TEST(SegregatedFitOfAllPages, ExtendsTheLastBlockInPlaceUntilAnotherLiesBehind) {
  SegregatedFit<AllPages, NoTracking> heap(
      HostMemory::Options{.initial_pages = 1, .maximum_pages = 64});
  const Address last = heap.allocate_last(100);
  EXPECT_TRUE(heap.resize_in_place(last, 20 * kPageBytes));
  EXPECT_GE(heap.usable_size(last), 20 * kPageBytes);
  const Address behind = heap.allocate_last(100);
  EXPECT_GT(behind, last);
  EXPECT_FALSE(heap.resize_in_place(last, 40 * kPageBytes));
  EXPECT_FALSE(heap.resize_in_place(behind, 100 * kPageBytes));
  EXPECT_TRUE(heap.resize_in_place(behind, 30 * kPageBytes));
}

TEST(SegregatedFitInPlace, ResizesLiveChunksAlone) {
  SegregatedFit<HostMemory> heap(HostMemory::Options{.initial_pages = 1, .maximum_pages = 64});
  const Address small = heap.malloc(100);
  const Address large = heap.malloc(5000);
  const Size small_bytes = heap.usable_size(small);
  EXPECT_FALSE(heap.resize_in_place(small, 200)) << "it lies in a slab";
  EXPECT_FALSE(heap.resize_in_place(0, 200));
  EXPECT_FALSE(heap.resize_in_place(large + 16, 200));
  EXPECT_EQ(heap.usable_size(small), small_bytes);
  EXPECT_EQ(heap.free(large), FreeResult::kFreed);
  EXPECT_FALSE(heap.resize_in_place(large, 200)) << "it is free";
  EXPECT_FALSE(find_corruption(heap));
}

TEST(SegregatedFitOfAllPages, KnowsItsBlocksWithTracking) {
  SegregatedFit<AllPages> heap(HostMemory::Options{.initial_pages = 1, .maximum_pages = 64});
  for (const Size size : {40U, 5000U, 3U * kPageBytes}) {
    const Address block = heap.malloc(size);
    const Address other = heap.malloc(size);
    ASSERT_TRUE(heap.pages().grow(kPageBytes));
    EXPECT_TRUE(heap.is_live(block));
    EXPECT_EQ(heap.free(block + kGranule), FreeResult::kNotABlock);
    EXPECT_EQ(heap.free(block), FreeResult::kFreed);
    EXPECT_EQ(heap.free(block), FreeResult::kAlreadyFree);
    EXPECT_EQ(heap.free(other), FreeResult::kFreed);
    EXPECT_EQ(heap.realloc(other, size), 0U);
  }
  EXPECT_EQ(heap.live_blocks(), 0U);
  EXPECT_FALSE(heap.find_corruption());
}

TEST(SegregatedFitOfAllPages, AlignsToAnyPowerOfTwoThatMemoryHolds) {
  SegregatedFit<AllPages, NoTracking> heap(
      HostMemory::Options{.initial_pages = 1, .maximum_pages = 256});
  for (Size alignment = 1; alignment <= 4U << 20; alignment *= 2) {
    const Address block = heap.memalign(alignment, 1000);
    EXPECT_NE(block, 0U) << alignment;
    EXPECT_EQ(block % alignment, 0U);
    EXPECT_EQ(heap.free(block), FreeResult::kFreed);
  }
  for (Size alignment = 1; alignment != 0; alignment *= 2) {
    EXPECT_EQ(heap.memalign(alignment, 0 - alignment), 0U);
    EXPECT_EQ(heap.memalign(alignment, ~Size{0}), 0U);
  }
  EXPECT_EQ(heap.memalign(48, 10), 0U);
}

}  // namespace
}  // namespace lite_alloc
