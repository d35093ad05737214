// SPDX-License-Identifier: MIT

#include <gtest/gtest.h>

#include <map>
#include <vector>

#include "lite_alloc/inspect/shared_fit_check.hpp"
#include "lite_alloc/inspect/shared_fit_walk.hpp"
#include "support/shared_heaps.hpp"

namespace lite_alloc::test {
namespace {

using shared::bytes_of;
using shared::kClasses;
using shared::kSegmentBytes;

class SharedFitInspection : public testing::Test {
 protected:
  SharedFitInspection() { EXPECT_TRUE(heap_.attach()); }
  SharedFitInspection(const SharedFitInspection&) = delete;
  SharedFitInspection& operator=(const SharedFitInspection&) = delete;
  ~SharedFitInspection() override { TestThreads::set_record(nullptr); }

  [[nodiscard]] std::vector<Block> walk() {
    std::vector<Block> blocks;
    SharedFitWalk<SharedHeap::Parts> walk(heap_.parts());
    for (Block block; walk.next(block);) blocks.push_back(block);
    return blocks;
  }

  [[nodiscard]] Corruption check() {
    return SharedFitCheck<SharedHeap::Parts>(heap_.parts()).run();
  }

  /// Blocks of all classes and large ones, every third of which is free again.
  std::map<Address, Size> make_blocks() {
    std::map<Address, Size> live;
    for (Size i = 0; i < 10; ++i) {
      for (Size c = 1; c < kClasses; ++c) add(live, bytes_of(c), (c + i) % 3 != 0);
      add(live, 40'000 + i, i % 3 != 0);
    }
    return live;
  }

  SharedHeap heap_;

 private:
  void add(std::map<Address, Size>& live, Size size, bool stays) {
    const Address block = heap_.malloc(size);
    if (stays) {
      live[block] = heap_.usable_size(block);
    } else {
      EXPECT_EQ(heap_.free(block), FreeResult::kFreed);
    }
  }
};

TEST_F(SharedFitInspection, WalksEveryBlockOnceInAddressOrder) {
  EXPECT_TRUE(walk().empty() || walk()[0].state == Extent::State::kFree);
  const std::map<Address, Size> live = make_blocks();
  Address end = 0;
  std::map<Address, Size> used;
  for (const Block& block : walk()) {
    EXPECT_GE(block.address, end);
    EXPECT_GT(block.size, 0U);
    end = block.address + block.size;
    if (block.state == Extent::State::kUsed) used[block.address] = block.size;
  }
  EXPECT_LE(end, heap_.pages().end());
  ASSERT_EQ(used.size(), live.size());
  for (const auto& [block, size] : live) {
    ASSERT_TRUE(used.contains(block)) << block;
    EXPECT_GE(used[block], size);
  }
  EXPECT_EQ(heap_.statistics().live_blocks, live.size());
}

TEST_F(SharedFitInspection, CountsCallsAndMemory) {
  const std::map<Address, Size> live = make_blocks();
  Size live_bytes = 0;
  for (const auto& [block, size] : live) live_bytes += size;
  EXPECT_EQ(heap_.malloc(kMaxSize), 0U);
  EXPECT_EQ(heap_.malloc(~0U), 0U);
  EXPECT_EQ(heap_.calloc(65536, 65536), 0U);
  const auto statistics = heap_.statistics();
  EXPECT_EQ(statistics.allocations, 10U * kClasses);
  EXPECT_EQ(statistics.failures, 3U);
  EXPECT_EQ(statistics.live_bytes, live_bytes);
  EXPECT_EQ(statistics.heap_bytes, heap_.pages().end() - heap_.pages().begin());
  EXPECT_GT(statistics.growths, 0U);
  EXPECT_GT(statistics.largest_free_bytes, 0U);
  EXPECT_LE(statistics.largest_free_bytes + statistics.slack_bytes + statistics.used_chunk_bytes,
            statistics.heap_bytes);
}

TEST_F(SharedFitInspection, ResetFreesEveryBlockOfEveryThread) {
  const std::map<Address, Size> live = make_blocks();
  shared::ThreadRecord* const one = TestThreads::record();
  TestThreads::set_record(nullptr);
  std::map<Address, Size> others = make_blocks();
  shared::ThreadRecord* const other = TestThreads::record();
  TestThreads::set_record(one);
  EXPECT_EQ(heap_.reset(), live.size() + others.size());
  EXPECT_FALSE(check());
  EXPECT_EQ(heap_.statistics().live_blocks, 0U);
  EXPECT_EQ(heap_.statistics().live_bytes, 0U);
  for (const auto& [block, size] : live) EXPECT_NE(heap_.free(block), FreeResult::kFreed);
  for (const auto& [block, size] : others) EXPECT_NE(heap_.free(block), FreeResult::kFreed);
  {
    const AsThread as(other);
    heap_.trim();
    EXPECT_NE(heap_.malloc(100), 0U);
  }
  EXPECT_FALSE(check());
  for (const Block& block : walk()) {
    EXPECT_TRUE(block.state == Extent::State::kFree || block.size == 112) << block.address;
  }
}

TEST_F(SharedFitInspection, FreesTheBlocksOfADeadThreadAlone) {
  const std::map<Address, Size> live = make_blocks();
  shared::ThreadRecord* const one = TestThreads::record();
  TestThreads::set_record(nullptr);
  const std::map<Address, Size> others = make_blocks();
  const std::uint32_t dead = TestThreads::record()->id;
  TestThreads::set_record(one);
  for (const auto& [block, size] : live) EXPECT_EQ(heap_.owner_of(block), one->id) << block;
  for (const auto& [block, size] : others) EXPECT_EQ(heap_.owner_of(block), dead) << block;
  EXPECT_TRUE(heap_.recover(dead, true));
  EXPECT_EQ(heap_.statistics().live_blocks, live.size());
  EXPECT_FALSE(check());
  for (const auto& [block, size] : others) EXPECT_NE(heap_.free(block), FreeResult::kFreed);
  for (const auto& [block, size] : live) EXPECT_EQ(heap_.free(block), FreeResult::kFreed);
  EXPECT_EQ(heap_.statistics().live_bytes, 0U);
}

TEST_F(SharedFitInspection, FindsNothingInASoundHeap) {
  EXPECT_FALSE(check());
  const std::map<Address, Size> live = make_blocks();
  EXPECT_FALSE(check());
  heap_.trim();
  EXPECT_FALSE(check());
  for (const auto& [block, size] : live) heap_.free(block);
  EXPECT_FALSE(check());
  heap_.trim();
  EXPECT_FALSE(check());
}

TEST_F(SharedFitInspection, FindsTagsAndLinksThatWereOverwritten) {
  const auto overwrite = [&](Address address, Corruption::Kind kind) {
    std::uint32_t& word = *heap_.pages().at<std::uint32_t>(address);
    const std::uint32_t before = word;
    for (const std::uint32_t value : {0U, 0xFFFF'FFFFU, before ^ 64U}) {
      word = value;
      EXPECT_EQ(check().kind, kind) << value;
    }
    word = before;
    EXPECT_FALSE(check());
  };
  const Address large = heap_.malloc(50'000);
  const Address behind = heap_.malloc(60'000);
  const Address last = heap_.malloc(50'000);
  overwrite(large - 4, Corruption::Kind::kHeaderOverwritten);
  EXPECT_EQ(heap_.free(behind), FreeResult::kFreed);
  overwrite(behind - 4, Corruption::Kind::kHeaderOverwritten);
  overwrite(behind, Corruption::Kind::kFreeListOutsideHeap);
  overwrite(last - 8, Corruption::Kind::kHeaderOverwritten);

  const Address first = heap_.malloc(2000);
  const Address second = heap_.malloc(2000);
  const Address third = heap_.malloc(2000);
  heap_.free(second);
  heap_.free(first);
  heap_.trim();
  overwrite(first, Corruption::Kind::kFreeListOutsideHeap);
  overwrite(first + 8, Corruption::Kind::kFreeListOutsideHeap);
  EXPECT_EQ(heap_.free(third), FreeResult::kFreed);
}

}  // namespace
}  // namespace lite_alloc::test
