// SPDX-License-Identifier: MIT
#include "lite_alloc/adaptors/standard_allocator.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <new>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "support/heap_inspection.hpp"

namespace lite_alloc::test {
namespace {

struct alignas(256) Wide {
  int number;
};

template <typename Heap>
class StandardAllocatorTest : public testing::Test {
 protected:
  template <typename T>
  using On = StandardAllocator<T, Heap>;
  template <typename T>
  using Vector = std::vector<T, On<T>>;
  using String = std::basic_string<char, std::char_traits<char>, On<char>>;

  void TearDown() override {
    for (Heap* heap : {&heap_, &other_heap_}) {
      EXPECT_EQ(heap->statistics().live_blocks, 0U);
      EXPECT_FALSE(heap->find_corruption());
    }
  }

  [[nodiscard]] Vector<int> numbers(int count) {
    Vector<int> numbers(heap_);
    for (int i = 0; i < count; ++i) numbers.push_back(i);
    return numbers;
  }

  [[nodiscard]] static bool counts_up(const Vector<int>& numbers, int count) {
    if (numbers.size() != static_cast<std::size_t>(count)) return false;
    for (int i = 0; i < count; ++i) {
      if (numbers[static_cast<std::size_t>(i)] != i) return false;
    }
    return true;
  }

  Heap heap_;
  Heap other_heap_;
};
TYPED_TEST_SUITE(StandardAllocatorTest, Strategies::On<HostPages>, HeapName);

TYPED_TEST(StandardAllocatorTest, AVectorKeepsItsElementsAsItGrows) {
  auto numbers = this->numbers(50'000);
  EXPECT_TRUE(this->counts_up(numbers, 50'000));
  EXPECT_EQ(this->heap_.statistics().live_blocks, 1U);
  numbers.resize(10);
  numbers.shrink_to_fit();
  EXPECT_TRUE(this->counts_up(numbers, 10));
}

TYPED_TEST(StandardAllocatorTest, ServesContainersThatRebindIt) {
  using Pair = std::pair<const int, typename TestFixture::String>;
  std::map<int, typename TestFixture::String, std::less<>, StandardAllocator<Pair, TypeParam>>
      ordered(this->heap_);
  std::unordered_map<int, int, std::hash<int>, std::equal_to<>,
                     StandardAllocator<std::pair<const int, int>, TypeParam>>
      hashed(this->heap_);
  std::list<int, StandardAllocator<int, TypeParam>> list(this->heap_);
  for (int i = 0; i < 2000; ++i) {
    const auto length = static_cast<std::size_t>(i % 100);
    ordered.try_emplace(i, length, 'x', StandardAllocator<char, TypeParam>(this->heap_));
    hashed[i] = 3 * i;
    list.push_front(i);
  }
  for (int i = 0; i < 2000; i += 2) {
    ordered.erase(i);
    hashed.erase(i);
  }
  list.remove_if([](int i) { return i % 2 == 0; });
  ASSERT_EQ(ordered.size(), 1000U);
  for (const auto& [i, found] : ordered) {
    ASSERT_EQ(found.size(), static_cast<std::size_t>(i % 100));
    ASSERT_EQ(found.find_first_not_of('x'), TestFixture::String::npos);
  }
  for (const auto& [i, number] : hashed) ASSERT_EQ(number, 3 * i);
  EXPECT_EQ(list.size(), 1000U);
  EXPECT_GT(this->heap_.statistics().live_blocks, 3000U);
}

TYPED_TEST(StandardAllocatorTest, OverAlignedTypesAreAligned) {
  std::list<Wide, StandardAllocator<Wide, TypeParam>> list(this->heap_);
  typename TestFixture::template Vector<Wide> vector(this->heap_);
  const auto address_of = [&](const Wide* wide) {
    const Address begin = this->heap_.pages().begin();
    const auto offset = reinterpret_cast<const std::byte*>(wide) -
                        this->heap_.pages().template at<std::byte>(begin);
    return begin + static_cast<Address>(offset);
  };
  // In a region that the caller provides, native pointers are no better aligned than the start of
  // that region.
  if constexpr (GrowingPages<std::remove_cvref_t<decltype(this->heap_.pages())>>) {
    for (int i = 0; i < 100; ++i) {
      list.push_back({i});
      vector.push_back({i});
      ASSERT_EQ(address_of(&list.back()) % alignof(Wide), 0U);
      ASSERT_EQ(address_of(vector.data()) % alignof(Wide), 0U);
      ASSERT_EQ(reinterpret_cast<std::uintptr_t>(&list.back()) % alignof(Wide), 0U);
    }
    int expected = 0;
    for (const Wide& wide : list) EXPECT_EQ(wide.number, expected++);
    EXPECT_EQ(vector.back().number, 99);
  } else {
    StandardAllocator<Wide, TypeParam> allocator(this->heap_);
    Wide* const wide = allocator.allocate(3);
    EXPECT_EQ(address_of(wide) % alignof(Wide), 0U);
    allocator.deallocate(wide, 3);
  }
}

TYPED_TEST(StandardAllocatorTest, CopiesAndRebindsOfOneHeapAreEqual) {
  const StandardAllocator<int, TypeParam> allocator(this->heap_);
  const StandardAllocator<int, TypeParam> copy = allocator;  // NOLINT: the copy is what is tested
  const StandardAllocator<Wide, TypeParam> rebound(allocator);
  const StandardAllocator<int, TypeParam> other(this->other_heap_);
  EXPECT_TRUE(allocator == copy);
  EXPECT_TRUE(allocator == rebound);
  EXPECT_TRUE(allocator != other);
  EXPECT_FALSE(other == rebound);
  EXPECT_EQ(&rebound.heap(), &this->heap_);
}

TYPED_TEST(StandardAllocatorTest, AMovedVectorTakesItsBlockAndItsHeap) {
  auto numbers = this->numbers(1000);
  const int* const elements = numbers.data();
  typename TestFixture::template Vector<int> moved(std::move(numbers));
  EXPECT_EQ(moved.data(), elements);
  typename TestFixture::template Vector<int> assigned({1, 2, 3}, this->other_heap_);
  assigned = std::move(moved);
  EXPECT_EQ(assigned.data(), elements);
  EXPECT_EQ(&assigned.get_allocator().heap(), &this->heap_);
  EXPECT_EQ(this->other_heap_.statistics().live_blocks, 0U);
  EXPECT_TRUE(this->counts_up(assigned, 1000));
}

TYPED_TEST(StandardAllocatorTest, SwappedVectorsSwapTheirHeaps) {
  auto here = this->numbers(1000);
  typename TestFixture::template Vector<int> there({0, 1, 2}, this->other_heap_);
  const int* const elements = here.data();
  swap(here, there);
  EXPECT_EQ(there.data(), elements);
  EXPECT_EQ(&there.get_allocator().heap(), &this->heap_);
  EXPECT_EQ(&here.get_allocator().heap(), &this->other_heap_);
  EXPECT_TRUE(this->counts_up(there, 1000));
  EXPECT_TRUE(this->counts_up(here, 3));
  here.push_back(3);
  EXPECT_EQ(this->other_heap_.statistics().live_blocks, 1U);
}

TYPED_TEST(StandardAllocatorTest, ACopyAssignedVectorStaysInItsHeap) {
  const auto numbers = this->numbers(1000);
  typename TestFixture::template Vector<int> copy(this->other_heap_);
  copy = numbers;
  EXPECT_EQ(&copy.get_allocator().heap(), &this->other_heap_);
  EXPECT_TRUE(this->counts_up(copy, 1000));
  EXPECT_TRUE(this->counts_up(numbers, 1000));
}

TYPED_TEST(StandardAllocatorTest, ThrowsWhereThereIsNoMemory) {
  StandardAllocator<std::uint64_t, TypeParam> allocator(this->heap_);
  for (const std::size_t count :
       {std::size_t{kHeapPages} * kPageBytes, std::size_t{kMaxSize} / 8,
        std::size_t{kMaxSize} / 8 + 1, std::size_t{1} << 29U, (std::size_t{1} << 29U) + 1,
        std::size_t{1} << 61U, (std::size_t{1} << 61U) + 1, SIZE_MAX}) {
    EXPECT_THROW(static_cast<void>(allocator.allocate(count)), std::bad_alloc) << count;
  }
  auto numbers = this->numbers(100);
  EXPECT_THROW(numbers.resize(std::size_t{kHeapPages} * kPageBytes), std::bad_alloc);
  EXPECT_TRUE(this->counts_up(numbers, 100));
}

TYPED_TEST(StandardAllocatorTest, SharedPointersLieInTheHeap) {
  const auto shared = std::allocate_shared<std::pair<int, int>>(
      StandardAllocator<int, TypeParam>(this->heap_), 1, 2);
  const std::weak_ptr<std::pair<int, int>> weak = shared;
  EXPECT_EQ(this->heap_.statistics().live_blocks, 1U);
  EXPECT_EQ(weak.lock()->second, 2);
}

}  // namespace
}  // namespace lite_alloc::test
