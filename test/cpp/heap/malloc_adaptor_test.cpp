// SPDX-License-Identifier: MIT
#include "lite_alloc/heap/malloc_adaptor.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <type_traits>

#include "lite_alloc/inspect/check.hpp"
#include "support/heap_test.hpp"

namespace lite_alloc::test {
namespace {

constexpr Size kPrefix = kGranule;

template <typename Below>
class MallocAdaptorTest : public testing::Test {
 protected:
  void TearDown() override {
    EXPECT_FALSE(find_corruption(heap_));
    EXPECT_FALSE(heap_.allocator().find_corruption());
  }

  [[nodiscard]] unsigned char* bytes(Address address) {
    return heap_.allocator().pages().template at<unsigned char>(address);
  }

  [[nodiscard]] Statistics statistics() { return heap_.allocator().statistics(); }

  void fill(Address address, Size size, int value) { std::memset(bytes(address), value, size); }

  [[nodiscard]] bool holds(Address address, Size size, int value) {
    return std::all_of(bytes(address), bytes(address) + size,
                       [value](int byte) { return byte == value; });
  }

  /// Exhausts the heap, so that only freed memory remains.
  void leave_nothing_free() {
    Below& sized = heap_.allocator();
    if constexpr (GrowingPages<std::remove_cvref_t<decltype(sized.pages())>>) {
      sized.pages().refuse_growth(true);
    }
    for (Size size = 16 * kPageBytes; size >= kGranule; size /= 2) {
      while (sized.allocate({.size = size}) != 0) {
      }
    }
  }

  /// Expects that every call refuses a freed address and changes nothing.
  void expect_refused(Address address, FreeResult expected) {
    const Snapshot before = snapshot_of(heap_.allocator());
    EXPECT_FALSE(heap_.is_live(address)) << address;
    EXPECT_EQ(heap_.usable_size(address), 0U) << address;
    EXPECT_EQ(heap_.realloc(address, 10), 0U) << address;
    EXPECT_EQ(heap_.free(address), expected) << address;
    EXPECT_EQ(snapshot_of(heap_.allocator()), before) << address;
  }

  MallocAdaptor<Below> heap_;
};
TYPED_TEST_SUITE(MallocAdaptorTest, HeapsToStandOn, HeapName);

TYPED_TEST(MallocAdaptorTest, MallocGivesBlocksThatKnowTheirSize) {
  for (const Size size : {0U, 1U, 16U, 17U, 1000U, 100'000U}) {
    const Address address = this->heap_.malloc(size);
    ASSERT_NE(address, 0U);
    EXPECT_EQ(address % kGranule, 0U);
    EXPECT_TRUE(this->heap_.is_live(address));
    EXPECT_GE(this->heap_.usable_size(address), std::max(size, 1U));
    EXPECT_LT(this->heap_.usable_size(address), size + 2 * kGranule);
    this->fill(address, this->heap_.usable_size(address), 0xEE);
  }
  EXPECT_EQ(this->heap_.live_blocks(), 6U);
  EXPECT_EQ(this->statistics().live_blocks, 6U);
}

TYPED_TEST(MallocAdaptorTest, LiveBytesDoNotIncludeHeaders) {
  ASSERT_NE(this->heap_.malloc(160), 0U);
  EXPECT_EQ(this->statistics().live_bytes, 160U);
}

TYPED_TEST(MallocAdaptorTest, SizeZeroGivesDistinctLiveBlocks) {
  const Address first = this->heap_.malloc(0);
  const Address second = this->heap_.malloc(0);
  EXPECT_NE(first, second);
  EXPECT_TRUE(this->heap_.is_live(first) && this->heap_.is_live(second));
  EXPECT_EQ(this->heap_.free(first), FreeResult::kFreed);
  EXPECT_TRUE(this->heap_.is_live(second));
}

TYPED_TEST(MallocAdaptorTest, MemalignHonoursEveryAlignment) {
  for (const Size alignment : all_alignments()) {
    static_cast<void>(this->heap_.malloc(1));
    const Address address = this->heap_.memalign(alignment, 100);
    ASSERT_NE(address, 0U);
    EXPECT_EQ(address % alignment, 0U);
    EXPECT_GE(this->heap_.usable_size(address), 100U);
  }
}

TYPED_TEST(MallocAdaptorTest, MemalignRefusesInvalidAlignments) {
  for (const Size alignment : {0U, 3U, 24U, 131072U, 0x8000'0000U, 0xFFFF'FFFFU}) {
    EXPECT_EQ(this->heap_.memalign(alignment, 100), 0U) << alignment;
  }
  EXPECT_EQ(this->statistics().allocations, 0U);
}

TYPED_TEST(MallocAdaptorTest, CallocZeroesMemoryThatWasUsed) {
  const Address used = this->heap_.malloc(4000);
  static_cast<void>(this->heap_.malloc(1));
  this->leave_nothing_free();
  this->fill(used, 4000, 0xFF);
  this->heap_.free(used);
  const Address address = this->heap_.calloc(400, 10);
  EXPECT_EQ(address, used);
  EXPECT_TRUE(this->holds(address, 4000, 0));
}

TYPED_TEST(MallocAdaptorTest, MallocZeroedZeroesMemoryThatWasUsed) {
  const Address used = this->heap_.malloc(333);
  this->fill(used, 333, 0xFF);
  this->heap_.free(used);
  const Address address = this->heap_.malloc_zeroed(333);
  EXPECT_EQ(address, used);
  EXPECT_TRUE(this->holds(address, 333, 0));
}

TYPED_TEST(MallocAdaptorTest, CallocOfZeroBytesGivesALiveBlock) {
  EXPECT_TRUE(this->heap_.is_live(this->heap_.calloc(0, 100)));
  EXPECT_TRUE(this->heap_.is_live(this->heap_.calloc(100, 0)));
}

TYPED_TEST(MallocAdaptorTest, CallocRefusesProductsThatWrap) {
  EXPECT_EQ(this->heap_.calloc(1U << 16U, 1U << 16U), 0U);
  EXPECT_EQ(this->heap_.calloc(1U << 20U, 1U << 20U), 0U);
  EXPECT_EQ(this->heap_.calloc((1U << 16U) + 1, 1U << 16U), 0U);
  EXPECT_EQ(this->heap_.calloc(3, 0x5555'5556), 0U);
  EXPECT_EQ(this->heap_.calloc(0xFFFF'FFFF, 0xFFFF'FFFF), 0U);
  EXPECT_EQ(this->statistics().allocations, 0U);
  EXPECT_NE(this->heap_.calloc(1U << 8U, 1U << 8U), 0U);
}

TYPED_TEST(MallocAdaptorTest, ImpossibleSizesAreRefused) {
  const Address inner = this->heap_.malloc(100);
  const Address last = this->heap_.malloc(100);
  this->fill(inner, 100, 1);
  this->fill(last, 100, 2);
  const Snapshot before = snapshot_of(this->heap_.allocator());
  for (const Size size : kImpossibleSizes) {
    EXPECT_EQ(this->heap_.malloc(size), 0U) << size;
    EXPECT_EQ(this->heap_.malloc_zeroed(size), 0U) << size;
    EXPECT_EQ(this->heap_.memalign(65536, size), 0U) << size;
    EXPECT_EQ(this->heap_.realloc(inner, size), 0U) << size;
    EXPECT_EQ(this->heap_.realloc(last, size), 0U) << size;
    ASSERT_EQ(snapshot_of(this->heap_.allocator()), before) << size;
  }
  EXPECT_TRUE(this->heap_.is_live(inner) && this->heap_.is_live(last));
  EXPECT_TRUE(this->holds(inner, 100, 1));
  EXPECT_TRUE(this->holds(last, 100, 2));
}

// --- realloc

TYPED_TEST(MallocAdaptorTest, ReallocOfAddressZeroIsMalloc) {
  const Address address = this->heap_.realloc(0, 100);
  EXPECT_TRUE(this->heap_.is_live(address));
  EXPECT_EQ(this->heap_.live_blocks(), 1U);
}

TYPED_TEST(MallocAdaptorTest, ReallocKeepsContentsAndAlignment) {
  for (const Size alignment : all_alignments()) {
    Address address = this->heap_.memalign(alignment, 50);
    this->fill(address, 50, 0x5A);
    for (const Size size : {100U, 20'000U, 60U, 0U}) {
      static_cast<void>(this->heap_.malloc(16));
      const Address moved = this->heap_.realloc(address, size);
      ASSERT_NE(moved, 0U);
      EXPECT_EQ(moved % alignment, 0U);
      EXPECT_TRUE(this->holds(moved, std::min(50U, size), 0x5A));
      EXPECT_TRUE(this->heap_.is_live(moved));
      EXPECT_GE(this->heap_.usable_size(moved), size);
      if (moved != address) {
        EXPECT_FALSE(this->heap_.is_live(address));
      }
      address = moved;
    }
  }
}

TYPED_TEST(MallocAdaptorTest, TheOldAddressOfAMovedBlockIsAlreadyFree) {
  static_cast<void>(this->heap_.malloc(16));
  const Address address = this->heap_.malloc(50);
  static_cast<void>(this->heap_.malloc(16));
  const Address moved = this->heap_.realloc(address, 500);
  ASSERT_NE(moved, address);
  this->expect_refused(address, FreeResult::kAlreadyFree);
  EXPECT_EQ(this->heap_.live_blocks(), 3U);
}

TYPED_TEST(MallocAdaptorTest, FailedReallocKeepsTheBlock) {
  const Address inner = this->heap_.malloc(50);
  const Address last = this->heap_.malloc(50);
  for (const Address address : {inner, last}) {
    this->fill(address, 50, 0x77);
    const Size usable = this->heap_.usable_size(address);
    const Snapshot before = snapshot_of(this->heap_.allocator());
    EXPECT_EQ(this->heap_.realloc(address, 2 * kHeapPages * kPageBytes), 0U);
    EXPECT_EQ(snapshot_of(this->heap_.allocator()), before);
    EXPECT_TRUE(this->heap_.is_live(address));
    EXPECT_EQ(this->heap_.usable_size(address), usable);
    EXPECT_TRUE(this->holds(address, 50, 0x77));
    EXPECT_EQ(this->heap_.free(address), FreeResult::kFreed);
  }
}

// --- free

TYPED_TEST(MallocAdaptorTest, FreeOfAddressZeroDoesNothing) {
  EXPECT_EQ(this->heap_.free(0), FreeResult::kFreed);
  EXPECT_EQ(this->statistics().frees, 0U);
  EXPECT_FALSE(this->heap_.is_live(0));
}

TYPED_TEST(MallocAdaptorTest, FreeingEveryBlockFreesEveryByte) {
  std::vector<Address> blocks;
  for (const Size size : {100U, 5000U, 0U, 70'000U}) {
    blocks.push_back(this->heap_.memalign(size == 5000 ? 4096 : 16, size));
  }
  for (const Address address : blocks) EXPECT_EQ(this->heap_.free(address), FreeResult::kFreed);
  EXPECT_EQ(this->heap_.live_blocks(), 0U);
  EXPECT_EQ(this->statistics().free_bytes, this->statistics().heap_bytes);
}

TYPED_TEST(MallocAdaptorTest, ASecondFreeIsRefused) {
  const Address address = this->heap_.malloc(100);
  static_cast<void>(this->heap_.malloc(100));
  EXPECT_EQ(this->heap_.free(address), FreeResult::kFreed);
  this->expect_refused(address, FreeResult::kAlreadyFree);
  this->expect_refused(address, FreeResult::kAlreadyFree);
}

TYPED_TEST(MallocAdaptorTest, ASecondFreeIsRefusedAfterTheMemoryWasPartlyReused) {
  const Address address = this->heap_.malloc(1000);
  static_cast<void>(this->heap_.malloc(100));
  this->heap_.free(address);
  static_cast<void>(this->heap_.malloc(100));
  EXPECT_NE(this->heap_.free(address), FreeResult::kFreed);
}

TYPED_TEST(MallocAdaptorTest, ASecondFreeOfTheLastBlockIsRefused) {
  const Address address = this->heap_.malloc(100);
  EXPECT_EQ(this->heap_.free(address), FreeResult::kFreed);
  this->expect_refused(address, FreeResult::kAlreadyFree);
}

TYPED_TEST(MallocAdaptorTest, AnAddressIsLiveAgainOnceABlockReusesIt) {
  const Address address = this->heap_.malloc(100);
  static_cast<void>(this->heap_.malloc(100));
  this->leave_nothing_free();
  for (int i = 0; i < 100; ++i) {
    ASSERT_EQ(this->heap_.free(address), FreeResult::kFreed);
    ASSERT_EQ(this->heap_.malloc(100), address);
    ASSERT_TRUE(this->heap_.is_live(address));
  }
}

TYPED_TEST(MallocAdaptorTest, AddressesThatAreNotBlocksAreRefused) {
  const Address address = this->heap_.malloc(1000);
  static_cast<void>(this->heap_.malloc(100));
  for (Size offset = 1; offset < 1000; ++offset) {
    this->expect_refused(address + offset, FreeResult::kNotABlock);
  }
  const Address begin = this->heap_.allocator().pages().begin();
  const Address end = this->heap_.allocator().pages().end();
  for (const Address other : {1U, 15U, 16U, 17U, 32U, begin, begin + 16, begin - 16, end - 16, end,
                              end + 16, 0x8000'0000U, 0xFFFF'FFF0U, 0xFFFF'FFFFU}) {
    if (this->heap_.is_live(other)) continue;  // the first block's own address
    this->expect_refused(other, FreeResult::kNotABlock);
  }
  EXPECT_TRUE(this->heap_.is_live(address));
}

TYPED_TEST(MallocAdaptorTest, NothingIsLiveInAnUntouchedHeap) {
  for (const Address address : {0U, 16U, 65536U, 65552U, 65568U, 0xFFFF'FFF0U}) {
    EXPECT_FALSE(this->heap_.is_live(address)) << address;
    EXPECT_EQ(this->heap_.usable_size(address), 0U) << address;
  }
}

TYPED_TEST(MallocAdaptorTest, BlocksOfTheSizedCallsAreRefused) {
  const Address raw = this->heap_.allocator().allocate({.size = 512});
  static_cast<void>(this->heap_.malloc(100));
  for (const int value : {0x00, 0x01, 0x10, 0x7F, 0xFF}) {
    this->fill(raw, 512, value);
    for (Size offset = 0; offset < 512; offset += kGranule) {
      this->expect_refused(raw + offset, FreeResult::kNotABlock);
    }
  }
}

TYPED_TEST(MallocAdaptorTest, AHeaderCopiedElsewhereIsRefused) {
  const Address block = this->heap_.malloc(64);
  const Address raw = this->heap_.allocator().allocate({.size = 256});
  static_cast<void>(this->heap_.malloc(100));
  std::memcpy(this->bytes(raw), this->bytes(block - kPrefix), kPrefix);
  this->expect_refused(raw + kPrefix, FreeResult::kNotABlock);
}

TYPED_TEST(MallocAdaptorTest, AnOverwrittenHeaderIsRefused) {
  const Address block = this->heap_.malloc(64);
  static_cast<void>(this->heap_.malloc(100));
  for (Size offset = 0; offset < 12; ++offset) {
    unsigned char& byte = *this->bytes(block - kPrefix + offset);
    byte = static_cast<unsigned char>(byte ^ 0x40U);
    EXPECT_FALSE(this->heap_.is_live(block)) << "byte " << offset;
    EXPECT_EQ(this->heap_.free(block), FreeResult::kNotABlock) << "byte " << offset;
    byte = static_cast<unsigned char>(byte ^ 0x40U);
  }
  EXPECT_EQ(this->heap_.free(block), FreeResult::kFreed);
}

TYPED_TEST(MallocAdaptorTest, SizedCallsAndMallocCallsMix) {
  auto& sized = this->heap_.allocator();
  std::vector<Address> headered;
  std::vector<Address> raw;
  for (int i = 0; i < 50; ++i) {
    headered.push_back(this->heap_.malloc(40));
    this->fill(headered.back(), 40, 0xAA);
    raw.push_back(sized.allocate({.size = 40}));
    this->fill(raw.back(), 40, 0xBB);
  }
  EXPECT_EQ(this->heap_.live_blocks(), 50U);
  EXPECT_EQ(this->statistics().live_blocks, 100U);
  for (int i = 0; i < 50; i += 2) {
    const auto index = static_cast<std::size_t>(i);
    EXPECT_EQ(this->heap_.free(headered[index]), FreeResult::kFreed);
    EXPECT_TRUE(this->holds(raw[index], 40, 0xBB));
    sized.deallocate(raw[index], {.size = 40});
    EXPECT_TRUE(this->holds(headered[index + 1], 40, 0xAA));
    EXPECT_TRUE(this->heap_.is_live(headered[index + 1]));
  }
  EXPECT_EQ(this->heap_.live_blocks(), 25U);
  EXPECT_EQ(this->statistics().live_blocks, 50U);
}

// --- reset

TYPED_TEST(MallocAdaptorTest, ResetFreesEveryBlock) {
  std::vector<Address> blocks;
  for (Size size = 0; size < 200; size += 10) blocks.push_back(this->heap_.malloc(size));
  this->heap_.reset();
  EXPECT_EQ(this->heap_.live_blocks(), 0U);
  EXPECT_EQ(this->statistics().live_blocks, 0U);
  for (const Address address : blocks) this->expect_refused(address, FreeResult::kNotABlock);

  // Now the heap reaches above them again, and their headers are still in memory.
  static_cast<void>(this->heap_.allocator().allocate({.size = 10'000}));
  for (const Address address : blocks) this->expect_refused(address, FreeResult::kNotABlock);
}

TYPED_TEST(MallocAdaptorTest, BlocksAfterAResetAreLiveAtTheSameAddresses) {
  const Address before = this->heap_.malloc(100);
  for (int i = 0; i < 10; ++i) {
    this->heap_.reset();
    EXPECT_EQ(this->heap_.malloc(100), before);
    EXPECT_TRUE(this->heap_.is_live(before));
  }
  EXPECT_EQ(this->heap_.live_blocks(), 1U);
}

}  // namespace
}  // namespace lite_alloc::test
