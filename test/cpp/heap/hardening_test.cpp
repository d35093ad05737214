// SPDX-License-Identifier: MIT
//
// Tests `SegregatedFit` with contents that look like its metadata, with writes through stale
// pointers, and with addresses inside blocks; and all heaps up to the end of the address space.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#include "support/heap_test.hpp"
#include "support/slab_sizes.hpp"

namespace lite_alloc::test {
namespace {

constexpr Size kTag = 4;
constexpr Size kSlab = 4096;

[[nodiscard]] constexpr Size chunk_of(Size size) { return align_up(size + kTag, kGranule); }

[[nodiscard]] std::uint32_t& word_of(auto& heap, Address address) {
  return *heap.pages().template at<std::uint32_t>(address);
}

/// Computes the number that a heap combines with tags from the stored tag of a live block in a
/// chunk.
[[nodiscard]] std::uint32_t key_of(auto& heap, Address block, Size size) {
  return word_of(heap, block - kTag) ^ chunk_of(size);
}

// --- the secret

TEST(SecretOfAHeap, MakesTagsOfOneHeapWorthlessInAnother) {
  SegregatedFit<HostPages> first;
  SegregatedFit<HostPages> second;
  first.set_secret(0x1234'5678);
  second.set_secret(0x8765'4321);
  const Address block = first.malloc(2000);
  ASSERT_EQ(second.malloc(2000), block);
  for (const Size flags : {0U, 2U, 4U, 6U}) {
    const std::uint32_t tag = key_of(first, block, 2000) ^ (2 * kGranule | flags);
    for (Size offset = 0; offset < 2000; offset += 4) {
      word_of(first, block + offset) = word_of(second, block + offset) = tag;
    }
    EXPECT_EQ(first.is_live(block + 8 * kGranule), (flags & 2) == 0)
        << "the first heap would accept the forged tag";
    for (Size offset = kGranule; offset < 2000; offset += kGranule) {
      ASSERT_FALSE(second.is_live(block + offset)) << flags;
      ASSERT_NE(second.free(block + offset), FreeResult::kFreed) << flags;
    }
  }
  EXPECT_FALSE(second.find_corruption());
}

TEST(SecretOfAHeap, LeavesNoConstantInMetadata) {
  SegregatedFit<HostPages> first;
  SegregatedFit<HostPages> second;
  first.set_secret(0x1111'1110);
  second.set_secret(0x2222'2220);
  const Address block = first.malloc(64);
  ASSERT_EQ(second.malloc(64), block);
  ASSERT_EQ(first.free(block), FreeResult::kFreed);
  ASSERT_EQ(second.free(block), FreeResult::kFreed);
  for (const Address word : {block, block + 4, align_down(block, kSlab) - kTag}) {
    EXPECT_NE(word_of(first, word), word_of(second, word)) << word - block;
  }
}

TEST(SecretOfAHeap, CanBeAnyNumber) {
  for (const std::uint32_t secret : {0U, 1U, 0xBU, 0xFFFF'FFFFU, 0x8000'0000U}) {
    SegregatedFit<HostPages> heap;
    heap.set_secret(secret);
    heap.claim();
    const Address small = heap.malloc(64);
    const Address large = heap.malloc(2000);
    static_cast<void>(heap.malloc(2000));
    EXPECT_EQ(heap.free(small), FreeResult::kFreed);
    EXPECT_EQ(heap.free(large), FreeResult::kFreed);
    EXPECT_FALSE(heap.find_corruption());
    EXPECT_EQ(heap.malloc(64), small);
    EXPECT_EQ(heap.malloc(2000), large);
    heap.reset();
    EXPECT_FALSE(heap.find_corruption());
  }
}

// --- writes through stale pointers

template <typename Heap>
class StaleWrite : public testing::Test {
 protected:
  void SetUp() override {
    for (Address& block : blocks_) block = heap_.malloc(64);
    static_cast<void>(heap_.malloc(3000));  // in front of the slab
    for (Address& chunk : chunks_) chunk = heap_.malloc(2000);
  }

  Heap heap_;
  Address blocks_[6] = {};
  Address chunks_[6] = {};
};

using TrackedHeap = SegregatedFit<HostPages>;
using HardenedHeap = SegregatedFit<HostPages, NoTracking, Hardened>;
using PlainHeap = SegregatedFit<HostPages, NoTracking>;

class StaleWriteDeathTest : public StaleWrite<TrackedHeap> {};
class HardenedStaleWriteDeathTest : public StaleWrite<HardenedHeap> {};
class PlainStaleWriteDeathTest : public StaleWrite<PlainHeap> {};

TEST_F(StaleWriteDeathTest, EndsTheProgramBeforeMallocReturnsASmallBlockOfTheWritersChoice) {
  heap_.free(blocks_[2]);
  heap_.free(blocks_[0]);
  for (const std::uint32_t wrong : {Address{0}, Address{16}, blocks_[4], blocks_[0], blocks_[2]}) {
    const std::uint32_t right = std::exchange(word_of(heap_, blocks_[0]), wrong);
    EXPECT_TRUE(heap_.find_corruption()) << wrong;
    EXPECT_DEATH(static_cast<void>(heap_.malloc(64)), "") << wrong;
    word_of(heap_, blocks_[0]) = right;
  }
  EXPECT_EQ(heap_.malloc(64), blocks_[0]);
}

TEST_F(StaleWriteDeathTest, EndsTheProgramBeforeMallocReturnsALargeBlockOfTheWritersChoice) {
  heap_.free(chunks_[2]);
  heap_.free(chunks_[0]);
  // An attacker who assumes that links are plain addresses would forge this link back.
  word_of(heap_, chunks_[4] + 4) = chunks_[0];
  for (const Size offset : {0U, 4U}) {
    for (const std::uint32_t wrong :
         {Address{0}, Address{16}, chunks_[4], chunks_[0], chunks_[2]}) {
      const std::uint32_t right = std::exchange(word_of(heap_, chunks_[0] + offset), wrong);
      EXPECT_TRUE(heap_.find_corruption()) << wrong;
      EXPECT_DEATH(static_cast<void>(heap_.malloc(2000)), "") << wrong;
      word_of(heap_, chunks_[0] + offset) = right;
    }
  }
  EXPECT_EQ(heap_.malloc(2000), chunks_[0]);
}

TEST_F(HardenedStaleWriteDeathTest, EndsTheProgramWithoutTracking) {
  heap_.free(blocks_[2]);
  heap_.free(blocks_[0]);
  heap_.free(chunks_[2]);
  heap_.free(chunks_[0]);
  word_of(heap_, blocks_[0]) = blocks_[4];
  word_of(heap_, chunks_[0]) = chunks_[4];
  word_of(heap_, chunks_[4] + 4) = chunks_[0];
  EXPECT_DEATH(static_cast<void>(heap_.malloc(64)), "");
  EXPECT_DEATH(static_cast<void>(heap_.malloc(2000)), "");
}

TEST_F(HardenedStaleWriteDeathTest, EndsTheProgramWhereTheSizeOfAFreeChunkWasOverwritten) {
  heap_.free(chunks_[1]);
  word_of(heap_, chunks_[2] - 2 * kTag) += kGranule;
  EXPECT_DEATH(heap_.free(chunks_[2]), "");
  EXPECT_DEATH(static_cast<void>(heap_.malloc(2000)), "");
}

TEST_F(PlainStaleWriteDeathTest, EndsTheProgramWhereNeighboursDoNotPointBack) {
  heap_.free(chunks_[2]);
  heap_.free(chunks_[0]);
  word_of(heap_, chunks_[0]) = chunks_[4];
  EXPECT_DEATH(static_cast<void>(heap_.malloc(2000)), "") << "next";
  word_of(heap_, chunks_[0]) = chunks_[2];
  word_of(heap_, chunks_[2] + 4) = chunks_[4];
  EXPECT_DEATH(heap_.free(chunks_[1]), "") << "previous";
  word_of(heap_, chunks_[2] + 4) = 0;
  EXPECT_DEATH(heap_.free(chunks_[1]), "") << "not the first of its bin";
  word_of(heap_, chunks_[2] + 4) = chunks_[0];
  EXPECT_EQ(heap_.malloc(2000), chunks_[0]);
}

TEST_F(PlainStaleWriteDeathTest, EndsTheProgramWhereASecondFreeMeetsACircle) {
  heap_.free(blocks_[0]);
  heap_.free(blocks_[2]);
  heap_.free(blocks_[4]);
  word_of(heap_, blocks_[2]) = blocks_[4];
  EXPECT_DEATH(heap_.free(blocks_[0]), "");
}

// --- addresses inside blocks, without tracking

template <typename Heap>
class InteriorAddress : public testing::Test {};
using UntrackedFits = testing::Types<PlainHeap, HardenedHeap>;
TYPED_TEST_SUITE(InteriorAddress, UntrackedFits);

TYPED_TEST(InteriorAddress, OfASmallBlockIsRefused) {
  for (const Size size : sizes_in_slabs()) {
    TypeParam heap;
    const Address block = heap.malloc(size);
    const Address slab = align_down(block, kSlab);
    std::memset(heap.pages().template at<char>(block), 0, size);
    for (Size offset = 1; offset < size; ++offset) {
      ASSERT_FALSE(heap.may_be_live(block + offset)) << size << " + " << offset;
      ASSERT_EQ(heap.free(block + offset), FreeResult::kNotABlock) << size << " + " << offset;
      ASSERT_EQ(heap.realloc(block + offset, 1), 0U) << size << " + " << offset;
    }
    const Address end_of_blocks = block + (kSlab - kGranule - kTag) / size * size;
    for (Address address = end_of_blocks; address < slab + kSlab; address += 4) {
      ASSERT_EQ(heap.free(address), FreeResult::kNotABlock) << size;
    }
    for (Address address = slab; address != block; ++address) {
      ASSERT_EQ(heap.free(address), FreeResult::kNotABlock) << size;
    }
    EXPECT_TRUE(heap.may_be_live(block));
    EXPECT_EQ(heap.free(block), FreeResult::kFreed);
    EXPECT_FALSE(heap.may_be_live(block));
    EXPECT_EQ(heap.free(block), FreeResult::kAlreadyFree);
  }
}

TYPED_TEST(InteriorAddress, OfALargeBlockOfZeroesIsRefused) {
  TypeParam heap;
  const Address block = heap.calloc(1, 2000);
  static_cast<void>(heap.malloc(2000));
  for (Size offset = 1; offset < 2000; ++offset) {
    ASSERT_FALSE(heap.may_be_live(block + offset)) << offset;
    ASSERT_EQ(heap.realloc(block + offset, 1), 0U) << offset;
    ASSERT_NE(heap.free(block + offset), FreeResult::kFreed) << offset;
  }
  EXPECT_EQ(heap.free(block), FreeResult::kFreed);
}

TEST(InteriorAddressOfHardened, HasNoUsableSize) {
  HardenedHeap heap;
  const Address small = heap.malloc(64);
  const Address large = heap.calloc(1, 2000);
  EXPECT_EQ(heap.usable_size(small), 64U);
  EXPECT_EQ(heap.usable_size(large), chunk_of(2000) - kTag);
  for (Size offset = 1; offset < 64; ++offset) {
    EXPECT_EQ(heap.usable_size(small + offset), 0U);
    EXPECT_EQ(heap.usable_size(large + offset), 0U);
  }
}

// --- memory up to the end of the address space

class WholeMemory : public HostMemory {
 public:
  WholeMemory() noexcept : HostMemory({.initial_pages = 65'536, .maximum_pages = 65'536}) {}
};

/// Grows page by page to the end of the address space.
class GrowingWholeMemory : public HostMemory {
 public:
  GrowingWholeMemory() noexcept : HostMemory({.initial_pages = 1, .maximum_pages = 65'536}) {}
};

template <typename Heap>
class HeapOf4GiB : public testing::Test {};
using HeapsOf4GiB =
    Concatenate<Strategies::On<WholeMemory>, Strategies::On<GrowingWholeMemory>>::Result;
TYPED_TEST_SUITE(HeapOf4GiB, HeapsOf4GiB, HeapName);

TYPED_TEST(HeapOf4GiB, HandsOutNoByteTwice) {
  TypeParam heap;
  const Layout large{.size = 100'000'000};
  const Address block = heap.allocate(large);
  ASSERT_NE(block, 0U);
  *heap.pages().template at<char>(block) = 1;
  *heap.pages().template at<char>(block + large.size - 1) = 1;
  EXPECT_EQ(heap.allocate({.size = 0U - 50'000'000}), 0U);
  EXPECT_FALSE(heap.find_corruption());
  const Layout rest{.size = 0U - 200'000'000};
  const Address other = heap.allocate(rest);
  ASSERT_NE(other, 0U);
  EXPECT_TRUE(other + rest.size <= block || block + large.size <= other);
  EXPECT_EQ(heap.allocate(large), 0U);
  EXPECT_FALSE(heap.find_corruption());
  EXPECT_TRUE(heap.owns(other, rest.size));
  EXPECT_LE(heap.statistics().heap_bytes, kEndOfAddresses - kPageBytes);
  heap.deallocate(other, rest);
  heap.deallocate(block, large);
  EXPECT_FALSE(heap.find_corruption());
}

TEST(HostMemoryOf4GiB, EndsBelowTheLastPage) {
  EXPECT_EQ(WholeMemory{}.end(), kEndOfAddresses);
  GrowingWholeMemory growing;
  EXPECT_FALSE(growing.grow(kEndOfAddresses));
  EXPECT_TRUE(growing.grow(kEndOfAddresses - growing.end()));
  EXPECT_EQ(growing.end(), kEndOfAddresses);
  EXPECT_FALSE(growing.grow(1));
}

TEST(FixedRegionOf4GiB, EndsBelowTheLastPage) {
  alignas(kGranule) std::byte memory[kGranule];
  EXPECT_EQ(FixedRegion(memory, 0xFFFF'FFFF).end(), kEndOfAddresses);
  EXPECT_EQ(FixedRegion(memory, kEndOfAddresses - kPageBytes).end(), kEndOfAddresses);
  EXPECT_EQ(FixedRegion(memory, kGranule).end(), kPageBytes + kGranule);
}

}  // namespace
}  // namespace lite_alloc::test
