// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include <iterator>

#include "lite_alloc/heap/malloc_adaptor.hpp"
#include "support/heap_inspection.hpp"

namespace lite_alloc::test {
namespace {

template <typename Heap>
class HeapInAFixedRegion : public testing::Test {};
TYPED_TEST_SUITE(HeapInAFixedRegion, Strategies::On<FixedPages>, HeapName);

// An allocation fails if the region has no room for a record and a block. The guards around the
// region detect writes outside of it.
TYPED_TEST(HeapInAFixedRegion, ServesWhatFitsInRegionsOfAnySizeAndStart) {
  bool has_served = false;
  for (Size skew = 0; skew < kGranule; ++skew) {
    for (Size bytes = 0; bytes < 6 * kGranule; ++bytes) {
      SCOPED_TRACE(testing::Message() << bytes << " bytes, start at " << skew);
      TypeParam heap(bytes, skew);
      ShadowHeap shadow(heap.pages());
      while (const Address address = heap.allocate({.size = 1})) {
        ASSERT_TRUE(shadow.add(address, {.size = 1}));
        has_served = true;
      }
      EXPECT_LE(shadow.block_bytes(), bytes);
      EXPECT_EQ(heap.statistics().failures, 1U);
      EXPECT_TRUE(is_sound(heap, shadow));
      EXPECT_TRUE(heap.pages().untouched());
      heap.reset();
      shadow.forget_all();
      EXPECT_TRUE(is_sound(heap, shadow));
    }
  }
  EXPECT_TRUE(has_served);
}

template <typename Heap>
struct InStaticMemory {
  static inline std::byte memory[4096];
  // The test is that this line compiles.
  static inline constinit Heap heap{memory, Size{sizeof(memory)}};
};

template <typename Heap>
class StaticHeap : public testing::Test {};
TYPED_TEST_SUITE(StaticHeap, Strategies::On<FixedRegion>, HeapName);

TYPED_TEST(StaticHeap, IsConstantInitialisedAndServesBlocks) {
  using Static = InStaticMemory<TypeParam>;
  TypeParam& heap = Static::heap;
  const Address address = heap.allocate({.size = 100});
  ASSERT_NE(address, 0U);
  std::byte* const bytes = heap.pages().template at<std::byte>(address);
  EXPECT_GE(bytes, Static::memory);
  EXPECT_LE(bytes + 100, std::end(Static::memory));
  heap.deallocate(address, {.size = 100});
  EXPECT_EQ(heap.statistics().live_blocks, 0U);
}

template <typename Heap>
class StaticMallocHeap : public testing::Test {};
TYPED_TEST_SUITE(StaticMallocHeap, HeaderlessStrategies::On<FixedRegion>, HeapName);

TYPED_TEST(StaticMallocHeap, IsConstantInitialisedAndServesBlocks) {
  auto& heap = InStaticMemory<MallocAdaptor<TypeParam>>::heap;
  const Address address = heap.malloc(100);
  ASSERT_NE(address, 0U);
  EXPECT_TRUE(heap.is_live(address));
  EXPECT_EQ(heap.free(address), FreeResult::kFreed);
}

}  // namespace
}  // namespace lite_alloc::test
