// SPDX-License-Identifier: MIT
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <initializer_list>
#include <iterator>
#include <type_traits>
#include <vector>

#include "support/heap_inspection.hpp"
#include "support/random.hpp"

namespace lite_alloc::test {

/// A fixture that tests one heap through its sized calls. It checks each call against the shadow
/// heap, and the whole heap at the end of the test.
template <Inspectable Heap>
class HeapTest : public testing::Test {
 public:
  using Pages = std::remove_cvref_t<decltype(std::declval<Heap&>().pages())>;

 protected:
  void TearDown() override {
    EXPECT_TRUE(shadow_.verify_all());
    EXPECT_TRUE(is_sound(heap_, shadow_));
  }

  [[nodiscard]] Pages& pages() { return heap_.pages(); }
  [[nodiscard]] Statistics statistics() { return heap_.statistics(); }

  /// A block or 0.
  Address try_allocate(const Layout& layout) {
    const Address address = heap_.allocate(layout);
    if (address != 0) {
      EXPECT_TRUE(shadow_.add(address, layout));
    }
    return address;
  }

  Address allocate(const Layout& layout) {
    const Address address = try_allocate(layout);
    EXPECT_NE(address, 0U) << "no block of " << layout.size << " aligned to " << layout.alignment;
    return address;
  }

  Address allocate(Size size) { return allocate({.size = size}); }

  void deallocate(Address address) {
    const Layout layout = shadow_.blocks().at(address).layout;
    EXPECT_TRUE(shadow_.remove(address));
    heap_.deallocate(address, layout);
  }

  /// The block with its new size, or 0.
  Address try_reallocate(Address address, Size new_size) {
    const Layout layout = shadow_.blocks().at(address).layout;
    EXPECT_TRUE(shadow_.verify(address));
    const Address moved = heap_.reallocate(address, layout, new_size);
    if (moved != 0) {
      EXPECT_TRUE(shadow_.move(address, moved, new_size));
    }
    return moved;
  }

  Address reallocate(Address address, Size new_size) {
    const Address moved = try_reallocate(address, new_size);
    EXPECT_NE(moved, 0U) << "no " << new_size << " bytes for block " << address;
    return moved;
  }

  void reset() {
    heap_.reset();
    shadow_.forget_all();
  }

  /// Makes the heap take its first region.
  void begin() { deallocate(allocate(1)); }

  /// Allocates until not a granule is free. Returns the blocks in the order of their allocation.
  std::vector<Address> exhaust(Size largest = 16 * kPageBytes) {
    std::vector<Address> blocks;
    for (Size size = largest; size != 0; size /= 2) {
      while (const Address address = try_allocate({.size = size})) blocks.push_back(address);
    }
    EXPECT_FALSE(blocks.empty());
    return blocks;
  }

  /// Free blocks of these sizes between used ones, freed in this order.
  std::vector<Address> make_free_blocks(std::initializer_list<Size> sizes) {
    std::vector<Address> blocks;
    for (const Size size : sizes) {
      blocks.push_back(allocate(size));
      allocate(16);
    }
    for (const Address block : blocks) deallocate(block);
    return blocks;
  }

  Address make_free_block(Size size) { return make_free_blocks({size}).front(); }

  /// Allocates and frees at random in memory that does not grow. After every failure it looks for a
  /// free extent that could hold the `block_bytes(layout)` bytes.
  void look_for_needless_failures(Size (*block_bytes)(const Layout&)) {
    pages().refuse_growth(true);
    Random random;
    Size failures = 0;
    for (int i = 0; i < 20'000; ++i) {
      const Layout layout{.size = random.log_uniform(13), .alignment = random.alignment()};
      if (try_allocate(layout) == 0) {
        ++failures;
        for (const Extent& extent : extents_of(heap_)) {
          if (extent.state == Extent::State::kUsed) continue;
          const Address lowest = align_up(extent.begin, std::max(layout.alignment, kGranule));
          ASSERT_GT(lowest + std::uint64_t{block_bytes(layout)}, extent.end())
              << layout.size << " aligned to " << layout.alignment << ", operation " << i;
        }
      }
      while (shadow_.blocks().size() > 20 + random.below(20)) {
        const Size index = random.below(static_cast<Size>(shadow_.blocks().size()));
        deallocate(std::next(shadow_.blocks().begin(), index)->first);
      }
      if (i % 1000 == 0) reset();
    }
    EXPECT_GT(failures, 100U);
  }

  Heap heap_;
  ShadowHeap<Pages> shadow_{heap_.pages()};
};

/// Returns every valid alignment.
[[nodiscard]] inline std::vector<Size> all_alignments() {
  std::vector<Size> alignments;
  for (Size alignment = 1; alignment <= kMaxAlignment; alignment *= 2) {
    alignments.push_back(alignment);
  }
  return alignments;
}

/// Sizes that no heap has room for, some of which wrap when rounded or when something is added.
inline constexpr Size kImpossibleSizes[] = {
    0x7FFF'FFFF, 0x8000'0000, kMaxSize,    kMaxSize + 1, kMaxBlock,   kMaxBlock + 1,
    0xFFFF'0000, 0xFFFF'0001, 0xFFFF'7FFF, 0xFFFF'FFCF,  0xFFFF'FFD0, 0xFFFF'FFE0,
    0xFFFF'FFE1, 0xFFFF'FFEF, 0xFFFF'FFF0, 0xFFFF'FFF1,  0xFFFF'FFFE, 0xFFFF'FFFF};

}  // namespace lite_alloc::test
