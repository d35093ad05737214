// SPDX-License-Identifier: MIT
//
// Heaps without tracking, as in the standalone modules. The shadow heap checks that blocks are
// aligned, do not overlap, lie in memory, and keep their contents.

#include <gtest/gtest.h>

#include <iterator>

#include "support/heaps.hpp"
#include "support/random.hpp"
#include "support/shadow_heap.hpp"

namespace lite_alloc::test {
namespace {

template <typename Heap>
class UntrackedHeap : public testing::Test {
 protected:
  void TearDown() override { EXPECT_TRUE(shadow_.verify_all()); }

  Heap heap_;
  ShadowHeap<HostPages> shadow_{heap_.pages()};
};
using UntrackedHeaps =
    testing::Types<BumpFreeList<HostPages, NoTracking>, SegregatedBump<HostPages, NoTracking>,
                   FreeList<HostPages, NoTracking>>;
TYPED_TEST_SUITE(UntrackedHeap, UntrackedHeaps, HeapName);

TYPED_TEST(UntrackedHeap, KeepsItsBlocksThroughRandomCalls) {
  Random random;
  Size granted = 0;
  for (int i = 0; i < 50'000; ++i) {
    const Size count = static_cast<Size>(this->shadow_.blocks().size());
    if (random.one_in(50)) this->heap_.pages().fail_grow(1);
    if (random.one_in(5000)) this->heap_.pages().grow_as_other_code(1);
    if (count <= 60 && (count == 0 || !random.one_in(3))) {
      const Layout layout{.size = random.log_uniform(14), .alignment = random.alignment()};
      const Address address = this->heap_.allocate(layout);
      if (address == 0) continue;
      ASSERT_TRUE(this->shadow_.add(address, layout)) << "operation " << i;
      ++granted;
      continue;
    }
    const auto [address, block] = *std::next(this->shadow_.blocks().begin(), random.below(count));
    if (random.one_in(2)) {
      ASSERT_TRUE(this->shadow_.remove(address)) << "operation " << i;
      this->heap_.deallocate(address, block.layout);
    } else {
      const Size size = random.log_uniform(14);
      const Address moved = this->heap_.reallocate(address, block.layout, size);
      if (moved != 0) {
        ASSERT_TRUE(this->shadow_.move(address, moved, size)) << "operation " << i;
      }
    }
  }
  EXPECT_GT(granted, 10'000U);
}

TYPED_TEST(UntrackedHeap, StepsOverPagesOfOtherCode) {
  for (int i = 0; i < 5; ++i) {
    const Layout layout{.size = 2 * kPageBytes, .alignment = i % 2 == 0 ? 16U : kMaxAlignment};
    const Address address = this->heap_.allocate(layout);
    ASSERT_NE(address, 0U);
    EXPECT_TRUE(this->shadow_.add(address, layout));
    this->heap_.pages().grow_as_other_code(1);
  }
}

TYPED_TEST(UntrackedHeap, UsesTheFirstPageFromItsFirstByte) {
  const Layout layout{.size = kPageBytes};
  EXPECT_EQ(this->heap_.allocate(layout), this->heap_.pages().begin());
  EXPECT_TRUE(this->heap_.pages().requests().empty());
}

}  // namespace
}  // namespace lite_alloc::test
