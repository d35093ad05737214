// SPDX-License-Identifier: MIT
//
// Each way to break a heap that a check promises to find.

#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>

#include "lite_alloc/inspect/check.hpp"
#include "support/heap_inspection.hpp"

namespace lite_alloc::test {
namespace {

using Kind = Corruption::Kind;

/// A free block begins with the address of the next and its own size: what a write after free hits.
class BrokenFreeList : public testing::Test {
 protected:
  void SetUp() override {
    for (Address& block : blocks_) {
      block = heap_.allocate({.size = 64});
      static_cast<void>(heap_.allocate({.size = 16}));
    }
    for (const Address block : blocks_) heap_.deallocate(block, {.size = 64});
    ASSERT_FALSE(heap_.find_corruption());
  }

  [[nodiscard]] Address& link(std::size_t i) { return *heap_.pages().at<Address>(blocks_[i]); }
  [[nodiscard]] Size& size(std::size_t i) { return *heap_.pages().at<Size>(blocks_[i] + 4); }

  void expect_corruption(Kind kind, Address address) {
    const Corruption found = heap_.find_corruption();
    EXPECT_TRUE(found);
    EXPECT_EQ(found.kind, kind);
    EXPECT_EQ(found.address, address);
  }

  BumpFreeList<HostPages> heap_;
  Address blocks_[4] = {};
};

TEST_F(BrokenFreeList, ALinkOutOfTheHeapIsFound) {
  const Address end = heap_.pages().end();
  for (const Address target : {16U, 0xFFFF'FFF0U, end, end - 16, heap_.pages().begin()}) {
    link(2) = target;
    expect_corruption(Kind::kFreeListOutsideHeap, target);
  }
}

TEST_F(BrokenFreeList, AMisalignedLinkIsFound) {
  for (const Address offset : {1U, 4U, 8U, 15U}) {
    link(2) = blocks_[1] + offset;
    expect_corruption(Kind::kFreeListOutsideHeap, blocks_[1] + offset);
  }
}

TEST_F(BrokenFreeList, AMisalignedLinkToWhatLooksLikeAFreeBlockIsFound) {
  const Address inside = blocks_[1] + 8;
  *heap_.pages().at<Address>(inside) = 0;
  *heap_.pages().at<Size>(inside + 4) = 16;
  link(2) = inside;
  expect_corruption(Kind::kFreeListOutsideHeap, inside);
}

TEST_F(BrokenFreeList, ALinkOverwrittenWithTextIsFound) {
  link(0) = 0x6C6C'6548;
  expect_corruption(Kind::kFreeListOutsideHeap, 0x6C6C'6548);
}

TEST_F(BrokenFreeList, ALinkIntoPagesOfSomebodyElseIsFoundWithoutTouchingThem) {
  heap_.pages().grow_as_somebody_else(1);
  ASSERT_NE(heap_.allocate({.size = 2 * kPageBytes}), 0U);
  ASSERT_FALSE(heap_.find_corruption());
  link(0) = heap_.pages().foreign().front().begin;
  expect_corruption(Kind::kFreeListOutsideHeap, link(0));
}

TEST_F(BrokenFreeList, AnImpossibleSizeIsFound) {
  const Size there = size(1);
  for (const Size wrong : {0U, 1U, there + 1, 0x7FFF'FFF0U, 0xFFFF'FFF0U}) {
    size(1) = wrong;
    expect_corruption(Kind::kFreeListOutsideHeap, blocks_[1]);
  }
}

TEST_F(BrokenFreeList, ASizeThatReachesTheNextFreeBlockIsFound) {
  size(1) = blocks_[2] - blocks_[1] + 16;
  expect_corruption(Kind::kFreeListOverlap, blocks_[2]);
}

TEST_F(BrokenFreeList, ASizeThatChangedIsFound) {
  size(1) += 16;
  expect_corruption(Kind::kCountersDisagree, 0);
  size(1) -= 32;
  expect_corruption(Kind::kCountersDisagree, 0);
}

TEST_F(BrokenFreeList, ALostRestOfTheListIsFound) {
  link(2) = 0;
  expect_corruption(Kind::kCountersDisagree, 0);
}

TEST_F(BrokenFreeList, ACircleIsFound) {
  for (const std::size_t target : {std::size_t{0}, std::size_t{1}, std::size_t{3}}) {
    link(0) = blocks_[target];
    const Corruption found = heap_.find_corruption();
    EXPECT_EQ(found.kind, Kind::kFreeListOverlap) << target;
  }
}

class WronglyFreed : public testing::Test {
 protected:
  [[nodiscard]] Address allocate(Size size) { return heap_.allocate({.size = size}); }
  [[nodiscard]] Kind found() { return heap_.find_corruption().kind; }

  BumpFreeList<HostPages> heap_;
};

TEST_F(WronglyFreed, ABlockFreedTwiceIsFound) {
  const Address block = allocate(64);
  static_cast<void>(allocate(64));
  heap_.deallocate(block, {.size = 64});
  heap_.deallocate(block, {.size = 64});
  EXPECT_EQ(found(), Kind::kFreeListOverlap);
}

TEST_F(WronglyFreed, ABlockFreedTwiceWithAnotherInBetweenIsFound) {
  const Address first = allocate(64);
  const Address second = allocate(64);
  static_cast<void>(allocate(64));
  heap_.deallocate(first, {.size = 64});
  heap_.deallocate(second, {.size = 64});
  heap_.deallocate(first, {.size = 64});
  EXPECT_EQ(found(), Kind::kFreeListOverlap);
}

TEST_F(WronglyFreed, ASizeThatReachesIntoAFreeBlockIsFound) {
  const Address first = allocate(64);
  const Address second = allocate(64);
  static_cast<void>(allocate(64));
  heap_.deallocate(second, {.size = 64});
  heap_.deallocate(first, {.size = 80});
  const Corruption corruption = heap_.find_corruption();
  EXPECT_EQ(corruption.kind, Kind::kFreeListOverlap);
  EXPECT_EQ(corruption.address, second);
}

TEST_F(WronglyFreed, ASizeThatReachesOutOfTheHeapIsFound) {
  const Address block = allocate(64);
  static_cast<void>(allocate(64));
  heap_.deallocate(block, {.size = 64 + 2 * kPageBytes});
  EXPECT_EQ(found(), Kind::kFreeListOutsideHeap);
}

template <typename Heap>
class BrokenHeaders : public testing::Test {
 protected:
  void SetUp() override {
    for (Address& block : blocks_) block = heap_.malloc(100);
    std::sort(std::begin(blocks_), std::end(blocks_));
    ASSERT_FALSE(find_corruption(heap_));
  }

  [[nodiscard]] std::uint32_t& word_below(Address block, Size bytes) {
    return *heap_.allocator().pages().template at<std::uint32_t>(block - bytes);
  }

  MallocAdaptor<Heap> heap_;
  Address blocks_[5] = {};
};
TYPED_TEST_SUITE(BrokenHeaders, HeapsToStandOn, HeapName);

TYPED_TEST(BrokenHeaders, AnyOverwrittenWordIsFound) {
  for (const Address block : this->blocks_) {
    for (const Size bytes : {16U, 12U, 8U}) {  // capacity, alignment, seal
      std::uint32_t& word = this->word_below(block, bytes);
      for (const std::uint32_t flips : {1U, 0x10U, 0x8000'0000U, 0xFFFF'FFFFU}) {
        word ^= flips;
        const Corruption found = find_corruption(this->heap_);
        EXPECT_EQ(found.kind, Kind::kHeaderOverwritten) << bytes << " below " << block;
        EXPECT_EQ(found.address, block - kUnit);
        word ^= flips;
      }
    }
  }
  EXPECT_FALSE(find_corruption(this->heap_));
}

TYPED_TEST(BrokenHeaders, AnOverrunIntoTheNextHeaderIsFound) {
  const Size capacity = this->heap_.usable_size(this->blocks_[0]);
  auto* const bytes = this->heap_.allocator().pages().template at<unsigned char>(this->blocks_[0]);
  for (Size i = 0; i <= capacity; ++i) bytes[i] = 0x41;  // one too many
  EXPECT_EQ(find_corruption(this->heap_).kind, Kind::kHeaderOverwritten);
}

TYPED_TEST(BrokenHeaders, WhatTheAllocatorBelowFindsIsTold) {
  auto& sized = this->heap_.allocator();
  const Address block = sized.allocate({.size = 64});
  static_cast<void>(sized.allocate({.size = 64}));
  sized.deallocate(block, {.size = 64});
  sized.deallocate(block, {.size = 64});
  const Corruption found = sized.find_corruption();
  EXPECT_TRUE(found);
  EXPECT_EQ(find_corruption(this->heap_).kind, found.kind);
}

TYPED_TEST(BrokenHeaders, SizedBlocksFreeBlocksAndResetsAreNotMistakenForIt) {
  static_cast<void>(this->heap_.allocator().allocate({.size = 200}));
  EXPECT_FALSE(find_corruption(this->heap_));
  this->heap_.free(this->blocks_[1]);
  this->heap_.free(this->blocks_[3]);
  EXPECT_FALSE(find_corruption(this->heap_));
  this->heap_.reset();
  EXPECT_FALSE(find_corruption(this->heap_));
  static_cast<void>(this->heap_.allocator().allocate({.size = 200}));
  EXPECT_FALSE(find_corruption(this->heap_));
}

}  // namespace
}  // namespace lite_alloc::test
