// SPDX-License-Identifier: MIT
//
// The adaptors need only the calls of a heap, so they also work on heaps without tracking.

#include <gtest/gtest.h>

#include <list>
#include <map>
#include <memory_resource>
#include <new>
#include <numeric>
#include <string>
#include <vector>

#include "lite_alloc/adaptors/memory_resource.hpp"
#include "lite_alloc/adaptors/standard_allocator.hpp"
#include "lite_alloc/inspect/check.hpp"
#include "lite_alloc/inspect/statistics.hpp"
#include "lite_alloc/inspect/walk.hpp"
#include "support/heaps.hpp"

namespace lite_alloc::test {
namespace {

template <template <PageSource, typename> typename Strategy, PageSource Pages>
using Untracked = Strategy<Pages, NoTracking>;
template <PageSource Pages>
using UntrackedFit = SegregatedFit<Pages, NoTracking>;

template <PageSource Pages>
using UntrackedOn = testing::Types<Untracked<BumpFreeList, Pages>, Untracked<SegregatedBump, Pages>,
                                   Untracked<FreeList, Pages>, UntrackedFit<Pages>>;
using UntrackedHeaps = Concatenate<UntrackedOn<HostPages>, UntrackedOn<FixedPages>>::Result;

template <typename Heap>
class UntrackedHeapAdaptors : public testing::Test {
 protected:
  Heap heap_;
};
TYPED_TEST_SUITE(UntrackedHeapAdaptors, UntrackedHeaps, HeapName);

TYPED_TEST(UntrackedHeapAdaptors, StandOnAnAllocatorThatCannotBeInspected) {
  static_assert(Allocator<TypeParam>);
  static_assert(!Inspectable<TypeParam>);
  static_assert(Inspectable<BumpFreeList<HostPages>> && Inspectable<SegregatedFit<HostPages>>);
}

TYPED_TEST(UntrackedHeapAdaptors, AVectorWithTheStandardAllocatorKeepsItsElementsAsItGrows) {
  std::vector<int, StandardAllocator<int, TypeParam>> numbers(this->heap_);
  for (int i = 0; i < 50'000; ++i) numbers.push_back(i);
  for (int i = 0; i < 50'000; ++i) ASSERT_EQ(numbers[static_cast<std::size_t>(i)], i);
}

TYPED_TEST(UntrackedHeapAdaptors, AListWithTheStandardAllocatorReusesTheNodesThatItFreed) {
  std::list<int, StandardAllocator<int, TypeParam>> list(this->heap_);
  for (int round = 0; round < 100; ++round) {
    for (int i = 0; i < 1000; ++i) list.push_back(i);
    ASSERT_EQ(std::accumulate(list.begin(), list.end(), 0), 499'500);
    list.clear();
  }
  const Address end = this->heap_.pages().end();
  EXPECT_LE(end - this->heap_.pages().begin(), FixedPages::kBytes);
}

TYPED_TEST(UntrackedHeapAdaptors, APmrMapOfStringsKeepsItsContents) {
  MemoryResource<TypeParam> resource(this->heap_);
  std::pmr::map<int, std::pmr::string> texts(&resource);
  for (int i = 0; i < 1000; ++i)
    texts.emplace(i, std::string(static_cast<std::size_t>(i % 60), 'x'));
  for (int i = 0; i < 1000; i += 3) texts.erase(i);
  for (const auto& [i, text] : texts) {
    ASSERT_EQ(text, std::pmr::string(static_cast<std::size_t>(i % 60), 'x'));
  }
  EXPECT_EQ(texts.size(), 666U);
}

TYPED_TEST(UntrackedHeapAdaptors, BothThrowWhereThereIsNoMemory) {
  MemoryResource<TypeParam> resource(this->heap_);
  EXPECT_THROW(static_cast<void>(resource.allocate(std::size_t{512} << 20U)), std::bad_alloc);
  StandardAllocator<int, TypeParam> allocator(this->heap_);
  EXPECT_THROW(static_cast<void>(allocator.allocate(std::size_t{128} << 20U)), std::bad_alloc);
}

TEST(UntrackedHeapAdaptorsInACallersBuffer, AllocateThereAndNowhereElse) {
  alignas(16) std::byte memory[4096];
  BumpFreeList<FixedRegion, NoTracking> heap(memory, Size{sizeof memory});
  StandardAllocator<int, BumpFreeList<FixedRegion, NoTracking>> allocator(heap);
  int* const numbers = allocator.allocate(1000);
  EXPECT_GE(reinterpret_cast<std::byte*>(numbers), memory);
  EXPECT_LE(reinterpret_cast<std::byte*>(numbers + 1000), memory + sizeof memory);
  EXPECT_THROW(static_cast<void>(allocator.allocate(1000)), std::bad_alloc);
  allocator.deallocate(numbers, 1000);
  EXPECT_EQ(allocator.allocate(1000), numbers);
}

}  // namespace
}  // namespace lite_alloc::test
