// SPDX-License-Identifier: MIT
//
// Random programs against a shadow heap. Memory that can grow also fails to at times, and somebody
// else grows it in between. LITE_ALLOC_SEED and LITE_ALLOC_OPERATIONS make longer or other campaigns.

#include <gtest/gtest.h>

#include <algorithm>
#include <optional>

#include "lite_alloc/inspect/check.hpp"
#include "support/heap_inspection.hpp"
#include "support/random.hpp"

namespace lite_alloc::test {
namespace {

using std::optional;

/// The sized calls: the owner keeps the layout.
template <Allocator Heap>
class SizedCalls {
 public:
  using Below = Heap;

  [[nodiscard]] Heap& allocator() { return heap_; }

  [[nodiscard]] static Layout random_layout(Random& random, Size size) {
    const Size prefix = random.one_in(4) ? kUnit << random.below(5) : 0;
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
template <Allocator Heap>
class MallocCalls {
 public:
  using Below = Heap;

  [[nodiscard]] Heap& allocator() { return heap_.allocator(); }

  [[nodiscard]] static Layout random_layout(Random& random, Size size) {
    const Size prefix = random.one_in(8) ? 0 : kHeader;
    return {.size = size, .alignment = random.alignment(), .prefix = prefix};
  }

  [[nodiscard]] static bool fills_prefix(const Layout& layout) { return !has_header(layout); }

  [[nodiscard]] Address allocate(const Layout& layout) {
    if (!has_header(layout)) return allocator().allocate(layout);
    const Address address = layout.alignment == kUnit ? heap_.malloc(layout.size)
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

struct Plan {
  Size operations;
  /// How often all that can be seen of the heap is compared with the shadow heap.
  Size operations_per_check;
  /// Sizes have up to this many bits.
  Size size_bits;
  Size live_blocks;
  Size live_bytes;
};

/// One heap and the random program that runs on it.
template <typename Calls>
class Program {
 public:
  Program(Random& random, const Plan& plan) : random_(random), plan_(plan) {
    // Takes the first memory, so that pages somebody else grows from now on are not the heap's.
    const Layout layout{.size = 1};
    const Address address = calls_.allocator().allocate(layout);
    calls_.allocator().deallocate(address, layout);
    look();
  }

  [[nodiscard]] Size granted() const { return granted_; }
  [[nodiscard]] Size refused() const { return refused_; }

  void run() {
    for (Size i = 1; i <= plan_.operations; ++i) {
      SCOPED_TRACE_FOR_FAILURE = i;
      misbehave();
      operate();
      if (i % plan_.operations_per_check == 0) check();
      if (testing::Test::HasFailure()) break;
    }
    EXPECT_TRUE(shadow_.verify_all());
    check();
    while (!shadow_.blocks().empty()) deallocate(shadow_.blocks().begin()->first);
    check();
    if (testing::Test::HasFailure()) ADD_FAILURE() << "operation " << SCOPED_TRACE_FOR_FAILURE;
  }

 private:
  using Heap = typename Calls::Below;
  using Pages = std::remove_cvref_t<decltype(std::declval<Heap&>().pages())>;

  [[nodiscard]] Pages& pages() { return calls_.allocator().pages(); }
  Size SCOPED_TRACE_FOR_FAILURE = 0;
};

}  // namespace
}  // namespace lite_alloc::test
