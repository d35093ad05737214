// SPDX-License-Identifier: MIT

#include "lite_alloc/shared/shared_fit.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <set>
#include <vector>

#include "support/shared_heaps.hpp"

namespace lite_alloc::test {
namespace {

using shared::bytes_of;
using shared::kClasses;
using shared::kMaxSlabBlock;
using shared::ThreadRecord;

/// A heap with two threads, `one` and `other`; the test is `one` unless it says otherwise.
class SharedFit : public testing::Test {
 protected:
  explicit SharedFit(Size maximum_pages = 4096) : heap_(16U, maximum_pages) {
    EXPECT_TRUE(heap_.attach());
    one_ = TestThreads::record();
    TestThreads::set_record(nullptr);
    EXPECT_TRUE(heap_.attach());
    other_ = TestThreads::record();
    TestThreads::set_record(one_);
  }
  SharedFit(const SharedFit&) = delete;
  SharedFit& operator=(const SharedFit&) = delete;
  ~SharedFit() override { TestThreads::set_record(nullptr); }

  [[nodiscard]] FreeResult free_as_other(Address block) {
    const AsThread other(other_);
    return heap_.free(block);
  }

  [[nodiscard]] Address malloc_as_other(Size size) {
    const AsThread other(other_);
    return heap_.malloc(size);
  }

  void detach_both() {
    {
      const AsThread other(other_);
      heap_.detach();
    }
    heap_.detach();
  }

  /// Bytes of the heap that are in use once no block is live: those of the records.
  [[nodiscard]] Size bytes_of_records() { return heap_.statistics().used_chunk_bytes; }

  void fill(Address block, Size size, int value) {
    std::memset(heap_.pages().at<std::byte>(block), value, size);
  }

  [[nodiscard]] bool holds(Address block, Size size, int value) {
    const auto* bytes = heap_.pages().at<unsigned char>(block);
    return std::all_of(bytes, bytes + size, [&](unsigned char byte) { return byte == value; });
  }

  SharedHeap heap_;
  ThreadRecord* one_ = nullptr;
  ThreadRecord* other_ = nullptr;
};

/// The same with memory that is soon exhausted.
class SharedFitInLittleMemory : public SharedFit {
 protected:
  SharedFitInLittleMemory() : SharedFit(256) {}
};

/// Sizes of every class, at both ends, and of large blocks.
[[nodiscard]] std::vector<Size> all_sizes() {
  std::vector<Size> sizes = {0, 1};
  for (Size c = 1; c < kClasses; ++c) {
    sizes.push_back(bytes_of(c));
    sizes.push_back(bytes_of(c) + 1);
  }
  sizes.insert(sizes.end(), {kMaxSlabBlock + 1, 65536, 100'000, 1'000'000});
  return sizes;
}

TEST_F(SharedFit, GivesBlocksOfEverySizeThatAreAlignedApartAndWritable) {
  std::vector<std::pair<Address, Size>> blocks;
  int value = 0;
  for (const Size size : all_sizes()) {
    for (int i = 0; i < 3; ++i) {
      const Address block = heap_.malloc(size);
      ASSERT_NE(block, 0U) << size;
      EXPECT_EQ(block % kGranule, 0U);
      EXPECT_GE(heap_.usable_size(block), size);
      fill(block, heap_.usable_size(block), ++value % 256);
      blocks.emplace_back(block, heap_.usable_size(block));
    }
  }
  value = 0;
  for (const auto& [block, size] : blocks) {
    EXPECT_TRUE(holds(block, size, ++value % 256)) << block;
    EXPECT_EQ(heap_.free(block), FreeResult::kFreed);
  }
}

TEST_F(SharedFit, ReusesTheBlockThatWasFreedLast) {
  for (const Size size : {16U, 500U, 4000U}) {
    const Address block = heap_.malloc(size);
    heap_.free(block);
    EXPECT_EQ(heap_.malloc(size), block) << size;
  }
}

TEST_F(SharedFit, ReturnsAllMemoryWhenEverythingIsFreedAndTheThreadsLeave) {
  const Size before = bytes_of_records();
  std::vector<Address> blocks;
  for (int round = 0; round < 20; ++round) {
    for (const Size size : all_sizes()) {
      blocks.push_back(heap_.malloc(size));
      blocks.push_back(malloc_as_other(size));
      ASSERT_NE(blocks.back(), 0U);
    }
  }
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    const FreeResult result = i % 3 == 0 ? heap_.free(blocks[i]) : free_as_other(blocks[i]);
    EXPECT_EQ(result, FreeResult::kFreed);
  }
  EXPECT_EQ(heap_.statistics().live_blocks, 0U);
  EXPECT_EQ(heap_.statistics().live_bytes, 0U);
  detach_both();
  heap_.trim();
  EXPECT_EQ(bytes_of_records(), before);
}

TEST_F(SharedFit, TellsASecondFreeInWhateverListTheBlockIs) {
  for (const Size size : all_sizes()) {
    const Address block = heap_.malloc(size);
    EXPECT_EQ(heap_.free(block), FreeResult::kFreed);
    EXPECT_EQ(heap_.free(block), FreeResult::kAlreadyFree) << "own, " << size;
    EXPECT_EQ(free_as_other(block), FreeResult::kAlreadyFree) << "of another thread, " << size;
    const Address sent = heap_.malloc(size);
    EXPECT_EQ(free_as_other(sent), FreeResult::kFreed);
    EXPECT_EQ(free_as_other(sent), FreeResult::kAlreadyFree) << "in a parcel, " << size;
    EXPECT_EQ(heap_.free(sent), FreeResult::kAlreadyFree) << "in a parcel, " << size;
    {
      const AsThread other(other_);
      heap_.trim();
    }
    EXPECT_EQ(heap_.free(sent), FreeResult::kAlreadyFree) << "in the inbox, " << size;
  }
}

TEST_F(SharedFit, RejectsAddressesThatNoBlockHas) {
  for (const Size size : all_sizes()) {
    const Address block = heap_.malloc(size);
    fill(block, heap_.usable_size(block), 0);
    for (const Size offset : {1U, 4U, 8U, 15U, 16U, 64U}) {
      if (offset >= size) break;
      EXPECT_EQ(heap_.free(block + offset), FreeResult::kNotABlock) << size << " + " << offset;
      EXPECT_EQ(free_as_other(block + offset), FreeResult::kNotABlock) << size << " + " << offset;
      EXPECT_EQ(heap_.realloc(block + offset, 1), 0U);
      EXPECT_EQ(heap_.usable_size(block + offset), 0U);
    }
    EXPECT_EQ(heap_.free(block), FreeResult::kFreed);
  }
  const Address end = heap_.pages().end();
  for (const Address wrong : {1U, 16U, 65536U, end - 16, end, end + 16, 0xFFFF'FFF0U, ~0U}) {
    EXPECT_NE(heap_.free(wrong), FreeResult::kFreed) << wrong;
    EXPECT_EQ(heap_.usable_size(wrong), 0U) << wrong;
  }
  EXPECT_EQ(heap_.free(0), FreeResult::kFreed);
}

TEST_F(SharedFit, RejectsEveryAddressOfASegmentWhereNoBlockStarts) {
  std::set<Address> blocks;
  for (Size c = 1; c < kClasses; ++c) blocks.insert(heap_.malloc(bytes_of(c)));
  const Address segment = align_down(*blocks.begin(), shared::kSegmentBytes);
  for (Address address = segment; address != segment + shared::kSegmentBytes; address += 4) {
    if (blocks.contains(address)) continue;
    EXPECT_NE(heap_.free(address), FreeResult::kFreed) << address - segment;
  }
  for (const Address block : blocks) EXPECT_EQ(heap_.free(block), FreeResult::kFreed);
}

TEST_F(SharedFit, GivesBlocksThatAnotherThreadFreedToTheirOwnerAgain) {
  for (const Size size : {16U, 100U, 1000U, 4096U, 20'000U}) {
    std::vector<Address> blocks;
    for (int i = 0; i < 500; ++i) blocks.push_back(heap_.malloc(size));
    const Size memory = heap_.statistics().used_chunk_bytes;
    for (int round = 0; round < 20; ++round) {
      for (const Address block : blocks) EXPECT_EQ(free_as_other(block), FreeResult::kFreed);
      for (Address& block : blocks) block = heap_.malloc(size);
    }
    EXPECT_LE(heap_.statistics().used_chunk_bytes, memory + 2 * shared::kSegmentBytes) << size;
    for (const Address block : blocks) EXPECT_EQ(heap_.free(block), FreeResult::kFreed);
  }
}

TEST_F(SharedFit, BoundsWhatIsHeldBackInCaches) {
  const Size before = heap_.statistics().cached_bytes;
  std::vector<Address> blocks;
  for (Size round = 0; round < 300; ++round) {
    for (Size c = 1; c < kClasses; ++c) {
      if (round % (1 + bytes_of(c) / 256) == 0) blocks.push_back(heap_.malloc(bytes_of(c)));
    }
  }
  Size most = 0;
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    EXPECT_EQ(i % 2 == 0 ? heap_.free(blocks[i]) : free_as_other(blocks[i]), FreeResult::kFreed);
    if (i % 64 == 0) most = std::max(most, heap_.statistics().cached_bytes - before);
  }
  // What waits in the inbox until the owner looks is not bounded by the sender.
  heap_.trim();
  EXPECT_LE(heap_.statistics().cached_bytes, 256U * 1024U);
  EXPECT_GT(most, 0U);
}

TEST_F(SharedFit, ReallocKeepsContentsInEveryDirection) {
  const std::array<Size, 9> sizes = {1, 16, 100, 1000, 4000, 30'000, 40'000, 200'000, 700'000};
  for (const Size from : sizes) {
    for (const Size to : sizes) {
      const Address block = heap_.malloc(from);
      fill(block, from, 7);
      const Address moved = heap_.realloc(block, to);
      ASSERT_NE(moved, 0U);
      EXPECT_TRUE(holds(moved, std::min(from, to), 7)) << from << " to " << to;
      EXPECT_GE(heap_.usable_size(moved), to);
      if (moved != block) {
        EXPECT_NE(heap_.free(block), FreeResult::kFreed);
      }
      EXPECT_EQ(heap_.free(moved), FreeResult::kFreed);
    }
  }
  EXPECT_EQ(heap_.statistics().live_bytes, 0U);
}

TEST_F(SharedFit, ReallocOfAnotherThreadsBlockMovesItHere) {
  const Address block = malloc_as_other(100);
  fill(block, 100, 9);
  const Address moved = heap_.realloc(block, 5000);
  EXPECT_TRUE(holds(moved, 100, 9));
  EXPECT_EQ(heap_.free(block), FreeResult::kAlreadyFree);
  EXPECT_EQ(free_as_other(moved), FreeResult::kFreed);
}

TEST_F(SharedFit, ReallocLeavesTheBlockIfMemoryCannotGrow) {
  for (const Size size : {100U, 40'000U}) {
    const Address block = heap_.malloc(size);
    fill(block, size, 5);
    EXPECT_EQ(heap_.realloc(block, 5000 * kPageBytes), 0U);
    EXPECT_EQ(heap_.realloc(block, ~0U), 0U);
    EXPECT_TRUE(holds(block, size, 5));
    EXPECT_EQ(heap_.free(block), FreeResult::kFreed);
  }
}

TEST_F(SharedFit, AlignsToEveryPowerOfTwo) {
  std::vector<Address> blocks;
  for (Size alignment = 1; alignment <= 1U << 20U; alignment *= 2) {
    for (const Size size : {0U, 1U, 17U, 100U, 513U, 1000U, 5000U, 33'000U, 70'000U}) {
      const Address block = heap_.memalign(alignment, size);
      ASSERT_NE(block, 0U) << alignment << " " << size;
      EXPECT_EQ(block % std::max(alignment, kGranule), 0U) << alignment << " " << size;
      EXPECT_GE(heap_.usable_size(block), size);
      blocks.push_back(block);
    }
  }
  EXPECT_EQ(std::set(blocks.begin(), blocks.end()).size(), blocks.size());
  for (const Address block : blocks) EXPECT_EQ(free_as_other(block), FreeResult::kFreed);
  EXPECT_EQ(heap_.memalign(0, 16), 0U);
  EXPECT_EQ(heap_.memalign(48, 16), 0U);
  EXPECT_EQ(heap_.memalign(1U << 31U, ~0U - 100), 0U);
}

TEST_F(SharedFit, ClearsWhatCallocReturns) {
  for (const Size size : all_sizes()) {
    const Address block = heap_.malloc(size);
    fill(block, heap_.usable_size(block), 255);
    heap_.free(block);
    const Address zeroed = heap_.calloc(1, size);
    EXPECT_TRUE(holds(zeroed, size, 0)) << size;
    heap_.free(zeroed);
  }
  EXPECT_EQ(heap_.calloc(65536, 65536), 0U);
  EXPECT_EQ(heap_.calloc(3, 0x6000'0000), 0U);
}

TEST_F(SharedFitInLittleMemory, FailsWhenMemoryIsExhaustedAndGoesOnAfterwards) {
  for (const Size size : {16U, 1000U, 4096U, 20'000U, 100'000U}) {
    std::vector<Address> blocks;
    for (Address block = heap_.malloc(size); block != 0; block = heap_.malloc(size)) {
      blocks.push_back(block);
    }
    EXPECT_GT(blocks.size() * std::size_t{size}, 10'000'000U) << size;
    EXPECT_EQ(std::set(blocks.begin(), blocks.end()).size(), blocks.size());
    EXPECT_EQ(malloc_as_other(size), 0U);
    for (const Address block : blocks) EXPECT_EQ(free_as_other(block), FreeResult::kFreed);
    {
      const AsThread other(other_);
      heap_.trim();
    }
    heap_.trim();
    EXPECT_NE(heap_.malloc(8 * kPageBytes), 0U) << size;
  }
  for (const Size size : {~0U, ~0U - 16, kMaxSize + 1, kMaxSize}) EXPECT_EQ(heap_.malloc(size), 0U);
}

TEST_F(SharedFitInLittleMemory, KeepsTheAlignmentWhereThereIsNoRoomForASlab) {
  std::vector<Address> blocks;
  for (Address block = heap_.malloc(20'000); block != 0; block = heap_.malloc(20'000)) {
    blocks.push_back(block);
  }
  // Two free blocks in different segments: room for chunks only where a segment ends up free.
  for (std::size_t i = 0; i < 12; ++i) heap_.free(blocks[i]);
  for (Size alignment = 32; alignment <= 4096; alignment *= 2) {
    const Address block = heap_.memalign(alignment, 700);
    ASSERT_NE(block, 0U) << alignment;
    EXPECT_EQ(block % alignment, 0U) << alignment;
  }
}

TEST_F(SharedFit, AlignsForThreadsWithoutARecord) {
  std::vector<ThreadRecord*> records;
  for (Size i = 2; i < SharedHeap::kMaxThreads; ++i) {
    TestThreads::set_record(nullptr);
    ASSERT_TRUE(heap_.attach());
    records.push_back(TestThreads::record());
  }
  TestThreads::set_record(nullptr);
  const auto before = heap_.statistics();
  for (Size alignment = 16; alignment <= 65536; alignment *= 2) {
    const Address block = heap_.memalign(alignment, 100);
    ASSERT_NE(block, 0U);
    EXPECT_EQ(block % alignment, 0U) << alignment;
    EXPECT_EQ(heap_.free(block), FreeResult::kFreed);
  }
  const Address own = [&] {
    const AsThread one(one_);
    return heap_.malloc(100);
  }();
  EXPECT_EQ(heap_.free(own), FreeResult::kFreed);
  EXPECT_EQ(heap_.statistics().live_blocks, before.live_blocks);
  EXPECT_EQ(heap_.statistics().live_bytes, before.live_bytes);
}

TEST_F(SharedFit, NeverFreesARecordOrASegment) {
  const Address block = heap_.malloc(100);
  const Address segment = align_down(block, shared::kSegmentBytes);
  const auto* base = heap_.pages().at<std::byte>(SharedMemory::kBegin);
  for (ThreadRecord* record : {one_, other_}) {
    const auto offset = reinterpret_cast<std::byte*>(record) - base;
    const Address address = SharedMemory::kBegin + static_cast<Address>(offset);
    EXPECT_EQ(heap_.free(address), FreeResult::kNotABlock);
    EXPECT_EQ(heap_.realloc(address, 10'000), 0U);
    EXPECT_EQ(heap_.usable_size(address), 0U);
  }
  if (segment != block) {
    EXPECT_NE(heap_.free(segment), FreeResult::kFreed);
  }
  EXPECT_EQ(heap_.free(block), FreeResult::kFreed);
}

TEST_F(SharedFit, UsesWhatCameBackInOtherSizesBeforeMemoryGrows) {
  std::vector<Address> blocks;
  for (int i = 0; i < 3000; ++i) blocks.push_back(heap_.malloc(500));
  const Size memory = heap_.statistics().heap_bytes;
  for (const Address block : blocks) EXPECT_EQ(free_as_other(block), FreeResult::kFreed);
  {
    const AsThread other(other_);
    heap_.trim();
  }
  for (int i = 0; i < 1200; ++i) EXPECT_NE(heap_.malloc(1000), 0U);
  EXPECT_EQ(heap_.statistics().heap_bytes, memory);
}

TEST_F(SharedFit, CountsLiveBlocksOfAllThreads) {
  const Address first = heap_.malloc(100);
  const Address second = malloc_as_other(40'000);
  const Address third = malloc_as_other(3000);
  auto statistics = heap_.statistics();
  EXPECT_EQ(statistics.threads, 2U);
  EXPECT_EQ(statistics.live_blocks, 3U);
  const Size bytes =
      heap_.usable_size(first) + heap_.usable_size(second) + heap_.usable_size(third);
  EXPECT_EQ(statistics.live_bytes, bytes);
  EXPECT_EQ(free_as_other(first), FreeResult::kFreed);
  EXPECT_EQ(heap_.free(second), FreeResult::kFreed);
  EXPECT_EQ(heap_.free(third), FreeResult::kFreed);
  statistics = heap_.statistics();
  EXPECT_EQ(statistics.live_blocks, 0U);
  EXPECT_EQ(statistics.live_bytes, 0U);
  EXPECT_GE(statistics.cached_bytes, 112U + 3264U);
}

TEST_F(SharedFit, LetsALaterThreadTakeOverWhatAnEarlierOneHad) {
  std::vector<Address> blocks;
  for (int i = 0; i < 1000; ++i) blocks.push_back(heap_.malloc(64));
  heap_.detach();
  EXPECT_EQ(TestThreads::record()->id, 0U);
  EXPECT_TRUE(heap_.attach());
  EXPECT_EQ(TestThreads::record(), one_);
  for (const Address block : blocks) EXPECT_EQ(heap_.free(block), FreeResult::kFreed);
  EXPECT_EQ(heap_.statistics().live_blocks, 0U);
}

TEST_F(SharedFit, ReturnsBlocksOfAThreadThatHasLeftToTheHeap) {
  const Size before = heap_.statistics().used_chunk_bytes;
  std::vector<Address> blocks;
  for (int i = 0; i < 2000; ++i) blocks.push_back(malloc_as_other(500));
  {
    const AsThread other(other_);
    heap_.detach();
  }
  for (const Address block : blocks) EXPECT_EQ(heap_.free(block), FreeResult::kFreed);
  heap_.trim();
  EXPECT_EQ(heap_.statistics().used_chunk_bytes, before);
}

TEST_F(SharedFit, AttachesAThreadAtItsFirstCall) {
  TestThreads::set_record(nullptr);
  const Address block = heap_.malloc(100);
  EXPECT_NE(block, 0U);
  EXPECT_EQ(heap_.statistics().threads, 3U);
  heap_.detach();
  const Address own = [&] {
    const AsThread one(one_);
    return heap_.malloc(100);
  }();
  EXPECT_EQ(heap_.free(own), FreeResult::kFreed) << "the first call is a free";
  EXPECT_EQ(heap_.free(block), FreeResult::kFreed);
  heap_.detach();
}

TEST_F(SharedFit, ServesThreadsWithoutARecordIfAllAreTaken) {
  std::vector<ThreadRecord*> records;
  for (Size i = 2; i < SharedHeap::kMaxThreads; ++i) {
    TestThreads::set_record(nullptr);
    ASSERT_TRUE(heap_.attach()) << i;
    records.push_back(TestThreads::record());
  }
  TestThreads::set_record(nullptr);
  EXPECT_FALSE(heap_.attach());
  const Address block = heap_.malloc(100);
  ASSERT_NE(block, 0U);
  fill(block, 100, 3);
  EXPECT_TRUE(holds(block, 100, 3));
  const Address moved = heap_.realloc(block, 10'000);
  EXPECT_TRUE(holds(moved, 100, 3));
  EXPECT_EQ(heap_.free(moved), FreeResult::kFreed);
  EXPECT_EQ(heap_.free(moved), FreeResult::kAlreadyFree);
  const Address own = [&] {
    const AsThread one(one_);
    return heap_.malloc(100);
  }();
  EXPECT_EQ(heap_.free(own), FreeResult::kFreed);
  EXPECT_EQ(heap_.free(own), FreeResult::kAlreadyFree);
  for (ThreadRecord* record : records) {
    const AsThread thread(record);
    heap_.detach();
  }
}

TEST_F(SharedFit, UsesTheSecretOfTheHeap) {
  SharedHeap first(16U, 256U);
  SharedHeap second(16U, 256U);
  first.set_secret(0x0123'4567'89AB'CDEF);
  std::array<std::uint64_t, 2> marks = {};
  std::array<SharedHeap*, 2> heaps = {&first, &second};
  for (std::size_t i = 0; i < 2; ++i) {
    TestThreads::set_record(nullptr);
    const Address block = heaps[i]->malloc(16);
    EXPECT_EQ(heaps[i]->free(block), FreeResult::kFreed);
    EXPECT_EQ(heaps[i]->free(block), FreeResult::kAlreadyFree);
    marks[i] = *heaps[i]->pages().at<std::uint64_t>(block + 8) ^ block;
  }
  EXPECT_NE(marks[0], marks[1]);
}

}  // namespace
}  // namespace lite_alloc::test
