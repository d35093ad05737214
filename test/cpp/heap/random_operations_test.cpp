// SPDX-License-Identifier: MIT
//
// Runs random programs on a heap and compares it with a shadow heap. Now and then growth fails, or
// other code grows the memory. LITE_ALLOC_SEED sets the seed, LITE_ALLOC_OPERATIONS the number of
// operations.

#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>
#include <type_traits>
#include <utility>

#include "lite_alloc/inspect/check.hpp"
#include "support/heap_inspection.hpp"
#include "support/random.hpp"

namespace lite_alloc::test {
namespace {

/// The sized calls: the caller keeps the layout.
template <Inspectable Heap>
class SizedCalls {
 public:
  using Below = Heap;

  [[nodiscard]] Heap& allocator() { return heap_; }

  [[nodiscard]] static Layout random_layout(Random& random, Size size) {
    const Size prefix = random.one_in(4) ? kGranule << random.below(5) : 0;
    return {.size = size, .alignment = random.alignment(), .prefix = prefix};
  }

  [[nodiscard]] static bool fills_prefix(const Layout&) { return true; }
  [[nodiscard]] Address allocate(const Layout& layout) { return heap_.allocate(layout); }
  [[nodiscard]] Address reallocate(Address address, const Layout& layout, Size size) {
    return heap_.reallocate(address, layout, size);
  }
  void deallocate(Address address, const Layout& layout) { heap_.deallocate(address, layout); }
  void reset() { heap_.reset(); }
  [[nodiscard]] Corruption check() { return heap_.find_corruption(); }

 private:
  Heap heap_;
};

/// The calls of malloc's family, and some sized ones in between.
template <Inspectable Heap>
class MallocCalls {
 public:
  using Below = Heap;

  [[nodiscard]] Heap& allocator() { return heap_.allocator(); }

  [[nodiscard]] static Layout random_layout(Random& random, Size size) {
    // A walk looks for headers at every granule of a sized block, so few of them are large.
    const Size prefix = size < 4096 && random.one_in(5) ? 0 : kHeader;
    return {.size = size, .alignment = random.alignment(), .prefix = prefix};
  }

  [[nodiscard]] static bool fills_prefix(const Layout& layout) { return !has_header(layout); }

  [[nodiscard]] Address allocate(const Layout& layout) {
    if (!has_header(layout)) return allocator().allocate(layout);
    const Address address = layout.alignment == kGranule
                                ? heap_.malloc(layout.size)
                                : heap_.memalign(layout.alignment, layout.size);
    if (address != 0) expect_live(address, layout.size);
    return address;
  }

  [[nodiscard]] Address reallocate(Address address, const Layout& layout, Size size) {
    if (!has_header(layout)) return allocator().reallocate(address, layout, size);
    expect_live(address, layout.size);
    const Address moved = heap_.realloc(address, size);
    if (moved == 0) {
      expect_live(address, layout.size);
    } else {
      expect_live(moved, size);
    }
    return moved;
  }

  void deallocate(Address address, const Layout& layout) {
    EXPECT_EQ(heap_.is_live(address), has_header(layout)) << address;
    if (has_header(layout)) {
      EXPECT_EQ(heap_.free(address), FreeResult::kFreed) << address;
    } else {
      allocator().deallocate(address, layout);
    }
    EXPECT_NE(heap_.free(address), FreeResult::kFreed) << address;
  }

  void reset() { heap_.reset(); }
  [[nodiscard]] Corruption check() { return find_corruption(heap_); }

 private:
  static constexpr Size kHeader = MallocAdaptor<Heap>::kPrefix;

  [[nodiscard]] static bool has_header(const Layout& layout) { return layout.prefix == kHeader; }

  void expect_live(Address address, Size size) {
    EXPECT_TRUE(heap_.is_live(address)) << address;
    EXPECT_GE(heap_.usable_size(address), size) << address;
  }

  MallocAdaptor<Heap> heap_;
};

/// Mixes both kinds of calls on a heap whose blocks know their size: each kind accepts the blocks
/// of the other.
template <Inspectable Heap>
class MixedCalls {
 public:
  using Below = Heap;

  [[nodiscard]] Heap& allocator() { return heap_; }

  [[nodiscard]] static Layout random_layout(Random& random, Size size) {
    return {.size = size, .alignment = random.alignment()};
  }

  [[nodiscard]] static bool fills_prefix(const Layout&) { return true; }

  [[nodiscard]] Address allocate(const Layout& layout) {
    const Address address = !flip() ? heap_.allocate(layout)
                            : layout.alignment > kGranule
                                ? heap_.memalign(layout.alignment, layout.size)
                                : heap_.malloc(layout.size);
    if (address != 0) expect_live(address, layout.size);
    return address;
  }

  [[nodiscard]] Address reallocate(Address address, const Layout& layout, Size size) {
    expect_live(address, layout.size);
    const bool may_lose_alignment = layout.alignment <= kGranule && flip();
    const Address moved =
        may_lose_alignment ? heap_.realloc(address, size) : heap_.reallocate(address, layout, size);
    if (moved == 0) {
      expect_live(address, layout.size);
    } else {
      expect_live(moved, size);
      // Inside a block its contents may look like a tag.
      const bool is_inside = address - moved < std::max<Size>(size, 1);
      EXPECT_TRUE(is_inside || !heap_.is_live(address)) << address;
    }
    return moved;
  }

  void deallocate(Address address, const Layout& layout) {
    expect_live(address, layout.size);
    EXPECT_FALSE(heap_.is_live(address + 1));
    if (flip()) {
      EXPECT_EQ(heap_.free(address), FreeResult::kFreed) << address;
    } else {
      heap_.deallocate(address, layout);
    }
    EXPECT_FALSE(heap_.is_live(address)) << address;
    EXPECT_NE(heap_.free(address), FreeResult::kFreed) << address;
  }

  void reset() { heap_.reset(); }
  [[nodiscard]] Corruption check() { return heap_.find_corruption(); }

 private:
  [[nodiscard]] bool flip() { return ++calls_ % 2 == 0; }

  void expect_live(Address address, Size size) {
    EXPECT_TRUE(heap_.is_live(address)) << address;
    EXPECT_GE(heap_.usable_size(address), size) << address;
  }

  Heap heap_;
  Size calls_ = 0;
};

struct Plan {
  Size operations;
  /// Operations on one heap, before a new heap begins at the start of its addresses.
  Size operations_per_heap;
  /// Operations between two comparisons of the whole heap with the shadow heap.
  Size operations_per_check;
  /// Operations between two resets on average, which keep the free lists short.
  Size operations_per_reset;
  /// Sizes have up to this many bits.
  Size size_bits;
  Size live_blocks;
  Size live_bytes;
};

/// One heap, and the random program that runs on it until something is wrong.
template <typename Calls>
class Program {
 public:
  Program(Random& random, const Plan& plan) : random_(random), plan_(plan) {
    // Makes the heap take its first region, so that pages that other code adds later do not belong
    // to it.
    const Address address = calls_.allocator().allocate({.size = 1});
    calls_.allocator().deallocate(address, {.size = 1});
    check();
  }

  void run() {
    for (Size i = 1; i <= plan_.operations; ++i) {
      misbehave();
      operate();
      if (i % plan_.operations_per_check == 0) check();
      if (testing::Test::HasFailure()) {
        ADD_FAILURE() << "in operation " << i;
        return;
      }
    }
    EXPECT_TRUE(shadow_.verify_all());
    check();
    while (!shadow_.blocks().empty()) deallocate(shadow_.blocks().begin()->first);
    check();
    EXPECT_GT(granted_, plan_.operations / 4);
    EXPECT_GT(granted_, refused_);
  }

  [[nodiscard]] Size refused() const { return refused_; }

 private:
  using Heap = typename Calls::Below;
  using Pages = std::remove_cvref_t<decltype(std::declval<Heap&>().pages())>;

  [[nodiscard]] Heap& heap() { return calls_.allocator(); }

  /// Makes memory fail to grow, or grows it as other code would.
  void misbehave() {
    if constexpr (GrowingPages<Pages>) {
      if (random_.one_in(50)) heap().pages().fail_grow(1 + random_.below(3));
      if (random_.one_in(50)) heap().pages().refuse_growth(random_.one_in(3));
      if (random_.one_in(300)) heap().pages().grow_as_other_code(1 + random_.below(2));
    }
  }

  void operate() {
    const bool is_full =
        shadow_.blocks().size() >= plan_.live_blocks || shadow_.live_bytes() >= plan_.live_bytes;
    const Size choice = random_.below(100);
    if (random_.one_in(plan_.operations_per_reset)) {
      reset();
    } else if (shadow_.blocks().empty() || (!is_full && choice < 50)) {
      allocate();
    } else if (choice < 80) {
      deallocate(random_block());
    } else {
      reallocate(random_block());
    }
  }

  [[nodiscard]] Address random_block() {
    const auto count = static_cast<Size>(shadow_.blocks().size());
    return std::next(shadow_.blocks().begin(), random_.below(count))->first;
  }

  [[nodiscard]] Size random_size() { return random_.log_uniform(plan_.size_bits); }

  void allocate() {
    const Layout layout = Calls::random_layout(random_, random_size());
    const Address address = calls_.allocate(layout);
    if (address == 0) return refuse();
    ++granted_;
    EXPECT_TRUE(shadow_.add(address, layout, Calls::fills_prefix(layout)));
  }

  void deallocate(Address address) {
    const Layout layout = shadow_.blocks().at(address).layout;
    EXPECT_TRUE(shadow_.remove(address));
    calls_.deallocate(address, layout);
  }

  void reallocate(Address address) {
    const Layout layout = shadow_.blocks().at(address).layout;
    const Size size = random_size();
    EXPECT_TRUE(shadow_.verify(address));
    const Address moved = calls_.reallocate(address, layout, size);
    if (moved == 0) {
      EXPECT_TRUE(shadow_.verify(address));
      return refuse();
    }
    ++granted_;
    EXPECT_TRUE(shadow_.move(address, moved, size));
  }

  /// After a call that returned 0: expects that nothing changed. Resets a fragmented heap at times.
  void refuse() {
    ++refused_;
    if (plan_.operations_per_check == 1) {
      EXPECT_EQ(snapshot_of(heap()), snapshot_);
    }
    EXPECT_EQ(heap().statistics().failures, refused_);
    if (random_.one_in(4)) reset();
  }

  void reset() {
    EXPECT_TRUE(shadow_.verify_all());
    calls_.reset();
    shadow_.forget_all();
  }

  void check() {
    EXPECT_FALSE(calls_.check());
    EXPECT_TRUE(is_sound(heap(), shadow_));
    if (plan_.operations_per_check == 1) {
      EXPECT_TRUE(shadow_.verify_all());
      snapshot_ = snapshot_of(heap());
    }
  }

  Random& random_;
  const Plan plan_;
  Calls calls_;
  ShadowHeap<Pages> shadow_{heap().pages()};
  Snapshot snapshot_;
  Size granted_ = 0;
  Size refused_ = 0;
};

template <typename Calls>
void run_programs(const Plan& plan) {
  Random random;
  Size refused = 0;
  for (Size done = 0; done < plan.operations; done += plan.operations_per_heap) {
    Plan part = plan;
    part.operations = std::min(plan.operations_per_heap, plan.operations - done);
    Program<Calls> program(random, part);
    program.run();
    if (testing::Test::HasFailure()) {
      ADD_FAILURE() << "after " << done << " operations on other heaps";
      return;
    }
    refused += program.refused();
  }
  EXPECT_GT(refused, 0U) << "memory was never exhausted";
}

/// Compares everything after every operation: 20 000 operations over the four page sources.
constexpr Plan kThorough{.operations = 5'000,
                         .operations_per_heap = 500,
                         .operations_per_check = 1,
                         .operations_per_reset = 300,
                         .size_bits = 20,
                         .live_blocks = 40,
                         .live_bytes = 3 << 20};

/// A million operations over the four page sources.
[[nodiscard]] Plan long_plan() {
  return {.operations = number_from_environment("LITE_ALLOC_OPERATIONS", 250'000),
          .operations_per_heap = 10'000,
          .operations_per_check = 1000,
          .operations_per_reset = 5000,
          .size_bits = 20,
          .live_blocks = 150,
          .live_bytes = 8 << 20};
}

template <typename Heap>
struct ChooseMallocCalls {
  using Type = MallocCalls<Heap>;
};
template <PageSource Pages>
struct ChooseMallocCalls<SegregatedFit<Pages>> {
  using Type = MixedCalls<SegregatedFit<Pages>>;
};
template <typename Heap>
using MallocCallsOf = typename ChooseMallocCalls<Heap>::Type;

template <typename Heap>
class RandomOperations : public testing::Test {};
TYPED_TEST_SUITE(RandomOperations, AllHeaps, HeapName);

TYPED_TEST(RandomOperations, SizedCallsComparedAfterEveryOperation) {
  run_programs<SizedCalls<TypeParam>>(kThorough);
}

TYPED_TEST(RandomOperations, MallocCallsComparedAfterEveryOperation) {
  run_programs<MallocCallsOf<TypeParam>>(kThorough);
}

TYPED_TEST(RandomOperations, SizedCallsForLong) {
  run_programs<SizedCalls<TypeParam>>(long_plan());
}

TYPED_TEST(RandomOperations, MallocCallsForLong) {
  run_programs<MallocCallsOf<TypeParam>>(long_plan());
}

}  // namespace
}  // namespace lite_alloc::test
