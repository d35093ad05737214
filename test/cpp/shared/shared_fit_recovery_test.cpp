// SPDX-License-Identifier: MIT
//
// A thread dies at every access to memory that its calls make, and another one goes on.

#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "lite_alloc/inspect/shared_fit_check.hpp"
#include "lite_alloc/shared/shared_fit.hpp"
#include "support/random.hpp"
#include "support/shared_heaps.hpp"

namespace lite_alloc::test {
namespace {

using shared::bytes_of;
using shared::ThreadRecord;

/// A heap with a thread that will die and one that survives.
class World {
 public:
  World() {
    TestThreads::set_record(nullptr);
    EXPECT_TRUE(heap.attach());
    survivor = TestThreads::record();
    TestThreads::set_record(nullptr);
    EXPECT_TRUE(heap.attach());
    victim = TestThreads::record();
    TestThreads::set_record(survivor);
    record_bytes = heap.statistics().used_chunk_bytes;
  }
  World(const World&) = delete;
  World& operator=(const World&) = delete;
  ~World() { TestThreads::set_record(nullptr); }

  Address allocate(ThreadRecord* thread, Size size, Size alignment = kGranule) {
    const AsThread as(thread);
    const Address block = heap.memalign(alignment, size);
    if (block != 0) keep(block, size);
    return block;
  }

  void keep(Address block, Size size) {
    live[block] = size;
    std::memset(heap.pages().at<std::byte>(block), value_of(block), std::min(size, kEnd));
    std::memset(heap.pages().at<std::byte>(block + size - std::min(size, kEnd)), value_of(block),
                std::min(size, kEnd));
  }

  FreeResult free(ThreadRecord* thread, Address block) {
    const AsThread as(thread);
    live.erase(block);
    return heap.free(block);
  }

  [[nodiscard]] bool is_intact(Address block, Size size) {
    const auto* bytes = heap.pages().at<std::uint8_t>(block);
    const auto is_own = [&](std::uint8_t byte) { return byte == value_of(block); };
    const Size end = std::min(size, kEnd);
    return std::all_of(bytes, bytes + end, is_own) &&
           std::all_of(bytes + size - end, bytes + size, is_own);
  }

  /// Notes a block that the victim got, or has moved, before it died.
  void hold(Address block) noexcept { held[held_count++] = block; }
  void hold_aligned(Size alignment, Size size) noexcept { hold(heap.memalign(alignment, size)); }

  /// The bytes at both ends of a block that are compared.
  static constexpr Size kEnd = 64;

  [[nodiscard]] static std::uint8_t value_of(Address block) {
    return static_cast<std::uint8_t>(block / kGranule * 7 + 1);
  }

  /// The bytes that nobody can use again, although no block is live.
  [[nodiscard]] Size lost_bytes() {
    heap.trim();
    return heap.statistics().used_chunk_bytes - record_bytes;
  }

  SharedHeap heap{16U, 128U};
  ThreadRecord* survivor = nullptr;
  ThreadRecord* victim = nullptr;
  std::map<Address, Size> live;  // size of each block that must survive
  Size record_bytes = 0;
  std::array<Address, 512> held = {};
  Size held_count = 0;
};

/// What the victim does when it dies. `prepare` runs before and leaves blocks in `live`.
struct Scenario {
  std::string name;
  std::function<void(World&)> prepare;
  /// Frees or moves only the blocks in `touched`, and notes those that it gets.
  std::function<void(World&, const std::vector<Address>& touched)> call;
};

/// Lets the victim die at access number `access` of the call. Returns false iff the call ended
/// before.
bool dies_and_is_survived(const Scenario& scenario, std::uint32_t access) {
  SCOPED_TRACE(scenario.name + ", access " + std::to_string(access));
  World world;
  scenario.prepare(world);
  std::vector<Address> touched;
  for (const auto& [block, size] : world.live) {
    if (size % 16 == 8) touched.push_back(block);  // the mark of blocks that the call uses
  }
  bool died = false;
  {
    const AsThread as(world.victim);
    died = Death::at_access(access, [&] { scenario.call(world, touched); });
  }
  if (!died) return false;
  TestThreads::set_record(world.survivor);
  EXPECT_TRUE(world.heap.recover(world.victim->id));
  EXPECT_FALSE(world.heap.is_damaged());
  EXPECT_FALSE(SharedFitCheck<SharedHeap::Parts>(world.heap.parts()).run());

  for (const Address block : touched) world.live.erase(block);
  for (const auto& [block, size] : world.live) {
    EXPECT_TRUE(world.is_intact(block, size)) << block;
    EXPECT_GE(world.heap.usable_size(block), size) << block;
  }
  // The survivor goes on.
  std::vector<Address> blocks;
  for (int round = 0; round < 2; ++round) {
    for (Size size = 16; size < 200'000; size += 16 + size / 2) {
      const Address block = world.allocate(world.survivor, size);
      EXPECT_NE(block, 0U);
      blocks.push_back(block);
    }
  }
  for (const auto& [block, size] : world.live) EXPECT_TRUE(world.is_intact(block, size)) << block;
  while (!world.live.empty()) {
    EXPECT_EQ(world.free(world.survivor, world.live.begin()->first), FreeResult::kFreed);
  }
  for (Size i = 0; i < world.held_count; ++i) {
    EXPECT_EQ(world.heap.free(world.held[i]), FreeResult::kFreed);
  }
  // Whether the call has freed its blocks is open.
  for (const Address block : touched) (void)world.heap.free(block);
  // At most 64 small blocks and one chunk are lost. A lost block keeps its segment.
  constexpr Size kLargestChunk = 400'000;
  EXPECT_FALSE(SharedFitCheck<SharedHeap::Parts>(world.heap.parts()).run());
  EXPECT_LE(world.lost_bytes(), 2 * shared::kSegmentBytes + kLargestChunk);
  EXPECT_LE(world.heap.statistics().blocks_out_of_slabs, 64U);
  return true;
}

/// A size that marks a block as one that the call uses.
[[nodiscard]] constexpr Size touched(Size size) { return size / 16 * 16 + 8; }

[[nodiscard]] std::vector<Scenario> scenarios() {
  std::vector<Scenario> all;
  const auto add = [&](std::string name, auto prepare, auto call) {
    all.push_back({std::move(name), prepare, call});
  };
  const auto nothing = [](World&) {};
  for (const Size size : {16U, 500U, 1024U, 3000U, 20'000U}) {
    const std::string text = " of " + std::to_string(size) + " bytes";
    add("first block" + text, nothing,
        [size](World& world, const auto&) { world.hold(world.heap.malloc(size)); });
    add(
        "block from the magazine" + text,
        [size](World& world) {
          for (int i = 0; i < 3; ++i) world.allocate(world.victim, size / 16 * 16);
        },
        [size](World& world, const auto&) { world.hold(world.heap.malloc(size)); });
    add("a thousand blocks" + text, nothing, [size](World& world, const auto&) {
      for (int i = 0; i < (size > 1000 ? 30 : 300); ++i) world.hold(world.heap.malloc(size));
    });
    add(
        "own free" + text,
        [size](World& world) {
          world.allocate(world.victim, size / 16 * 16);
          world.allocate(world.victim, touched(size));
        },
        [](World& world, const auto& blocks) { world.heap.free(blocks[0]); });
    add(
        "own frees until slabs are empty" + text,
        [size](World& world) {
          for (int i = 0; i < (size > 1000 ? 30 : 300); ++i) {
            world.allocate(world.victim, touched(size));
            if (i % 10 == 0) world.allocate(world.victim, 16);
          }
        },
        [](World& world, const auto& blocks) {
          for (const Address block : blocks) world.heap.free(block);
        });
    add(
        "frees of blocks of the survivor" + text,
        [size](World& world) {
          for (int i = 0; i < 80; ++i) world.allocate(world.survivor, touched(size));
        },
        [](World& world, const auto& blocks) {
          for (const Address block : blocks) world.heap.free(block);
        });
    add(
        "blocks that came back" + text,
        [size](World& world) {
          std::vector<Address> blocks;
          for (int i = 0; i < 200; ++i) {
            blocks.push_back(world.allocate(world.victim, size / 16 * 16));
          }
          for (const Address block : blocks) world.free(world.survivor, block);
          const AsThread as(world.survivor);
          world.heap.trim();
        },
        [size](World& world, const auto&) {
          for (int i = 0; i < 80; ++i) world.hold(world.heap.malloc(size));
        });
    add(
        "leaving" + text,
        [size](World& world) {
          std::vector<Address> blocks;
          for (int i = 0; i < 60; ++i) {
            blocks.push_back(world.allocate(world.victim, size / 16 * 16));
            world.allocate(world.survivor, size / 16 * 16);
          }
          for (std::size_t i = 0; i < blocks.size(); ++i) {
            if (i % 7 != 0) world.free(i % 2 == 0 ? world.survivor : world.victim, blocks[i]);
          }
        },
        [](World& world, const auto&) { world.heap.detach(); });
  }
  for (const Size alignment : {16U, 4096U, 65536U}) {
    const std::string text = ", aligned to " + std::to_string(alignment);
    add("large block" + text, nothing,
        [alignment](World& world, const auto&) { world.hold_aligned(alignment, 100'000); });
    add(
        "large block from between others" + text,
        [](World& world) {
          std::array<Address, 6> blocks = {};
          for (Address& block : blocks) block = world.allocate(world.victim, 160'000);
          world.free(world.victim, blocks[1]);
          world.free(world.victim, blocks[3]);
        },
        [alignment](World& world, const auto&) {
          world.hold_aligned(alignment, 60'000);
          world.hold_aligned(alignment, 160'000);
        });
    add(
        "large block for which memory grows" + text,
        [](World& world) { world.allocate(world.victim, 800'000); },
        [alignment](World& world, const auto&) {
          world.hold_aligned(alignment, 350'000);
          world.hold_aligned(alignment, 350'000);
        });
  }
  const auto large_neighbours = [](std::vector<int> freed, std::vector<int> used) {
    return [freed, used](World& world) {
      std::array<Address, 5> blocks = {};
      for (std::size_t i = 0; i < blocks.size(); ++i) {
        const bool is_used = std::find(used.begin(), used.end(), i) != used.end();
        blocks[i] = world.allocate(world.victim, is_used ? touched(90'000) : 90'000 / 16 * 16);
      }
      for (const int i : freed) world.free(world.victim, blocks[static_cast<std::size_t>(i)]);
    };
  };
  const std::vector<std::vector<int>> neighbours = {{}, {1}, {3}, {1, 3}, {3, 4}, {1, 3, 4}};
  for (const auto& freed : neighbours) {
    const std::string text = " beside " + std::to_string(freed.size()) + " free ones";
    add("free of a large block" + text, large_neighbours(freed, {2}),
        [](World& world, const auto& blocks) { world.heap.free(blocks[0]); });
    for (const Size size : {40'000U, 100'000U, 180'000U, 380'000U}) {
      add("realloc to " + std::to_string(size) + text, large_neighbours(freed, {2}),
          [size](World& world, const auto& blocks) { (void)world.heap.realloc(blocks[0], size); });
    }
  }
  add(
      "realloc of the last block, for which memory grows",
      [](World& world) { world.allocate(world.victim, touched(900'000)); },
      [](World& world, const auto& blocks) { (void)world.heap.realloc(blocks[0], 1'200'000); });
  return all;
}

TEST(SharedFitRecovery, SurvivesADeathAtEveryAccessOfEveryCall) {
  std::uint32_t deaths = 0;
  for (const Scenario& scenario : scenarios()) {
    std::uint32_t access = 1;
    // Long calls repeat themselves.
    while (dies_and_is_survived(scenario, access)) {
      ++deaths;
      access += access < 300 ? 1 : access / 50;
      if (testing::Test::HasFailure()) return;
    }
  }
  RecordProperty("deaths", std::to_string(deaths));
  std::cout << deaths << " deaths survived\n";
  EXPECT_GT(deaths, 1000U);
}

TEST(SharedFitRecovery, SaysSoIfTheTagsWereOverwrittenAndGoesOnWithSlabs) {
  World world;
  const Address small = world.allocate(world.survivor, 100);
  const Address first = world.allocate(world.victim, 50'000);
  const Address second = world.allocate(world.victim, 50'000);
  for (std::uint32_t access = 1;; ++access) {
    const AsThread as(world.victim);
    ASSERT_TRUE(Death::at_access(access, [&] { (void)world.heap.malloc(60'000); })) << access;
    if (world.heap.lock_owner() == world.victim->id) break;
  }
  *world.heap.pages().at<std::uint32_t>(second - 4) = 12345;
  EXPECT_FALSE(world.heap.recover(world.victim->id));
  EXPECT_TRUE(world.heap.is_damaged());
  EXPECT_EQ(world.heap.lock_owner(), 0U);
  EXPECT_EQ(world.heap.malloc(50'000), 0U);
  EXPECT_EQ(world.heap.realloc(first, 80'000), 0U);
  EXPECT_EQ(world.heap.usable_size(first), 0U);
  EXPECT_EQ(world.heap.free(first), FreeResult::kNotABlock);
  EXPECT_EQ(world.heap.free(small), FreeResult::kFreed);
  EXPECT_EQ(world.heap.malloc(100), small);
}

TEST(SharedFitRecovery, LeavesTheRecordOfAThreadThatHasLeftAlone) {
  World world;
  const std::uint32_t left = world.victim->id;
  {
    const AsThread as(world.victim);
    world.heap.detach();
  }
  // The thread that calls has no record yet, and gets that one.
  TestThreads::set_record(nullptr);
  EXPECT_TRUE(world.heap.recover(left, true));
  EXPECT_EQ(TestThreads::record(), world.victim);
  const Address block = world.heap.malloc(100);
  EXPECT_EQ(world.heap.owner_of(block), left);
  TestThreads::set_record(nullptr);
  EXPECT_TRUE(world.heap.attach());
  EXPECT_NE(TestThreads::record(), world.victim) << "the record is not given to a second thread";
  EXPECT_EQ(world.heap.free(block), FreeResult::kFreed);
}

TEST(SharedFitRecovery, RefusesThreadsThatCannotBe) {
  World world;
  EXPECT_FALSE(world.heap.recover(0));
  EXPECT_FALSE(world.heap.recover(world.survivor->id)) << "its own id";
  EXPECT_FALSE(world.heap.recover(SharedHeap::kMaxThreads + 1));
  EXPECT_TRUE(world.heap.recover(SharedHeap::kMaxThreads)) << "there is nothing to do";
  const Address block = world.allocate(world.survivor, 100);
  EXPECT_TRUE(world.is_intact(block, 100));
}

}  // namespace
}  // namespace lite_alloc::test
