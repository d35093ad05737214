// SPDX-License-Identifier: MIT
//
// Several threads on one heap. ThreadSanitizer runs these tests, too.

#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <mutex>
#include <random>
#include <thread>
#include <vector>

#include "lite_alloc/shared/shared_fit.hpp"
#include "support/random.hpp"
#include "support/shared_heaps.hpp"

namespace lite_alloc::test {
namespace {

struct Block {
  Address address;
  Size size;
  std::uint32_t pattern;
};

/// Blocks that one thread has left for any other one.
class Exchange {
 public:
  /// Leaves a block, and takes another one if there are more than `kMost`.
  [[nodiscard]] bool swap(Block& block, std::uint32_t random) {
    const std::lock_guard lock(mutex_);
    blocks_.push_back(block);
    if (blocks_.size() <= kMost) return false;
    std::swap(blocks_[random % blocks_.size()], blocks_.back());
    block = blocks_.back();
    blocks_.pop_back();
    return true;
  }

  [[nodiscard]] std::vector<Block> take_all() {
    const std::lock_guard lock(mutex_);
    return std::move(blocks_);
  }

 private:
  static constexpr std::size_t kMost = 200;

  std::mutex mutex_;
  std::vector<Block> blocks_;
};

class SharedFitThreads : public testing::Test {
 protected:
  ~SharedFitThreads() override { TestThreads::set_record(nullptr); }

  void fill(const Block& block) {
    for_some_bytes(block, [&](std::uint8_t& byte, std::uint8_t value) {
      byte = value;
      return true;
    });
  }

  [[nodiscard]] bool is_intact(const Block& block) {
    return for_some_bytes(block,
                          [](std::uint8_t& byte, std::uint8_t value) { return byte == value; });
  }

  /// Allocates, resizes and frees blocks at random, a quarter of them by way of other threads.
  void run(std::uint32_t seed, Size operations, Exchange& exchange) {
    std::mt19937 random(seed);
    std::vector<Block> live;
    for (Size i = 0; i < operations; ++i) {
      const bool allocates = live.size() < 100 || (random() % 2 == 0 && live.size() < 1500);
      if (allocates) {
        const Block block = allocate(random);
        if (block.address != 0) live.push_back(block);
        continue;
      }
      std::swap(live[random() % live.size()], live.back());
      Block block = live.back();
      live.pop_back();
      if (random() % 4 == 0 && !exchange.swap(block, static_cast<std::uint32_t>(random())))
        continue;
      faults_ += is_intact(block) ? 0 : 1;
      if (random() % 8 == 0) {
        block = resize(block, size_for(random));
        live.push_back(block);
      } else {
        faults_ += heap_.free(block.address) == FreeResult::kFreed ? 0 : 1;
      }
    }
    for (const Block& block : live) free(block);
    heap_.detach();
  }

  void free(const Block& block) {
    faults_ += is_intact(block) ? 0 : 1;
    faults_ += heap_.free(block.address) == FreeResult::kFreed ? 0 : 1;
  }

  SharedHeap heap_;
  std::atomic<Size> faults_ = 0;

 private:
  template <typename Visit>
  bool for_some_bytes(const Block& block, Visit visit) {
    auto* bytes = heap_.pages().at<std::uint8_t>(block.address);
    for (Size i = 0; i < block.size; i += i < 64 ? 1 : 251) {
      if (!visit(bytes[i], static_cast<std::uint8_t>(block.pattern + i))) return false;
    }
    return true;
  }

  [[nodiscard]] static Size size_for(std::mt19937& random) {
    const auto kind = random() % 100;
    const Size most = kind < 70 ? 512 : kind < 95 ? 5000 : kind < 99 ? 40'000 : 300'000;
    return static_cast<Size>(random() % most);
  }

  [[nodiscard]] Block allocate(std::mt19937& random) {
    const Size size = size_for(random);
    const Size alignment = random() % 10 == 0 ? 1U << random() % 13 : kGranule;
    const Block block = {heap_.memalign(alignment, size), size,
                         static_cast<std::uint32_t>(random())};
    faults_ += block.address % alignment == 0 ? 0 : 1;
    if (block.address != 0) fill(block);
    return block;
  }

  [[nodiscard]] Block resize(const Block& block, Size size) {
    const Address moved = heap_.realloc(block.address, size);
    if (moved == 0) return block;
    const Block kept = {moved, std::min(size, block.size), block.pattern};
    faults_ += is_intact(kept) ? 0 : 1;
    const Block whole = {moved, size, block.pattern};
    fill(whole);
    return whole;
  }
};

TEST_F(SharedFitThreads, NeverOverlapLoseOrLeakBlocks) {
  const Size operations = number_from_environment("LITE_ALLOC_OPERATIONS", 200'000);
  const std::uint32_t seed = number_from_environment("LITE_ALLOC_SEED", 1);
  RecordProperty("seed", std::to_string(seed));
  constexpr std::uint32_t kThreads = 4;
  Exchange exchange;
  ASSERT_TRUE(heap_.attach());
  const Size records = kThreads + 1;
  // Threads of a later round take over what those of an earlier one left.
  for (std::uint32_t round = 0; round < 3; ++round) {
    std::vector<std::thread> threads;
    for (std::uint32_t i = 0; i < kThreads; ++i) {
      threads.emplace_back([&, i] { run(seed * 1000 + round * 10 + i, operations, exchange); });
    }
    for (std::thread& thread : threads) thread.join();
    for (const Block& block : exchange.take_all()) free(block);
    EXPECT_EQ(faults_, 0U) << "LITE_ALLOC_SEED=" << seed;
    EXPECT_EQ(heap_.statistics().live_blocks, 0U);
    EXPECT_EQ(heap_.statistics().live_bytes, 0U);
    heap_.trim();
    EXPECT_EQ(heap_.statistics().cached_bytes, 0U);
    EXPECT_EQ(heap_.statistics().blocks_out_of_slabs, 0U);
    const Size record_bytes = align_up(sizeof(shared::ThreadRecord) + 8, kGranule);
    EXPECT_LE(heap_.statistics().used_chunk_bytes, records * record_bytes);
  }
}

TEST_F(SharedFitThreads, PassOnBlocksFromProducerToConsumer) {
  constexpr Size kCount = 100'000;
  constexpr Size kSlots = 256;
  std::array<std::atomic<Address>, kSlots> slots = {};
  std::thread producer([&] {
    for (Size i = 0; i < kCount; ++i) {
      const Address block = heap_.malloc(16 + i % 500);
      *heap_.pages().at<Size>(block) = i;
      while (slots[i % kSlots].load(std::memory_order_acquire) != 0) std::this_thread::yield();
      slots[i % kSlots].store(block, std::memory_order_release);
    }
    heap_.detach();
  });
  for (Size i = 0; i < kCount; ++i) {
    Address block = 0;
    while ((block = slots[i % kSlots].load(std::memory_order_acquire)) == 0) {
      std::this_thread::yield();
    }
    slots[i % kSlots].store(0, std::memory_order_release);
    ASSERT_EQ(*heap_.pages().at<Size>(block), i);
    ASSERT_EQ(heap_.free(block), FreeResult::kFreed);
  }
  producer.join();
  EXPECT_EQ(heap_.statistics().live_blocks, 0U);
  EXPECT_LE(heap_.statistics().heap_bytes, 4U << 20U) << "the producer gets its blocks back";
}

TEST_F(SharedFitThreads, GoOnWhileTheBlocksOfADeadThreadAreFreed) {
  const Size operations = number_from_environment("LITE_ALLOC_OPERATIONS", 200'000) / 4;
  ASSERT_TRUE(heap_.attach());
  shared::ThreadRecord* const own = TestThreads::record();
  std::atomic<bool> ends = false;
  Exchange exchange;
  std::vector<std::thread> threads;
  for (std::uint32_t i = 0; i < 2; ++i) {
    threads.emplace_back([&, i] {
      for (std::uint32_t round = 0; !ends; ++round) run(100 * round + i, operations, exchange);
    });
  }
  for (int death = 0; death < 50; ++death) {
    TestThreads::set_record(nullptr);
    ASSERT_TRUE(heap_.attach());
    const std::uint32_t dead = TestThreads::record()->id;
    for (Size i = 0; i < 300; ++i) {
      ASSERT_NE(heap_.malloc(i % 50 == 0 ? 50'000 : 16 + i * 13), 0U);
    }
    TestThreads::set_record(own);
    ASSERT_TRUE(heap_.recover(dead, true));
  }
  ends = true;
  for (std::thread& thread : threads) thread.join();
  for (const Block& block : exchange.take_all()) free(block);
  EXPECT_EQ(faults_, 0U);
  EXPECT_EQ(heap_.statistics().live_blocks, 0U);
  heap_.trim();
  EXPECT_EQ(heap_.statistics().blocks_out_of_slabs, 0U);
}

TEST_F(SharedFitThreads, AttachAndDetachAtTheSameTime) {
  constexpr int kThreads = 4;
  std::vector<std::thread> threads;
  std::vector<std::atomic<Address>> left(64);
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] {
      for (std::size_t round = 0; round < 500; ++round) {
        const Address block = heap_.malloc(200);
        const Address other =
            left[(round + static_cast<std::size_t>(i)) % left.size()].exchange(block);
        if (other != 0) faults_ += heap_.free(other) == FreeResult::kFreed ? 0 : 1;
        heap_.detach();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const auto& block : left) {
    if (block != 0) faults_ += heap_.free(block) == FreeResult::kFreed ? 0 : 1;
  }
  EXPECT_EQ(faults_, 0U);
  EXPECT_EQ(heap_.statistics().live_blocks, 0U);
  heap_.trim();
  EXPECT_EQ(heap_.statistics().cached_bytes, 0U);
}

}  // namespace
}  // namespace lite_alloc::test
