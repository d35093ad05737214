// SPDX-License-Identifier: MIT
#include "lite_alloc/heap/segregated_fit.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <iterator>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "lite_alloc/inspect/statistics.hpp"
#include "support/heap_test.hpp"
#include "support/slab_sizes.hpp"

namespace lite_alloc::test {
namespace {

using Heap = SegregatedFit<HostPages>;

constexpr Size kTag = 4;
constexpr Size kSlab = 4096;
/// The size of the stash: `malloc` uses the freed blocks in it first, whatever slabs they lie in.
constexpr Size kMaxStash = 15;

/// The bytes of the chunks in a first region of one page.
constexpr Size kFirstRegion = kPageBytes - kGranule;
/// Returns the size of the chunk for a block of `size` bytes.
[[nodiscard]] constexpr Size chunk_of(Size size) { return align_up(size + kTag, kGranule); }

/// Returns the slab map of a heap with one slab.
[[nodiscard]] Extent first_map() {
  Heap heap;
  static_cast<void>(heap.malloc(1));
  return slab_map_of(heap);
}

class SegregatedFitTest : public HeapTest<Heap> {
 protected:
  // The malloc family, checked against the shadow heap as `HeapTest` checks the sized calls.

  Address malloc(Size size) {
    const Address address = heap_.malloc(size);
    EXPECT_NE(address, 0U) << "no block of " << size;
    if (address != 0) {
      EXPECT_TRUE(shadow_.add(address, {.size = size}));
    }
    return address;
  }

  Address memalign(Size alignment, Size size) {
    const Address address = heap_.memalign(alignment, size);
    EXPECT_NE(address, 0U) << "no block of " << size << " aligned to " << alignment;
    if (address != 0) {
      EXPECT_TRUE(shadow_.add(address, {.size = size, .alignment = alignment}));
    }
    return address;
  }

  Address realloc(Address address, Size size) {
    EXPECT_TRUE(shadow_.verify(address));
    const Address moved = heap_.realloc(address, size);
    EXPECT_NE(moved, 0U) << "no " << size << " bytes for block " << address;
    if (moved != 0) {
      EXPECT_TRUE(shadow_.move(address, moved, size));
    }
    return moved;
  }

  void free(Address address) {
    EXPECT_TRUE(shadow_.remove(address));
    EXPECT_EQ(heap_.free(address), FreeResult::kFreed) << address;
  }

  void free_all() {
    while (!shadow_.blocks().empty()) free(shadow_.blocks().begin()->first);
  }

  std::vector<Address> malloc_all(std::initializer_list<Size> sizes) {
    std::vector<Address> blocks;
    for (const Size size : sizes) blocks.push_back(malloc(size));
    return blocks;
  }

  /// Allocates blocks of one size until there is no memory for another.
  std::vector<Address> exhaust_with(Size size) {
    pages().refuse_growth(true);
    std::vector<Address> blocks;
    while (const Address address = try_allocate({.size = size})) blocks.push_back(address);
    return blocks;
  }

  /// Frees all blocks, in this order, and expects that only the slab map remains: before memory
  /// would grow, spare slabs become free chunks.
  void free_all_and_expect_nothing_stays(const std::vector<Address>& blocks) {
    for (const Address block : blocks) free(block);
    pages().refuse_growth(true);
    EXPECT_EQ(heap_.malloc(2 * statistics().heap_bytes), 0U);
    std::vector<Extent> used = extents_of(heap_);
    std::erase_if(used, [](const Extent& extent) { return extent.state == Extent::State::kFree; });
    EXPECT_EQ(used.size(), 1U) << testing::PrintToString(used);
    EXPECT_LE(bytes_in(used, Extent::State::kUsed), 3 * pages().end() / kSlab);
  }

  /// Returns the live blocks in random order.
  [[nodiscard]] std::vector<Address> shuffled_blocks(Random& random) {
    std::vector<Address> blocks;
    for (const auto& [address, block] : shadow_.blocks()) {
      blocks.push_back(address);
      std::swap(blocks[random.below(static_cast<Size>(blocks.size()))], blocks.back());
    }
    return blocks;
  }

  /// Allocates the free memory at the end of the heap, all but `rest` bytes.
  Address fill_top(Size rest = 0) {
    const Size slack = statistics().slack_bytes;
    EXPECT_GT(slack, rest);
    return malloc(slack - rest - kTag);
  }

  [[nodiscard]] std::vector<Extent> free_extents() {
    std::vector<Extent> extents = extents_of(heap_);
    std::erase_if(extents,
                  [](const Extent& extent) { return extent.state == Extent::State::kUsed; });
    return extents;
  }

  [[nodiscard]] unsigned char* bytes(Address address) {
    return pages().template at<unsigned char>(address);
  }

  /// Returns all that introspection shows of the heap.
  [[nodiscard]] std::pair<Statistics, std::vector<Extent>> look() {
    return {statistics(), extents_of(heap_)};
  }

  void expect_refused(Address address, FreeResult expected) {
    const auto before = look();
    EXPECT_FALSE(heap_.is_live(address)) << address;
    EXPECT_EQ(heap_.free(address), expected) << address;
    EXPECT_EQ(look(), before) << address;
  }

  void expect_refused(Address address) {
    const auto before = look();
    EXPECT_FALSE(heap_.is_live(address)) << address;
    EXPECT_NE(heap_.free(address), FreeResult::kFreed) << address;
    EXPECT_EQ(look(), before) << address;
  }

  /// Expects that the heap calls these blocks live, and no other address.
  void expect_live_are(const std::set<Address>& blocks) {
    for (Address address = pages().begin(); address < pages().end(); address += 4) {
      ASSERT_EQ(heap_.is_live(address), blocks.contains(address)) << address;
    }
  }

  /// Allocates, resizes and frees at random, and lets `fill(block)` write to each new block.
  void expect_only_blocks_are_live(auto fill) {
    Random random;
    std::set<Address> live;
    const auto enter = [&](Address block) {
      ASSERT_NE(block, 0U);
      fill(block);
      live.insert(block);
    };
    for (int i = 0; i < 10'000 && !HasFailure(); ++i) {
      if (live.size() < 20 || random.one_in(2)) {
        const Size alignment = random.one_in(10) ? random.alignment() : kGranule;
        enter(heap_.memalign(alignment, random.log_uniform(12)));
      } else {
        const Size index = random.below(static_cast<Size>(live.size()));
        const Address block = *std::next(live.begin(), index);
        live.erase(block);
        if (random.one_in(3)) {
          enter(heap_.realloc(block, random.log_uniform(12)));
        } else {
          ASSERT_EQ(heap_.free(block), FreeResult::kFreed) << i;
        }
      }
      if (i % 500 == 0) expect_live_are(live);
      if (live.size() <= 100) continue;
      for (const Address block : live) ASSERT_EQ(heap_.free(block), FreeResult::kFreed) << i;
      live.clear();
    }
  }

  /// Expects that a walk shows the live blocks with their usable sizes, and no others.
  void expect_walk_shows_blocks() {
    auto block = shadow_.blocks().begin();
    auto cursor = heap_.walk();
    for (Extent extent; cursor.next(extent);) {
      if (!cursor.is_block()) continue;
      ASSERT_NE(block, shadow_.blocks().end());
      const Address address = extent.begin + block->second.layout.prefix;
      ASSERT_EQ(address, block->first);
      ASSERT_EQ(extent.state, Extent::State::kUsed);
      const Size usable = heap_.usable_size(extent.begin);
      ASSERT_EQ(extent.size, usable > kMaxSmall ? usable + kTag : extent.size);
      ASSERT_TRUE(extent.size == usable || extent.size == usable + kTag);
      ++block;
    }
    EXPECT_EQ(block, shadow_.blocks().end());
  }
};

// --- small blocks

TEST_F(SegregatedFitTest, SmallBlocksHaveNoHeader) {
  std::vector<Address> blocks;
  for (Size i = 0; i < 254; ++i) blocks.push_back(malloc(16));
  EXPECT_EQ(blocks.front() % kSlab, kGranule);
  for (Size i = 0; i < 254; ++i) ASSERT_EQ(blocks[i], blocks.front() + i * 16);
  EXPECT_NE(malloc(16) / kSlab, blocks.front() / kSlab);
}

TEST_F(SegregatedFitTest, AThousandSmallBlocksTakeHardlyMoreThanTheirBytes) {
  for (int i = 0; i < 1000; ++i) malloc(16);
  const Statistics seen = statistics();
  EXPECT_EQ(seen.live_bytes, 16'000U);
  EXPECT_EQ(seen.heap_bytes - seen.free_bytes, 16'000 + 4 * (kSlab - 254 * 16) + first_map().size);
  EXPECT_EQ(seen.growths, 0U);
}

TEST_F(SegregatedFitTest, SizeZeroGivesDistinctLiveBlocks) {
  std::set<Address> blocks;
  for (int i = 0; i < 300; ++i) blocks.insert(malloc(0));
  EXPECT_EQ(blocks.size(), 300U);
  for (const Address block : blocks) EXPECT_EQ(heap_.usable_size(block), 16U);
  EXPECT_TRUE(heap_.is_live(heap_.memalign(64, 0)));
  EXPECT_TRUE(heap_.is_live(heap_.calloc(0, 8)));
  EXPECT_TRUE(heap_.is_live(heap_.realloc(0, 0)));
  heap_.reset();
  shadow_.forget_all();
}

TEST_F(SegregatedFitTest, SmallBlocksAreRoundedToTheirClassAndLargeOnesAreATagShorter) {
  for (Size size = 0; size <= 5000; ++size) {
    const Address block = malloc(size);
    const Size usable = heap_.usable_size(block);
    const Size expected = size <= kMaxSmall ? usable_in_slab(size) : chunk_of(size) - kTag;
    ASSERT_EQ(usable, expected) << size;
    std::memset(bytes(block), 0xFF, usable);
    ASSERT_FALSE(size % 100 == 0 && heap_.find_corruption()) << size;
    EXPECT_EQ(heap_.free(block), FreeResult::kFreed);
    shadow_.forget_all();
  }
}

TEST_F(SegregatedFitTest, AFreedSmallBlockIsUsedAgainBeforeMemoryGrows) {
  for (const Size size : {16U, 48U, 512U, 576U, 672U, 800U, 1008U}) {
    const std::vector<Address> blocks = exhaust_with(size);
    for (std::size_t i = 0; i < blocks.size(); i += 7) {
      free(blocks[i]);
      ASSERT_EQ(malloc(size), blocks[i]);
    }
    std::set<Address> freed;
    for (std::size_t i = 0; i < blocks.size(); i += 3) {
      free(blocks[i]);
      freed.insert(blocks[i]);
    }
    for (std::size_t i = freed.size(); i != 0; --i) ASSERT_EQ(freed.erase(malloc(size)), 1U);
    reset();
  }
}

TEST_F(SegregatedFitTest, SmallBlocksOfAnySlabServeLastInFirstOut) {
  std::vector<Address> blocks;
  for (Size i = 0; i < 20 * 7; ++i) blocks.push_back(malloc(512));
  std::vector<Address> freed;
  for (Size i = 0; i < kMaxStash; ++i) freed.push_back(blocks[i * 9]);
  for (int round = 0; round < 3; ++round) {
    for (const Address block : freed) free(block);
    for (auto block = freed.rbegin(); block != freed.rend(); ++block)
      EXPECT_EQ(malloc(512), *block);
  }
}

TEST_F(SegregatedFitTest, TheSlabThatHasHadAFreeBlockForLongestServesFirst) {
  std::vector<Address> blocks;
  for (Size i = 0; i < 9 * 7; ++i) blocks.push_back(malloc(512));
  for (Size i = 0; i < kMaxStash; ++i) free(blocks[6 * 7 + i]);
  // A slab has seven blocks. Those freed here lie in the third slab, the first, the second, and the
  // third again; the last slab is the active one.
  for (const std::size_t i : {17U, 3U, 10U, 19U}) free(blocks[i]);
  for (Size i = 0; i < kMaxStash; ++i) static_cast<void>(malloc(512));
  const std::set<Address> third{malloc(512), malloc(512)};
  EXPECT_EQ(third, (std::set<Address>{blocks[17], blocks[19]}));
  EXPECT_EQ(malloc(512), blocks[3]);
  EXPECT_EQ(malloc(512), blocks[10]);
}

TEST_F(SegregatedFitTest, ASlabWithoutBlocksServesAnotherSize) {
  const std::vector<Address> blocks = exhaust_with(16);
  const Address slab = align_down(blocks[blocks.size() / 2], kSlab);
  for (const Address block : blocks) {
    if (align_down(block, kSlab) == slab) free(block);
  }
  for (const Size size : {1008U, 512U, 112U, 672U, 16U}) {
    std::vector<Address> others;
    for (Size i = 0; i < (kSlab - kGranule - kTag) / size; ++i) {
      others.push_back(malloc(size));
      EXPECT_EQ(align_down(others.back(), kSlab), slab) << size;
    }
    for (const Address other : others) free(other);
  }
}

TEST_F(SegregatedFitTest, EmptySlabsBeyondTheSpareOnesBecomeFreeChunksAtOnce) {
  std::vector<Address> blocks;
  for (Size i = 0; i < 40 * 7; ++i) blocks.push_back(malloc(512));
  const Size used = statistics().heap_bytes - statistics().free_bytes;
  for (const Address block : blocks) free(block);
  const std::vector<Extent> extents = extents_of(heap_);
  const auto is_large = [](const Extent& extent) {
    return extent.state == Extent::State::kFree && extent.size > kMaxSmall;
  };
  Size released = 0;
  for (const Extent& extent : extents) released += is_large(extent) ? extent.size : 0;
  EXPECT_GE(released, used - 18 * kSlab);
}

// --- memory that small blocks have used

TEST_F(SegregatedFitTest, OneLargeBlockTakesThePlaceOfSmallOnesOfAnySize) {
  for (Size size = 16; size <= kMaxSmall; size += 16) {
    exhaust_with(size);
    free_all();
    malloc(kFirstRegion - first_map().size - kTag);
    EXPECT_EQ(statistics().free_bytes, 0U) << size;
    reset();
  }
}

TEST_F(SegregatedFitTest, OneLargeBlockTakesThePlaceOfSmallOnesOfAllSizes) {
  deallocate(allocate(63 * kPageBytes));
  pages().refuse_growth(true);
  Random random;
  while (try_allocate({.size = random.below(kMaxSmall + 1)}) != 0) {
  }
  free_all_and_expect_nothing_stays(shuffled_blocks(random));
  // The map may divide the free memory: where it lies depends on the seed.
  const Size heap_bytes = statistics().heap_bytes;
  malloc(heap_bytes / 2);
  malloc(heap_bytes / 4);
}

TEST_F(SegregatedFitTest, LargeBlocksTakeThePlaceOfSmallOnesThatAreMostlyGone) {
  deallocate(allocate(15 * kPageBytes));
  const std::vector<Address> blocks = exhaust_with(16);
  ASSERT_GT(blocks.size(), 50'000U);
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    if (i % 1000 != 0) free(blocks[i]);
  }
  // One slab of four has a block left.
  const Size large = 3 * kSlab - kTag;
  Size count = 0;
  while (try_allocate({.size = large}) != 0) ++count;
  EXPECT_GE(count * large, statistics().heap_bytes / 2);
}

TEST_F(SegregatedFitTest, SmallBlocksTakeThePlaceOfThoseThatAreMostlyGone) {
  const std::vector<Address> blocks = exhaust_with(16);
  Size freed = 0;
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    if (i % 100 == 0) continue;
    free(blocks[i]);
    ++freed;
  }
  for (; freed != 0; --freed) malloc(16);
  EXPECT_EQ(try_allocate({.size = 16}), 0U);
}

// --- merging

TEST_F(SegregatedFitTest, FreeNeighboursAreOneExtentWhateverTheOrder) {
  std::vector<std::size_t> order = {1, 2, 3};
  do {
    const std::vector<Address> blocks = malloc_all({1200, 1400, 2000, 4000, 1200});
    fill_top();
    for (const std::size_t i : order) free(blocks[i]);
    const Extent all{blocks[1], chunk_of(1400) + chunk_of(2000) + chunk_of(4000),
                     Extent::State::kFree};
    EXPECT_EQ(free_extents(), std::vector<Extent>{all});
    EXPECT_EQ(statistics().largest_free_bytes, all.size);
    EXPECT_EQ(malloc(all.size - kTag), all.begin);
    reset();
  } while (std::next_permutation(order.begin(), order.end()));
}

TEST_F(SegregatedFitTest, TheLastBlocksMergeWithTheTopWhateverTheOrder) {
  std::vector<std::size_t> order = {1, 2, 3};
  do {
    const std::vector<Address> blocks = malloc_all({1200, 1400, 2000, 4000});
    for (const std::size_t i : order) free(blocks[i]);
    EXPECT_EQ(
        free_extents(),
        (std::vector<Extent>{{blocks[1], kFirstRegion - chunk_of(1200), Extent::State::kFree}}));
    EXPECT_EQ(statistics().slack_bytes, kFirstRegion - chunk_of(1200));
    EXPECT_EQ(statistics().largest_free_bytes, 0U);
    reset();
  } while (std::next_permutation(order.begin(), order.end()));
}

TEST_F(SegregatedFitTest, AFreeBlockWithUsedNeighboursStaysOnItsOwn) {
  const std::vector<Address> blocks = malloc_all({1200, 1200, 1200, 1200, 1200, 1200});
  for (const std::size_t i : {2U, 0U, 4U}) free(blocks[i]);
  EXPECT_EQ(free_extents().size(), 4U) << "the top included";
}

TEST_F(SegregatedFitTest, RegionsAreNotMerged) {
  const Address first = malloc(kFirstRegion - kTag);
  pages().grow_as_other_code(1);
  const Address second = malloc(kPageBytes);
  free(second);
  free(first);
  ASSERT_EQ(free_extents().size(), 2U);
  EXPECT_EQ(free_extents()[0].size, kFirstRegion);
}

// --- realloc

TEST_F(SegregatedFitTest, ABlockGrowsIntoTheFreeNeighbourBehindIt) {
  const std::vector<Address> blocks = malloc_all({2000, 2000, 2000});
  free(blocks[1]);
  EXPECT_EQ(realloc(blocks[0], 3000), blocks[0]);
  EXPECT_EQ(free_extents().front(),
            (Extent{blocks[0] + chunk_of(3000), 2 * chunk_of(2000) - chunk_of(3000),
                    Extent::State::kFree}));
  const Size both = 2 * chunk_of(2000) - kTag;
  EXPECT_EQ(realloc(blocks[0], both), blocks[0]);
  EXPECT_EQ(heap_.usable_size(blocks[0]), both);
  EXPECT_NE(realloc(blocks[0], both + 1), blocks[0]);
}

TEST_F(SegregatedFitTest, NothingIsLiveInsideABlockThatGrew) {
  const std::vector<Address> blocks = malloc_all({2000, 2000, 2000, 2000});
  free(blocks[1]);
  const Address grown = heap_.realloc(blocks[0], 3000);
  ASSERT_EQ(grown, blocks[0]);
  expect_refused(blocks[1], FreeResult::kAlreadyFree);
  ASSERT_EQ(heap_.realloc(grown, 2000), grown);
  ASSERT_EQ(heap_.realloc(grown, 3400), grown);
  expect_refused(blocks[1], FreeResult::kAlreadyFree);
  ASSERT_EQ(heap_.realloc(blocks[3], 2 * kPageBytes), blocks[3]);
  expect_refused(blocks[3] + chunk_of(2000), FreeResult::kAlreadyFree);
}

TEST_F(SegregatedFitTest, AShrunkBlockGivesItsTailBack) {
  const std::vector<Address> blocks = malloc_all({5000, 2000});
  for (const Size size : {4000U, 700U, 100U, 1U, 0U}) {
    EXPECT_EQ(realloc(blocks[0], size), blocks[0]);
    const Size taken = chunk_of(std::max(size, 1U));
    EXPECT_EQ(heap_.usable_size(blocks[0]), taken - kTag);
    EXPECT_EQ(free_extents().front(),
              (Extent{blocks[0] + taken, chunk_of(5000) - taken, Extent::State::kFree}));
    EXPECT_FALSE(heap_.is_live(blocks[0] + taken));
  }
}

TEST_F(SegregatedFitTest, AShrunkBlocksTailMergesWithTheFreeNeighbourBehindIt) {
  const std::vector<Address> blocks = malloc_all({4000, 2000, 2000});
  free(blocks[1]);
  EXPECT_EQ(realloc(blocks[0], 2000), blocks[0]);
  EXPECT_EQ(free_extents().front(),
            (Extent{blocks[0] + chunk_of(2000), chunk_of(4000), Extent::State::kFree}));
  EXPECT_EQ(realloc(blocks[2], 1200), blocks[2]);
  EXPECT_EQ(free_extents().size(), 2U) << "the top took the tail";
}

TEST_F(SegregatedFitTest, ASmallBlockThatShrinksStaysWhereItIs) {
  const Address block = malloc(512);
  for (const Size size : {500U, 16U, 0U, 512U}) EXPECT_EQ(realloc(block, size), block);
}

TEST_F(SegregatedFitTest, TheLastBlockGrowsInPlaceAndMemoryGrowsByWhatIsMissing) {
  const Address block = malloc(2000);
  EXPECT_EQ(realloc(block, 4000), block);
  EXPECT_TRUE(pages().requests().empty());
  EXPECT_EQ(realloc(block, kFirstRegion - kTag), block);
  EXPECT_EQ(statistics().free_bytes, 0U);
  EXPECT_EQ(realloc(block, kFirstRegion + kPageBytes - kTag), block);
  EXPECT_EQ(realloc(block, 1200), block);
  EXPECT_EQ(realloc(block, kFirstRegion + 3 * kPageBytes - kTag), block);
  EXPECT_EQ(pages().requests(), (std::vector<Size>{kPageBytes, 2 * kPageBytes}));
  EXPECT_EQ(statistics().free_bytes, 0U);
}

TEST_F(SegregatedFitTest, TheLastBlockMovesToAHoleBeforeMemoryGrows) {
  const std::vector<Address> blocks = malloc_all({6000, 2000});
  fill_top(chunk_of(2000));
  const Address last = malloc(2000);
  free(blocks[0]);
  EXPECT_EQ(realloc(last, 5900), blocks[0]);
  EXPECT_TRUE(pages().requests().empty());
}

TEST_F(SegregatedFitTest, TheLastBlockMovesWherePagesOfOtherCodeFollow) {
  const Address block = malloc(2000);
  fill_top();
  const Address last = shadow_.blocks().rbegin()->first;
  pages().grow_as_other_code(1);
  const Address moved = realloc(last, kPageBytes);
  EXPECT_GT(moved, pages().foreign().back().begin);
  EXPECT_NE(moved, block);
}

TEST_F(SegregatedFitTest, AFailedReallocationChangesNothing) {
  const std::vector<Address> blocks = malloc_all({100, 1000, 2000, 2000});
  pages().refuse_growth(true);
  for (const Address block : blocks) {
    const Snapshot before = snapshot_of(heap_);
    EXPECT_EQ(heap_.realloc(block, 2 * kPageBytes), 0U);
    EXPECT_EQ(snapshot_of(heap_), before);
    EXPECT_TRUE(heap_.is_live(block));
    EXPECT_TRUE(shadow_.verify(block));
  }
  EXPECT_EQ(statistics().failures, 4U);
}

TEST_F(SegregatedFitTest, ContentsStayThroughEveryChangeOfSize) {
  Random random;
  std::vector<Address> blocks;
  for (int i = 0; i < 20; ++i) {
    blocks.push_back(i % 4 == 0 ? memalign(random.alignment(), 100) : malloc(100));
  }
  for (int i = 0; i < 20'000; ++i) {
    Address& block = blocks[random.below(20)];
    block = realloc(block, random.log_uniform(15));
    ASSERT_FALSE(HasFailure()) << i;
  }
}

// --- alignment

TEST_F(SegregatedFitTest, EveryAlignmentIsServedForEverySize) {
  std::vector<Size> sizes = {0,    1,    15,   16,   17,   496,  512,   513,
                             1000, 1008, 1009, 4076, 4092, 4096, 65536, 100'000};
  for (const Size alignment : all_alignments()) {
    for (const Size size : sizes) {
      const Address block = memalign(alignment, size);
      EXPECT_EQ(block % alignment, 0U);
      EXPECT_GE(heap_.usable_size(block), size);
      EXPECT_TRUE(heap_.is_live(block));
      if (size % 2 == 0) free(block);
    }
    ASSERT_TRUE(is_sound(heap_, shadow_)) << alignment;
    expect_walk_shows_blocks();
  }
  Random random;
  free_all_and_expect_nothing_stays(shuffled_blocks(random));
}

TEST_F(SegregatedFitTest, BlocksWithAnAlignmentUpToAGranuleAreSmallOnes) {
  for (const Size alignment : {1U, 2U, 4U, 8U, 16U}) {
    EXPECT_EQ(heap_.usable_size(memalign(alignment, 100)), 112U);
  }
}

TEST_F(SegregatedFitTest, AnInvalidAlignmentIsRefused) {
  for (const Size alignment : {0U, 3U, 24U, 131072U, 0x8000'0000U, 0xFFFF'FFFFU}) {
    EXPECT_EQ(heap_.memalign(alignment, 100), 0U) << alignment;
  }
  EXPECT_EQ(statistics().allocations, 0U);
  EXPECT_EQ(statistics().failures, 6U);
}

TEST_F(SegregatedFitTest, AnAlignedBlockThatIsFreedIsUsedAgain) {
  for (Size alignment = 4096; alignment <= kMaxAlignment; alignment *= 2) {
    const Address first = memalign(alignment, alignment);
    malloc(2000);  // keeps it from merging with the top
    const Size heap_bytes = statistics().heap_bytes;
    free(first);
    for (int i = 0; i < 100; ++i) {
      const Address block = memalign(alignment, alignment);
      ASSERT_EQ(statistics().heap_bytes, heap_bytes) << alignment;
      free(block);
    }
    reset();
  }
}

TEST_F(SegregatedFitTest, ManyAlignedBlocksThatAreFreedAreUsedAgain) {
  for (Size alignment = 4096; alignment <= kMaxAlignment; alignment *= 2) {
    std::vector<Address> blocks(20);
    const auto fill = [&] {
      for (Address& block : blocks) block = memalign(alignment, alignment);
    };
    fill();
    const Size heap_bytes = statistics().heap_bytes;
    for (int i = 0; i < 10; ++i) {
      for (const Address block : blocks) free(block);
      fill();
      ASSERT_EQ(statistics().heap_bytes, heap_bytes) << alignment;
      std::reverse(blocks.begin(), blocks.end());
    }
    reset();
  }
}

TEST_F(SegregatedFitTest, TheGapInFrontOfAnAlignedBlockStaysUsable) {
  for (Size alignment = 2048; alignment <= kPageBytes / 2; alignment *= 2) {
    malloc(2100);  // so the gap behind it has more than 1008 bytes
    const Address block = memalign(alignment, 1200);
    const std::vector<Extent> free = free_extents();
    ASSERT_EQ(free.front().end(), block) << alignment;
    EXPECT_EQ(malloc(free.front().size - kTag), free.front().begin);
    fill_top();
    EXPECT_EQ(statistics().free_bytes, 0U);
    reset();
  }
}

// --- the slab map

TEST_F(SegregatedFitTest, TheMapGrowsWithTheHeap) {
  for (Size page = 0; page < 200; ++page) {
    malloc(16 + page % 63 * 16);
    malloc(kPageBytes - 1000);
    for (int i = 0; i < 3; ++i) malloc(500);
  }
  ASSERT_GT(statistics().heap_bytes / kSlab, 3 * first_map().size);
  expect_walk_shows_blocks();
  for (const auto& [address, block] : shadow_.blocks()) ASSERT_TRUE(heap_.is_live(address));
  Random random;
  free_all_and_expect_nothing_stays(shuffled_blocks(random));
}

TEST_F(SegregatedFitTest, TheMapReachesAcrossPagesOfOtherCode) {
  Random random;
  for (Size i = 0; i < 20; ++i) {
    for (Size j = 0; j < 200; ++j) malloc(random.below(kMaxSmall));
    pages().grow_as_other_code(1 + i % 3);
    malloc(kPageBytes);
    ASSERT_TRUE(is_sound(heap_, shadow_)) << i;
  }
  ASSERT_GE(pages().foreign().size(), 20U);
  expect_walk_shows_blocks();
  for (const Extent& foreign : pages().foreign()) {
    for (Address address = foreign.begin; address < foreign.end(); address += 1024) {
      EXPECT_FALSE(heap_.is_live(address));
    }
  }
  free_all_and_expect_nothing_stays(shuffled_blocks(random));
}

TEST_F(SegregatedFitTest, ASmallBlockWithoutRoomForASlabAndItsMapIsAChunk) {
  malloc(16);
  pages().refuse_growth(true);
  exhaust();
  pages().refuse_growth(false);
  // The new region has room for a slab, but not also for the longer map that this slab needs.
  pages().grow_as_other_code(200);
  malloc(kPageBytes - 2 * kSlab - kGranule - kTag);
  pages().refuse_growth(true);
  for (const Size size : {301U, 520U, 900U}) {
    EXPECT_EQ(heap_.usable_size(malloc(size)), chunk_of(size) - kTag) << size;
  }
  EXPECT_TRUE(is_sound(heap_, shadow_));
  pages().refuse_growth(false);
  malloc(2 * kSlab);
  free(shadow_.blocks().rbegin()->first);
  for (const Size size : {301U, 520U, 900U}) {
    EXPECT_EQ(heap_.usable_size(malloc(size)), usable_in_slab(size)) << "of a slab";
  }
}

// --- free

TEST_F(SegregatedFitTest, FreeOfNothingDoesNothing) {
  EXPECT_EQ(heap_.free(0), FreeResult::kFreed);
  malloc(10);
  EXPECT_EQ(heap_.free(0), FreeResult::kFreed);
  EXPECT_EQ(statistics().frees, 0U);
  EXPECT_FALSE(heap_.is_live(0));
}

TEST_F(SegregatedFitTest, ASecondFreeOfASmallBlockIsReported) {
  const std::vector<Address> blocks = malloc_all({100, 100, 100, 100});
  for (const Address block : blocks) {
    free(block);
    for (const Address freed : blocks) {
      if (!shadow_.blocks().contains(freed)) expect_refused(freed, FreeResult::kAlreadyFree);
    }
  }
}

TEST_F(SegregatedFitTest, ASecondFreeOfASmallBlockIsReportedInEveryStateOfItsSlab) {
  std::vector<Address> blocks;
  for (Size i = 0; i < 5 * 7; ++i) blocks.push_back(malloc(512));
  free(blocks[1]);  // its slab was full
  expect_refused(blocks[1], FreeResult::kAlreadyFree);
  for (const std::size_t i : {0U, 2U, 3U, 4U, 5U, 6U}) free(blocks[i]);
  for (std::size_t i = 0; i < 7; ++i) expect_refused(blocks[i], FreeResult::kAlreadyFree);
  malloc(16);  // cuts the slab up for another size
  EXPECT_FALSE(heap_.is_live(blocks[1]));
}

TEST_F(SegregatedFitTest, ASecondFreeOfALargeBlockIsReported) {
  const std::vector<Address> blocks = malloc_all({2000, 2000, 2000});
  for (const Address block : {blocks[0], blocks[2]}) {
    free(block);
    expect_refused(block, FreeResult::kAlreadyFree);
  }
}

TEST_F(SegregatedFitTest, ASecondFreeOfALargeBlockIsReportedAfterItMergedWhateverTheOrder) {
  std::vector<std::size_t> order = {0, 1, 2};
  do {
    for (const bool is_at_top : {false, true}) {
      const std::vector<Address> blocks = malloc_all({2000, 2000, 2000});
      if (!is_at_top) malloc(2000);
      for (const std::size_t i : order) free(blocks[i]);
      for (const Address block : blocks) expect_refused(block, FreeResult::kAlreadyFree);
      reset();
    }
  } while (std::next_permutation(order.begin(), order.end()));
}

TEST_F(SegregatedFitTest, AMovedBlockIsAlreadyFreeAtItsOldPlace) {
  for (const Size size : {100U, 1000U, 2000U}) {
    const Address block = malloc(size);
    malloc(2000);
    const Address moved = realloc(block, 5 * size);
    ASSERT_NE(moved, block);
    expect_refused(block, FreeResult::kAlreadyFree);
  }
}

TEST_F(SegregatedFitTest, AddressesOutsideTheHeapAreRejected) {
  malloc(2000);
  malloc(10);
  const Address begin = pages().begin();
  const Address end = pages().end();
  for (const Address address :
       {1U, 4U, 15U, 16U, 17U, 4096U, begin - 16, begin - 4, begin, begin + 4, end, end + 4,
        end + 16, end + 4096, 0x8000'0000U, 0xFFFF'F000U, 0xFFFF'FFF0U, 0xFFFF'FFFFU}) {
    expect_refused(address, FreeResult::kNotABlock);
  }
}

TEST_F(SegregatedFitTest, NothingIsLiveInAnUntouchedHeap) {
  for (const Address address : {0U, 4U, 16U, 65536U, 65552U, 69632U, 0xFFFF'FFF0U}) {
    EXPECT_FALSE(heap_.is_live(address)) << address;
  }
}

TEST_F(SegregatedFitTest, AddressesInsideALargeBlockOfZeroesAreRejected) {
  const std::vector<Address> blocks = malloc_all({2000, 2000, 2000});
  shadow_.forget_all();
  std::memset(bytes(blocks[1]), 0, heap_.usable_size(blocks[1]));
  for (Size offset = 1; offset < 2000; ++offset) {
    expect_refused(blocks[1] + offset, FreeResult::kNotABlock);
  }
  std::memset(bytes(blocks[1]), 0xFF, heap_.usable_size(blocks[1]));
  for (Size offset = kGranule; offset < 2000; offset += kGranule) {
    EXPECT_FALSE(heap_.is_live(blocks[1] + offset));
    EXPECT_NE(heap_.free(blocks[1] + offset), FreeResult::kFreed);
  }
  reset();
}

TEST_F(SegregatedFitTest, AddressesInsideALargeBlockOfSizesAndFlagsAreRejected) {
  const Address block = malloc(20'000);
  const Address behind = malloc(20'000);
  const Size usable = heap_.usable_size(block);
  for (Size flags = 0; flags < kGranule; ++flags) {
    // Each would be the tag of a chunk that ends where the next block begins.
    for (Size offset = 0; offset + kTag <= usable; offset += kTag) {
      *pages().at<Size>(block + offset) = align_down(usable + kTag - offset, kGranule) | flags;
    }
    for (Size offset = kGranule; offset < usable; offset += kGranule) {
      ASSERT_FALSE(heap_.is_live(block + offset)) << offset << ", flags " << flags;
      ASSERT_NE(heap_.free(block + offset), FreeResult::kFreed);
    }
  }
  shadow_.forget_all();
  EXPECT_EQ(heap_.free(block), FreeResult::kFreed);
  EXPECT_EQ(heap_.free(behind), FreeResult::kFreed);
}

TEST_F(SegregatedFitTest, TheMapIsNotALiveBlock) {
  // Slabs of all sizes make bytes of the map that look like tags.
  for (Size size = kMaxSmall; size != 0; size -= kGranule) {
    for (Size i = 0; i < 2 * kSlab / size; ++i) static_cast<void>(heap_.malloc(size));
  }
  const Extent map = slab_map_of(heap_);
  for (Address address = map.begin; address != map.end(); ++address) expect_refused(address);
  reset();
}

// --- which addresses are live blocks

TEST_F(SegregatedFitTest, OnlyBlocksAreLiveWhateverTheyHold) {
  for (const int value : {0x00, 0xFF}) {
    expect_only_blocks_are_live(
        [&](Address block) { std::memset(bytes(block), value, heap_.usable_size(block)); });
    reset();
  }
}

TEST_F(SegregatedFitTest, InASlabOnlyTheStartOfABlockIsLiveWhateverTheSize) {
  for (Size size = kGranule; size <= kMaxSmall; size += kGranule) {
    const Address first = malloc(size);
    const Address slab = align_down(first, kSlab);
    const Size count = (kSlab - kGranule - kTag) / size;
    std::set<Address> blocks{first};
    while (blocks.size() < count) blocks.insert(malloc(size));
    for (Address address = slab; address != slab + kSlab; ++address) {
      const bool is_block = blocks.contains(address);
      ASSERT_EQ(heap_.is_live(address), is_block) << size << ", at " << address - slab;
      if (!is_block) expect_refused(address);
    }
    reset();
  }
}

TEST_F(SegregatedFitTest, OnlyBlocksAreLiveWhereNothingWritesToThem) {
  // Memory then holds nothing but what the heap itself has written.
  expect_only_blocks_are_live([](Address) {});
  reset();
}

TEST_F(SegregatedFitTest, ASmallBlockWhoseContentsLookFreeIsLive) {
  const Address first = malloc(64);
  const Address second = malloc(64);
  const auto mark_of = [&](Address block) -> std::uint32_t& {
    return *pages().at<std::uint32_t>(block + 4);
  };
  free(second);
  const std::uint32_t mark = mark_of(second) ^ second;
  const Address again = malloc(64);
  for (std::uint32_t count = 0; count < kGranule; ++count) {
    mark_of(first) = (mark - mark % kGranule + count) ^ first;
    EXPECT_TRUE(heap_.is_live(first));
  }
  shadow_.forget_all();
  EXPECT_EQ(heap_.free(first), FreeResult::kFreed);
  expect_refused(first, FreeResult::kAlreadyFree);
  EXPECT_EQ(heap_.free(again), FreeResult::kFreed);
}

// --- impossible sizes, and zeroed memory

TEST_F(SegregatedFitTest, CallocZeroesMemoryThatWasUsed) {
  for (const Size size : {16U, 500U, 512U, 514U, 1008U, 1010U, 4000U, 50'000U}) {
    const std::vector<Address> used = exhaust_with(size);
    for (const Address block : used) {
      std::memset(bytes(block), 0xFF, heap_.usable_size(block));
    }
    shadow_.forget_all();
    for (const Address block : used) EXPECT_EQ(heap_.free(block), FreeResult::kFreed);
    for (std::size_t i = 0; i < used.size(); ++i) {
      const Address block = heap_.calloc(size / 2, 2);
      ASSERT_NE(block, 0U);
      ASSERT_TRUE(std::all_of(bytes(block), bytes(block) + size,
                              [](unsigned char byte) { return byte == 0; }));
    }
    reset();
  }
}

TEST_F(SegregatedFitTest, CallocRefusesProductsThatWrap) {
  EXPECT_EQ(heap_.calloc(1U << 16U, 1U << 16U), 0U);
  EXPECT_EQ(heap_.calloc((1U << 16U) + 1, 1U << 16U), 0U);
  EXPECT_EQ(heap_.calloc(3, 0x5555'5556), 0U);
  EXPECT_EQ(heap_.calloc(0xFFFF'FFFF, 0xFFFF'FFFF), 0U);
  EXPECT_EQ(statistics().allocations, 0U);
  EXPECT_EQ(statistics().failures, 4U);
}

TEST_F(SegregatedFitTest, ImpossibleSizesAreRefused) {
  const std::vector<Address> blocks = malloc_all({100, 1000, 2000, 2000});
  const Snapshot before = snapshot_of(heap_);
  for (const Size size : kImpossibleSizes) {
    EXPECT_EQ(heap_.malloc(size), 0U) << size;
    EXPECT_EQ(heap_.malloc_zeroed(size), 0U) << size;
    EXPECT_EQ(heap_.calloc(1, size), 0U) << size;
    EXPECT_EQ(heap_.calloc(size, 1), 0U) << size;
    for (const Size alignment : all_alignments()) {
      EXPECT_EQ(heap_.memalign(alignment, size), 0U) << size;
    }
    for (const Address block : blocks) EXPECT_EQ(heap_.realloc(block, size), 0U) << size;
    ASSERT_EQ(snapshot_of(heap_), before) << size;
  }
}

class HighSegregatedFitTest : public HeapTest<SegregatedFit<HighPages>> {};

TEST_F(HighSegregatedFitTest, ImpossibleSizesAreRefusedAtTheEndOfTheAddressSpace) {
  const Address block = allocate(100);
  const Address large = allocate(2000);
  allocate(kHeapPages / 2 * kPageBytes);
  for (const Size size : kImpossibleSizes) {
    for (const Size alignment : all_alignments()) {
      EXPECT_EQ(heap_.memalign(alignment, size), 0U) << size;
    }
    EXPECT_EQ(heap_.malloc(size), 0U) << size;
    EXPECT_EQ(heap_.realloc(block, size), 0U) << size;
    EXPECT_EQ(heap_.realloc(large, size), 0U) << size;
  }
  exhaust();
  EXPECT_LT(statistics().free_bytes, kSlab) << "of slabs of other sizes";
  EXPECT_EQ(pages().end(), 0xFFFF'0000U);
  for (const Size alignment : all_alignments()) EXPECT_EQ(heap_.memalign(alignment, 1), 0U);
}

// --- reset

TEST_F(SegregatedFitTest, AResetMakesEveryAddressStale) {
  std::vector<Address> blocks;
  for (Size size = 0; size < 3000; size += 50) blocks.push_back(malloc(size));
  pages().grow_as_other_code(1);
  for (Size size = 3000; size < 30'000; size += 500) blocks.push_back(malloc(size));
  reset();
  for (const Address block : blocks) expect_refused(block);
  EXPECT_EQ(statistics().free_bytes, statistics().heap_bytes);
  // One large block covers them now.
  static_cast<void>(heap_.malloc(10'000));
  for (const Address block : blocks) {
    if (block != pages().begin() + kGranule) expect_refused(block);
  }
  reset();
}

TEST_F(SegregatedFitTest, AResetFreesAllMemory) {
  for (int round = 0; round < 3; ++round) {
    for (Size i = 0; i < 200; ++i) malloc(i * 13);
    pages().grow_as_other_code(1);
    for (Size i = 0; i < 200; ++i) malloc(i * 13);
    const Size heap_bytes = statistics().heap_bytes;
    reset();
    EXPECT_EQ(statistics().heap_bytes, heap_bytes);
    EXPECT_EQ(statistics().free_bytes, heap_bytes);
    EXPECT_EQ(statistics().live_blocks, 0U);
    for (const Extent& extent : extents_of(heap_)) {
      EXPECT_EQ(extent.state, Extent::State::kFree);
    }
    EXPECT_FALSE(heap_.find_corruption());
  }
}

TEST_F(SegregatedFitTest, AResetOfAnUntouchedHeapDoesNothing) {
  heap_.reset();
  EXPECT_EQ(statistics().heap_bytes, 0U);
  EXPECT_TRUE(extents_of(heap_).empty());
  malloc(10);
}

// --- statistics

TEST_F(SegregatedFitTest, StatisticsKnowTheLargestFreeExtent) {
  const std::vector<Address> blocks = malloc_all({1200, 4000, 1200, 2000, 1200, 3990, 1200});
  EXPECT_EQ(statistics().largest_free_bytes, 0U);
  free(blocks[3]);
  EXPECT_EQ(statistics().largest_free_bytes, chunk_of(2000));
  free(blocks[5]);
  EXPECT_EQ(statistics().largest_free_bytes, chunk_of(3990));
  free(blocks[1]);
  EXPECT_EQ(statistics().largest_free_bytes, chunk_of(4000));
  free(blocks[4]);
  EXPECT_EQ(statistics().largest_free_bytes, chunk_of(2000) + chunk_of(1200) + chunk_of(3990));
}

TEST_F(SegregatedFitTest, FreeBlocksOfASlabCountAsFreeExtents) {
  for (const Size size : {512U, 576U, 672U, 800U, 1008U}) {
    const Address block = malloc(size);
    fill_top();
    for (const Extent& extent : free_extents()) {
      if (extent.size > kMaxSmall) malloc(extent.size - kTag);
    }
    const Size others = (kSlab - kGranule - kTag) / size - 1;
    EXPECT_EQ(statistics().largest_free_bytes, size);
    EXPECT_EQ(statistics().free_bytes, others * size);
    EXPECT_EQ(fragmentation(statistics()), 1.0 - 1.0 / others) << size;
    for (Size i = 0; i < others; ++i) malloc(size);
    EXPECT_EQ(statistics().free_bytes, 0U) << size;
    EXPECT_EQ(fragmentation(statistics()), 0.0) << size;
    free(block);
    EXPECT_EQ(statistics().largest_free_bytes, size);
    EXPECT_EQ(fragmentation(statistics()), 0.0) << size;
    reset();
  }
}

TEST_F(SegregatedFitTest, FragmentationIsTheShareOutsideTheLargestFreeExtent) {
  const std::vector<Address> blocks = malloc_all({2004, 1200, 2004, 1200, 2004, 1200, 2004, 1200});
  EXPECT_EQ(fragmentation(statistics()), 0.0);
  for (const std::size_t i : {0U, 2U, 4U, 6U}) {
    free(blocks[i]);
    EXPECT_DOUBLE_EQ(fragmentation(statistics()), 1.0 - 1.0 / (static_cast<double>(i) / 2 + 1));
  }
}

TEST_F(SegregatedFitTest, StatisticsCountCallsAndBytes) {
  const Address small = malloc(100);
  const Address large = malloc(2000);
  EXPECT_EQ(statistics().live_bytes, 112 + chunk_of(2000) - kTag);
  const Address moved = realloc(small, 1200);
  EXPECT_EQ(statistics().live_bytes, chunk_of(1200) - kTag + chunk_of(2000) - kTag);
  free(large);
  EXPECT_EQ(realloc(moved, 1200), moved);
  const Statistics seen = statistics();
  EXPECT_EQ(seen.allocations, 2U);
  EXPECT_EQ(seen.frees, 1U);
  EXPECT_EQ(seen.live_blocks, 1U);
  EXPECT_EQ(seen.live_bytes, chunk_of(1200) - kTag);
  EXPECT_EQ(seen.peak_live_bytes, chunk_of(1200) - kTag + chunk_of(2000) - kTag);
}

// --- the walk

TEST_F(SegregatedFitTest, AWalkShowsTheLiveBlocks) {
  Random random;
  expect_walk_shows_blocks();
  for (int i = 0; i < 20'000; ++i) {
    const Size count = static_cast<Size>(shadow_.blocks().size());
    if (count < 30 || random.one_in(2)) {
      allocate({.size = random.log_uniform(12),
                .alignment = random.alignment(),
                .prefix = random.below(3) * kGranule});
    } else {
      deallocate(std::next(shadow_.blocks().begin(), random.below(count))->first);
    }
    if (random.one_in(2000)) pages().grow_as_other_code(1);
    if (count > 300) {
      while (!shadow_.blocks().empty()) deallocate(shadow_.blocks().begin()->first);
    }
    if (i % 100 == 0) expect_walk_shows_blocks();
    ASSERT_FALSE(HasFailure()) << i;
  }
}

// --- without tracking

TEST(UntrackedSegregatedFit, GivesTheSameAddresses) {
  Random random;
  SegregatedFit<HostPages> tracked;
  SegregatedFit<HostPages, NoTracking> untracked;
  struct Live {
    Address block;
    bool is_aligned;  // realloc keeps the alignment only with tracking, and may move such a block
  };
  std::vector<Live> live;
  for (int i = 0; i < 100'000; ++i) {
    const Size action = random.below(8);
    if (live.size() < 50 || action < 4) {
      const Size size = random.log_uniform(13);
      const Size alignment = random.alignment();
      const bool is_aligned = random.one_in(4);
      const Address block = is_aligned ? tracked.memalign(alignment, size) : tracked.malloc(size);
      ASSERT_EQ(is_aligned ? untracked.memalign(alignment, size) : untracked.malloc(size), block);
      if (block != 0) live.push_back({block, is_aligned && alignment > kGranule});
    } else {
      std::swap(live[random.below(static_cast<Size>(live.size()))], live.back());
      auto& [block, is_aligned] = live.back();
      if (action == 4 && !is_aligned) {
        const Size size = random.log_uniform(13);
        const Address moved = tracked.realloc(block, size);
        ASSERT_EQ(untracked.realloc(block, size), moved);
        if (moved != 0) block = moved;
      } else {
        ASSERT_EQ(tracked.free(block), FreeResult::kFreed);
        ASSERT_EQ(untracked.free(block), FreeResult::kFreed);
        live.pop_back();
      }
    }
    if (random.one_in(10'000)) {
      tracked.pages().grow_as_other_code(1);
      untracked.pages().grow_as_other_code(1);
    }
  }
  EXPECT_EQ(tracked.pages().requests(), untracked.pages().requests());
}

TEST(ClaimingSegregatedFit, KeepsPagesOfOtherCodeOutOfTheFirstRegion) {
  SegregatedFit<HostPages> heap;
  heap.claim();
  heap.pages().grow_as_other_code(2);
  heap.claim();
  EXPECT_EQ(heap.statistics().heap_bytes, kFirstRegion);
  EXPECT_EQ(heap.malloc(2000), heap.pages().begin() + kGranule);
  EXPECT_FALSE(heap.find_corruption());
}

}  // namespace
}  // namespace lite_alloc::test
