// SPDX-License-Identifier: MIT
//
// Overwrites metadata of a `SegregatedFit`, word by word, and expects that its check finds it.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "lite_alloc/inspect/check.hpp"
#include "support/heap_inspection.hpp"
#include "support/slab_sizes.hpp"

namespace lite_alloc::test {
namespace {

constexpr Size kTag = 4;
constexpr Size kSlab = 4096;
/// The size of the stash: `malloc` uses the freed blocks in it first, whatever slabs they lie in.
constexpr Size kMaxStash = 15;
/// The size of the blocks in most slabs, and their number in each. No other class has that number,
/// so the check can detect any other class in the map.
constexpr Size kSize = kMaxSmall;
constexpr Size kInSlab = 4;

/// A heap with a slab in each state, and free chunks in several bins.
class BrokenSegregatedFit : public testing::Test {
 protected:
  void SetUp() override {
    heap_.free(heap_.malloc(2 * kPageBytes));  // no call below has to reclaim slabs
    std::vector<Address> small;
    for (Size i = 0; i < 8 * kInSlab + kMaxStash; ++i) small.push_back(heap_.malloc(kSize));
    for (Size i = 0; i < 300; ++i) static_cast<void>(heap_.malloc(16));
    // First, the blocks of slabs 8 to 11 fill the stash; slab 11 is the active one. Then slabs 0
    // and 1 become spare, 2 to 4 partial, and the others remain full.
    for (Size i = 0; i < kMaxStash; ++i) heap_.free(small[8 * kInSlab + i]);
    for (Size i = 0; i < 2 * kInSlab; ++i) heap_.free(small[i]);
    for (Size i = 2 * kInSlab; i < 5 * kInSlab; i += 2) heap_.free(small[i]);
    // Three free chunks of one bin, and two of others.
    std::vector<Address> large;
    for (const Size size : {2000U, 1200U, 2000U, 1200U, 2000U, 1200U, 4000U, 1200U, 1800U, 1200U}) {
      large.push_back(heap_.malloc(size));
    }
    for (std::size_t i = 0; i < large.size(); i += 2) heap_.free(large[i]);
    ASSERT_FALSE(heap_.find_corruption());
    const auto slab = [&](Size number) { return align_down(small[number * kInSlab], kSlab); };
    for (const Size number : {0U, 1U}) spare_.push_back(slab(number));
    for (const Size number : {2U, 3U, 4U}) partial_.push_back(slab(number));
    full_ = slab(5);
  }

  [[nodiscard]] std::uint32_t& word(Address address) {
    return *heap_.pages().at<std::uint32_t>(address);
  }

  void expect_found(Address address, std::uint32_t wrong, const std::string& what) {
    const std::uint32_t right = std::exchange(word(address), wrong);
    EXPECT_TRUE(heap_.find_corruption()) << what << ", at " << address << ": " << wrong;
    word(address) = right;
  }

  /// Expects that the check finds each single wrong bit of a word, and a few other wrong values.
  void expect_word_is_checked(Address address, const std::string& what,
                              std::uint32_t unknown_bits = 0) {
    const std::uint32_t right = word(address);
    for (std::uint32_t bit = 1; bit != 0; bit <<= 1) {
      if ((bit & unknown_bits) == 0) expect_found(address, right ^ bit, what);
    }
    for (const std::uint32_t wrong : {0x41414141U, 0xFFFF'FFFFU})
      expect_found(address, wrong, what);
    if ((unknown_bits & kGranule) == 0) {
      for (const std::uint32_t wrong : {right + 16, right - 16}) expect_found(address, wrong, what);
    }
    EXPECT_FALSE(heap_.find_corruption()) << what;
  }

  SegregatedFit<HostPages> heap_;
  std::vector<Address> spare_;
  std::vector<Address> partial_;
  Address full_ = 0;
};

TEST_F(BrokenSegregatedFit, AnyOverwrittenTagIsFound) {
  Address end = 0;
  Size chunks = 0;
  for (const Extent& extent : extents_of(heap_)) {
    if (extent.begin < end) continue;  // inside a slab
    const bool is_slab = extent.begin % kSlab == 0 && extent.size == kGranule;
    end = extent.begin + (is_slab ? kSlab : extent.size);
    // Only this bit says whether a block was allocated with an alignment.
    const bool may_be_aligned = extent.state == Extent::State::kUsed;
    expect_word_is_checked(extent.begin - kTag, "tag", may_be_aligned ? 4 : 0);
    ++chunks;
  }
  expect_word_is_checked(end - kTag, "last tag");
  EXPECT_GT(chunks, 15U);
}

TEST_F(BrokenSegregatedFit, AnyOverwrittenWordOfAFreeChunkIsFound) {
  Size count = 0;
  for (const Extent& extent : extents_of(heap_)) {
    const bool is_chunk =
        extent.state == Extent::State::kFree && extent.size != kSize && extent.size != 16;
    if (!is_chunk) continue;
    expect_word_is_checked(extent.end() - 2 * kTag, "size");
    if (extent.end() == heap_.pages().end()) continue;  // in no list
    expect_word_is_checked(extent.begin, "next");
    expect_word_is_checked(extent.begin + 4, "previous");
    ++count;
  }
  EXPECT_GE(count, 4U);
}

TEST_F(BrokenSegregatedFit, AnyOverwrittenWordOfASlabIsFound) {
  for (const Address slab : partial_) {
    for (const Size offset : {0U, 4U, 8U, 12U}) expect_word_is_checked(slab + offset, "partial");
  }
  for (const Address slab : spare_) {
    for (const Size offset : {0U, 4U, 8U}) expect_word_is_checked(slab + offset, "spare");
  }
  for (const Size offset : {0U, 4U}) expect_word_is_checked(full_ + offset, "full");
}

TEST_F(BrokenSegregatedFit, TheSlabOfAnOverwrittenBlockIsNamed) {
  Size count = 0;
  for (const Extent& extent : extents_of(heap_)) {
    if (extent.state != Extent::State::kFree || extent.size != kSize) continue;
    for (const Size offset : {0U, 4U}) {
      const std::uint32_t right = std::exchange(word(extent.begin + offset), 0x41414141U);
      EXPECT_EQ(heap_.find_corruption().address, align_down(extent.begin, kSlab)) << offset;
      word(extent.begin + offset) = right;
    }
    ++count;
  }
  EXPECT_GE(count, 30U);
}

TEST_F(BrokenSegregatedFit, AnyOverwrittenLinkOfASmallBlockIsFound) {
  Size count = 0;
  for (const Extent& extent : extents_of(heap_)) {
    const bool is_small =
        extent.state == Extent::State::kFree && (extent.size == kSize || extent.size == 16);
    if (!is_small) continue;
    if (extent.size == 16 && extent.begin % 256 != 0) continue;  // there are many
    expect_word_is_checked(extent.begin, "link");
    // The lowest four bits are the stash count: a wrong one makes the stash larger or smaller,
    // which breaks no invariant. The bit above says whether the block was ever used, which only
    // `free` reports.
    expect_word_is_checked(extent.begin + 4, "mark", 2 * kGranule - 1);
    ++count;
  }
  EXPECT_GE(count, 30U);
}

TEST_F(BrokenSegregatedFit, AnyOverwrittenByteOfTheMapIsFound) {
  const Extent map = slab_map_of(heap_);
  auto* const bytes = heap_.pages().at<unsigned char>(map.begin);
  for (Size i = 0; i < map.size - kTag; ++i) {
    for (unsigned bit = 1; bit < 256; bit <<= 1) {
      bytes[i] = static_cast<unsigned char>(bytes[i] ^ bit);
      EXPECT_TRUE(heap_.find_corruption()) << i << ", " << bit;
      bytes[i] = static_cast<unsigned char>(bytes[i] ^ bit);
    }
  }
  EXPECT_FALSE(heap_.find_corruption());
}

TEST_F(BrokenSegregatedFit, ABrokenListOfSpareSlabsIsNamed) {
  for (const Address slab : spare_) {
    for (const std::uint32_t wrong : {0x41414141U, full_, partial_[0], spare_[0], spare_[1]}) {
      const std::uint32_t right = std::exchange(word(slab + 8), wrong);
      if (right != wrong) {
        EXPECT_EQ(heap_.find_corruption().kind, Corruption::Kind::kSpareListOverwritten) << wrong;
      }
      word(slab + 8) = right;
    }
  }
}

TEST_F(BrokenSegregatedFit, ABrokenMapIsNamed) {
  const Extent map = slab_map_of(heap_);
  const Address first_page = align_down(heap_.pages().begin(), kSlab);
  const Address byte_of_slab = map.begin + (full_ - first_page) / kSlab;
  const Address last_byte = map.begin + map.size - kTag - 1;
  const auto expect_named = [&](Address byte, unsigned char wrong) {
    auto& stored = *heap_.pages().at<unsigned char>(byte);
    const unsigned char right = std::exchange(stored, wrong);
    EXPECT_EQ(heap_.find_corruption().kind, Corruption::Kind::kSlabMapOverwritten)
        << byte - map.begin << ": " << int{wrong};
    stored = right;
  };
  for (unsigned size_class = 1; size_class < 256; ++size_class) {
    const bool exists = std::ranges::count(sizes_in_slabs(), size_class * kGranule) != 0;
    if (!exists) expect_named(byte_of_slab, static_cast<unsigned char>(size_class));
  }
  expect_named(last_byte, 1);  // no memory lies there
}

TEST_F(BrokenSegregatedFit, AnOverrunIntoTheNextTagIsFound) {
  const Address block = heap_.malloc(2000);
  static_cast<void>(heap_.malloc(2000));
  std::memset(heap_.pages().at<char>(block), 'A', heap_.usable_size(block) + 1);
  EXPECT_EQ(heap_.find_corruption().kind, Corruption::Kind::kHeaderOverwritten);
}

}  // namespace
}  // namespace lite_alloc::test
