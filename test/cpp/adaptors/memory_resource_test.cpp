// SPDX-License-Identifier: MIT
#include "lite_alloc/adaptors/memory_resource.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <map>
#include <new>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "support/heap_inspection.hpp"

namespace lite_alloc::test {
namespace {

template <typename Heap>
class MemoryResourceTest : public testing::Test {
 protected:
  void TearDown() override {
    EXPECT_EQ(heap_.statistics().live_blocks, 0U);
    EXPECT_FALSE(heap_.find_corruption());
  }

  Heap heap_;
  MemoryResource<Heap> resource_{heap_};
};
TYPED_TEST_SUITE(MemoryResourceTest, Strategies::On<HostPages>, HeapName);

[[nodiscard]] std::string text(int i) {
  return std::string(static_cast<std::size_t>(i % 60), static_cast<char>('a' + i % 26));
}

TYPED_TEST(MemoryResourceTest, AVectorKeepsItsElementsAsItGrows) {
  std::pmr::vector<int> numbers(&this->resource_);
  for (int i = 0; i < 50'000; ++i) numbers.push_back(i);
  EXPECT_EQ(std::accumulate(numbers.begin(), numbers.end(), std::int64_t{0}), 1'249'975'000);
  EXPECT_EQ(this->heap_.statistics().live_blocks, 1U);
}

TYPED_TEST(MemoryResourceTest, StringsInAMapAreAllocatedInTheHeap) {
  std::pmr::map<int, std::pmr::string> texts(&this->resource_);
  for (int i = 0; i < 2000; ++i) texts.emplace(i, text(i));
  for (int i = 0; i < 2000; i += 3) texts.erase(i);
  for (int i = 0; i < 2000; i += 2) texts[i] = text(i + 1);
  for (const auto& [i, found] : texts) {
    ASSERT_EQ(std::string(found), text(i % 2 == 0 ? i + 1 : i));
    ASSERT_EQ(found.get_allocator().resource(), &this->resource_);
  }
  EXPECT_GT(this->heap_.statistics().live_blocks, texts.size());
}

TYPED_TEST(MemoryResourceTest, ServesEveryAlignment) {
  for (Size alignment = 1; alignment <= kMaxAlignment; alignment *= 2) {
    for (const std::size_t bytes : {1U, 100U, 5000U}) {
      void* const block = this->resource_.allocate(bytes, alignment);
      const Address begin = this->heap_.pages().begin();
      const auto offset =
          static_cast<std::byte*>(block) - this->heap_.pages().template at<std::byte>(begin);
      EXPECT_EQ((begin + static_cast<Address>(offset)) % alignment, 0U);
      this->resource_.deallocate(block, bytes, alignment);
    }
  }
}

TYPED_TEST(MemoryResourceTest, SizeZeroGivesDistinctBlocks) {
  void* const first = this->resource_.allocate(0);
  void* const second = this->resource_.allocate(0);
  EXPECT_NE(first, second);
  this->resource_.deallocate(first, 0);
  this->resource_.deallocate(second, 0);
}

TYPED_TEST(MemoryResourceTest, IsEqualOnlyToItself) {
  const MemoryResource<TypeParam> same_heap(this->heap_);
  TypeParam other_heap;
  const MemoryResource<TypeParam> other(other_heap);
  EXPECT_EQ(this->resource_, this->resource_);
  EXPECT_NE(this->resource_, same_heap);
  EXPECT_NE(this->resource_, other);
  EXPECT_NE(this->resource_, *std::pmr::new_delete_resource());
  EXPECT_EQ(&this->resource_.heap(), &this->heap_);
}

TYPED_TEST(MemoryResourceTest, ThrowsWhereThereIsNoMemory) {
  const std::size_t too_much = 2 * std::size_t{kHeapPages} * kPageBytes;
  for (const std::size_t bytes :
       {too_much, std::size_t{kMaxSize}, std::size_t{kMaxSize} + 1, std::size_t{0xFFFF'FFFF},
        std::size_t{0x1'0000'0000}, std::size_t{0x1'0000'0010}, SIZE_MAX}) {
    EXPECT_THROW(static_cast<void>(this->resource_.allocate(bytes)), std::bad_alloc) << bytes;
  }
  EXPECT_THROW(static_cast<void>(this->resource_.allocate(1, 2 * std::size_t{kMaxAlignment})),
               std::bad_alloc);
  EXPECT_THROW(static_cast<void>(this->resource_.allocate(1, std::size_t{1} << 32U)),
               std::bad_alloc);
}

TYPED_TEST(MemoryResourceTest, AContainerIsUnchangedWhenItFindsNoMemory) {
  std::pmr::vector<int> numbers({1, 2, 3}, &this->resource_);
  EXPECT_THROW(numbers.resize(std::size_t{kHeapPages} * kPageBytes), std::bad_alloc);
  EXPECT_EQ(numbers, (std::pmr::vector<int>{1, 2, 3}));
}

TYPED_TEST(MemoryResourceTest, ElementsMoveBetweenHeapsOneByOne) {
  TypeParam other_heap;
  {
    MemoryResource<TypeParam> other(other_heap);
    std::pmr::vector<std::pmr::string> here(&this->resource_);
    for (int i = 0; i < 500; ++i) here.emplace_back(text(i));
    std::pmr::vector<std::pmr::string> there(&other);
    there = std::move(here);
    ASSERT_EQ(there.size(), 500U);
    for (int i = 0; i < 500; ++i) {
      ASSERT_EQ(std::string(there[static_cast<std::size_t>(i)]), text(i));
    }
    EXPECT_GT(other_heap.statistics().live_blocks, 1U);
  }
  EXPECT_EQ(other_heap.statistics().live_blocks, 0U);
}

}  // namespace
}  // namespace lite_alloc::test
